"""What the steps of a plan mean for their containers, as its rows say it."""

from typing import Any

import pytest

from irkit.core.container import RestartPolicy
from irkit.tui.plan_rows import step_rows
from tests.engine.world import World, attachment, container, plan_for, step

WEB = container("web", attachment("front"), attachment("back"), restart_policy=RestartPolicy(name="always"))
APP = container("app", attachment("front"), restart_policy=RestartPolicy(name="on-failure"))
BRIEF = container("brief", attachment("front"), auto_remove=True)


def notes(*steps: Any, of: Any = (WEB,)) -> list[str]:
    rows = step_rows(plan_for(list(of), *steps))
    return [row.note for row in rows if row.step != "host"]


@pytest.mark.parametrize(
    ("action", "arguments", "told"),
    [
        ("isolate.disconnect", {}, "off 2 networks, peers time out (back, front)"),
        ("contain.pause", {}, "it stands still"),
        ("contain.stop", {"grace": 25}, "25 s of grace, then killed: its memory is lost"),
        ("contain.kill", {}, "ended at once: its memory is lost"),
        ("contain.restart_policy", {"policy": "no"}, "was always"),
        ("snapshot.commit", {}, "the image stays on the host; it stands still meanwhile"),
        ("snapshot.memory", {"freeze_for": "90s"}, "it stands still meanwhile, 90 s at most"),
        ("collect.inspect", {}, ""),
    ],
)
def test_what_a_change_means_is_told_in_a_few_words(action: str, arguments: dict[str, Any], told: str) -> None:
    assert notes(step(action, **arguments)) == [told]


def test_of_several_containers_what_differs_is_told_once_each() -> None:
    assert notes(step("isolate.disconnect"), of=(WEB, APP)) == ["off 2 networks, peers time out (back, front)"]
    assert notes(step("contain.restart_policy", policy="no"), of=(WEB, APP)) == ["was always, on-failure"]


def test_one_that_removes_itself_is_told_before_it_is_stopped() -> None:
    (told,) = notes(step("contain.stop", accept_loss=True), of=(WEB, BRIEF))
    assert told.endswith("its memory is lost; 1 removed with all data (--rm)")


def test_an_undo_says_where_a_container_gets_back_to() -> None:
    world = World(APP)
    plan = world.plan_undo(world.run(world.plan(step("isolate.disconnect"), step("contain.pause"))))
    told = " ".join(row.note for row in step_rows(plan))
    assert "back on 1 network (front)" in told and "it goes on" in told


def test_a_network_s_name_obeys_nothing() -> None:
    (told,) = notes(step("isolate.disconnect"), of=(container("web", attachment("a\x1b[2J")),))
    assert "\x1b" not in told and "off 1 network" in told
