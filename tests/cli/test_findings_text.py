"""What was noticed, as a responder reads it: said once for all of whom it is the same, with what to do about it."""

from msgspec.structs import replace

from irkit.cli.render import plan_text, run_text
from irkit.core.container import RestartPolicy
from irkit.core.finding import Finding, Severity
from tests.engine.world import World, attachment, container, plan_for, step

CUT = step("isolate.disconnect")


def lines_of(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def test_what_is_the_same_of_many_is_said_once() -> None:
    plan = plan_for([container(name) for name in ("web", "app", "db")], CUT)
    (line,) = lines_of(plan_text(plan), "! ")
    assert line.startswith("! web, app, db: bridge is the default network")


def test_not_all_of_very_many_are_named() -> None:
    plan = plan_for([container(f"c{number}") for number in range(30)], CUT)
    (line,) = lines_of(plan_text(plan), "! ")
    assert "c9 and 20 more: " in line and "c10" not in line


def test_what_to_do_stands_below_what_was_noticed() -> None:
    place = attachment("front", fixed_ipv4="10.1.0.5")
    plan = plan_for([container("web", place, restart_policy=RestartPolicy(name="always"))], CUT)
    text = plan_text(plan).splitlines()
    (at,) = [number for number, line in enumerate(text) if line.startswith("! web: its restart policy is always")]
    assert text[at + 1] == "    to do: contain.restart_policy, before that"


def test_what_a_container_says_of_itself_is_shown_and_not_obeyed() -> None:
    labels = {"com.docker.compose.project": "\x1b[2J", "com.docker.compose.service": "a\nb"}
    plan = plan_for([container("web", labels=labels)], CUT)
    text = plan_text(plan)
    assert "\x1b" not in text and "Compose service ␛[2J/a␊b" in text


def test_what_is_not_as_it_was_found_is_in_the_summary() -> None:
    world = World(container("web", attachment("front", fixed_ipv4="10.1.0.5")))
    run = world.run(world.plan(CUT))
    web = world.containers["web"]
    world.memory["local"].containers[web.id] = replace(web, name="new")
    undo = world.undo(run)
    (line,) = lines_of(run_text(undo, 0), "DIFFERS")
    assert line == "DIFFERS   new: its name was web and is new"


def test_a_finding_of_no_container_has_no_name() -> None:
    finding = Finding(check="plan.host", severity=Severity.INFO, host="local", summary="host local: old")
    plan = plan_for([container()], step("collect.processes"))
    assert lines_of(plan_text(replace(plan, findings=(finding,))), "! ") == ["! host local: old"]
