"""From a playbook and facts to a plan."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from irkit.actions import ACTIONS
from irkit.adapters.memory_changes import full_id
from irkit.core.action import Action, Phase, RunFacts, Scope
from irkit.core.container import Container, Limits
from irkit.core.errors import NoTargetError, PlaybookError
from irkit.core.host import Host
from irkit.core.operations import Disconnect, InspectImage, Operation, Pause, Touch
from irkit.core.plan import Plan, Task
from tests.engine.world import container, operations_of, plan_for, step

WEB, DB = container("web", "front", "back"), container("db", "back")
FAR = container("far", host="other")


def tasks_of(plan: Plan, step_id: str) -> list[Task]:
    return [task for task in plan.tasks if task.step == step_id]


def hosts_of(tasks: list[Task]) -> list[str]:
    return [task.host for task in tasks]


@dataclass(frozen=True)
class EachImage(Action):
    """One operation for each image."""

    name = "test.image"
    scope = Scope.IMAGE

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield InspectImage(container.image_digest)


@dataclass(frozen=True)
class StopImage(EachImage):
    """Contains whatever runs an image."""

    name = "test.contain_image"
    phase = Phase.CONTAIN


def test_a_container_step_is_planned_once_for_each_target() -> None:
    tasks = tasks_of(plan_for([WEB, DB], step("contain.pause")), "pause")
    assert [task.containers for task in tasks] == [(WEB.key,), (DB.key,)]
    assert [task.operations for task in tasks] == [(Pause(WEB.id),), (Pause(DB.id),)]


def test_a_host_step_is_planned_once_for_each_host_and_for_all_its_targets() -> None:
    tasks = tasks_of(plan_for([WEB, DB, FAR], step("collect.events")), "events")
    assert [(task.host, task.containers) for task in tasks] == [("local", (WEB.key, DB.key)), ("other", (FAR.key,))]


def test_an_image_step_is_planned_once_for_each_image_of_each_host() -> None:
    actions = {**ACTIONS, "test.image": EachImage}
    other = container("other", image_digest="sha256:2")
    tasks = tasks_of(plan_for([WEB, other, DB, FAR], step("test.image"), actions=actions), "image")
    assert [task.containers for task in tasks] == [(WEB.key, DB.key), (other.key,), (FAR.key,)]


def test_containers_whose_image_is_not_known_are_not_taken_for_one_image() -> None:
    unknown = [container(name, image_digest="") for name in ("a", "b")]
    tasks = tasks_of(plan_for(unknown, step("test.image"), actions={"test.image": EachImage}), "image")
    assert [task.containers for task in tasks] == [(one.key,) for one in unknown]


def test_a_refusal_of_any_container_holds_for_the_task_they_share() -> None:
    actions = {"test.contain_image": StopImage}
    plan = plan_for([WEB, DB], step("test.contain_image"), actions=actions, contained={DB.key: "run0"})
    (task,) = tasks_of(plan, "contain_image")
    assert "run0" in task.refused
    assert task.operations == ()


def test_every_run_begins_and_ends_with_the_facts_of_its_hosts() -> None:
    plan = plan_for([WEB, FAR], step("contain.pause"))
    texts = ["read engine info", "read engine version", "measure clock offset at start of run"]
    assert [text for _, text in operations_of(plan)][:6] == texts * 2
    assert [text for _, text in operations_of(plan)][-2:] == ["measure clock offset at end of run"] * 2
    assert [task.order for task in plan.tasks] == [0, 0, 1, 1, 2, 2]


def test_a_host_without_targets_has_no_tasks() -> None:
    plan = plan_for([WEB], step("contain.pause"))
    assert set(hosts_of(list(plan.tasks))) == {"local"}


def test_each_task_waits_for_the_one_before_it_of_the_same_container() -> None:
    plan = plan_for([WEB, DB], step("collect.logs"), step("collect.events"), step("contain.pause"))
    waits = {(task.step, task.containers): task.after for task in plan.tasks}
    logs_web, logs_db = (task.index for task in tasks_of(plan, "logs"))
    (events,) = (task.index for task in tasks_of(plan, "events"))
    pause_web, pause_db = (task.index for task in tasks_of(plan, "pause"))
    assert waits["host", ()] == ()
    assert waits["logs", (WEB.key,)] == waits["logs", (DB.key,)] == ()
    assert waits["events", (WEB.key, DB.key)] == (logs_web, logs_db)
    assert waits["pause", (WEB.key,)] == waits["pause", (DB.key,)] == (events,)
    assert waits["host", (WEB.key, DB.key)] == (pause_web, pause_db)


def test_what_belongs_to_the_host_is_read_once_though_several_targets_have_it() -> None:
    texts = [text for _, text in operations_of(plan_for([WEB, DB], step("collect.inspect")))]
    assert texts.count("inspect container") == 2
    for once in ("read engine info", "inspect network back", f"inspect image {full_id('app')[:12]}"):
        assert texts.count(once) == 1


def test_each_host_reads_its_own() -> None:
    texts = [text for _, text in operations_of(plan_for([WEB, FAR], step("collect.inspect")))]
    assert texts.count("read engine info") == 2


def test_a_host_step_given_twice_is_done_twice() -> None:
    plan = plan_for(
        [WEB], step("collect.events", id="before"), step("contain.pause"), step("collect.events", id="after")
    )
    assert [operations_of(plan, one) for one in ("before", "after")] == [
        [(one, "read engine events since 24h")] for one in ("before", "after")
    ]


def test_a_step_whose_condition_is_false_is_skipped_for_that_container_only() -> None:
    paused = container("cold", state="paused")
    tasks = tasks_of(plan_for([WEB, paused], step("contain.pause", when='container.state == "running"')), "pause")
    assert [bool(task.operations) for task in tasks] == [True, False]
    assert tasks[1].skipped == 'not when container.state == "running"'
    assert not tasks[1].refused


def test_a_step_with_nothing_to_do_says_so() -> None:
    tight = container("tight", limits=Limits(pids=5))
    (task,) = tasks_of(plan_for([tight], step("contain.limit", pids=10)), "limit")
    assert task.skipped == "there is nothing to do"


def test_expressions_in_arguments_see_the_container() -> None:
    plan = plan_for([WEB], step("isolate.disconnect", keep=["${{ container.attachments[0].network }}"]))
    assert tasks_of(plan, "disconnect")[0].operations == (Disconnect(WEB.id, "front", ("back",)),)


@pytest.mark.parametrize("bad", [{"when": "container.nme == 1"}, {"when": "1"}, {"keep": "back"}, {"kep": ["back"]}])
def test_what_does_not_evaluate_is_an_error_of_the_playbook(bad: dict[str, Any]) -> None:
    with pytest.raises(PlaybookError):
        plan_for([WEB], step("isolate.disconnect", **bad))


def test_selects_leaves_out_and_says_so() -> None:
    plan = plan_for([WEB, DB], step("contain.pause"), selects='container.name == "web"')
    assert [target.name for target in plan.targets] == ["web"]
    assert [(one.check, one.container) for one in plan.findings] == [("plan.selects", DB.key)]
    with pytest.raises(NoTargetError):
        plan_for([DB], step("contain.pause"), selects='container.name == "web"')


def test_a_container_named_twice_is_collected_but_not_contained() -> None:
    plan = plan_for([WEB], step("collect.logs"), step("contain.pause"), named_twice=frozenset({WEB.key}))
    assert tasks_of(plan, "logs")[0].operations
    (task,) = tasks_of(plan, "pause")
    assert "named twice" in task.refused
    assert task.stop_on_error
    assert [(one.container, one.step) for one in plan.refusals] == [(WEB.key, "pause")]
    assert not plan.is_refused


def test_a_container_that_a_run_holds_contained_is_refused_with_the_run() -> None:
    plan = plan_for([WEB, DB], step("isolate.disconnect"), contained={WEB.key: "irb-7"})
    refused, done = tasks_of(plan, "disconnect")
    assert "irb-7" in refused.refused
    assert done.operations


def test_a_container_on_the_host_network_is_refused_and_its_lane_ends_there() -> None:
    exposed = container("exposed", "host", network_mode="host")
    (task,) = tasks_of(plan_for([exposed], step("isolate.disconnect")), "disconnect")
    assert "host" in task.refused
    assert task.stop_on_error


def test_a_condition_that_is_false_comes_before_a_refusal() -> None:
    exposed = container("exposed", "host", network_mode="host")
    (task,) = tasks_of(plan_for([exposed], step("isolate.disconnect", when="false")), "disconnect")
    assert (task.refused, task.skipped) == ("", "not when false")


@pytest.mark.parametrize(
    ("action", "on_error", "stops"),
    [
        ("collect.logs", "", False),
        ("contain.pause", "", True),
        ("collect.logs", "stop", True),
        ("contain.pause", "continue", False),
        ("snapshot.commit", "", True),
    ],
)
def test_changes_stop_on_error_and_reads_go_on_unless_the_step_says(action: str, on_error: str, stops: bool) -> None:
    (task,) = tasks_of(plan_for([WEB], step(action, id="it", on_error=on_error)), "it")
    assert task.stop_on_error is stops


def test_the_timeout_is_the_steps_else_the_actions() -> None:
    @dataclass(frozen=True)
    class Slow(EachImage):
        """Slow."""

        name = "test.slow"
        timeout = "2h"

    actions = {**ACTIONS, "test.slow": Slow}
    steps = (
        step("test.slow", id="a"),
        step("test.slow", id="b", timeout="90s"),
        step("contain.pause", id="c", retries=2),
    )
    plan = plan_for([WEB], *steps, actions=actions)
    assert {task.step: task.timeout for task in plan.tasks if task.step != "host"} == {"a": 7200, "b": 90, "c": 0}
    assert tasks_of(plan, "c")[0].retries == 2


def test_the_touch_of_a_plan_is_its_gravest_operation() -> None:
    assert plan_for([WEB], step("collect.logs")).touch is Touch.READ
    assert plan_for([WEB], step("collect.logs"), step("contain.pause")).touch is Touch.CHANGE
    assert plan_for([WEB], step("contain.stop"), step("contain.pause")).touch is Touch.DESTROY
    refused = plan_for([WEB], step("contain.stop"), contained={WEB.key: "irb-7"})
    assert refused.touch is Touch.READ


# Hosts -----------------------------------------------------------------------------------------------------------


def test_a_host_that_is_left_out_is_noticed_and_refused_and_the_plan_is_for_the_others() -> None:
    plan = plan_for([WEB], step("contain.pause"), unreached={"far": "nobody answers"})
    assert [(one.host, one.container, one.step, one.reason) for one in plan.refusals] == [
        ("far", "", "", "nobody answers")
    ]
    assert not plan.is_refused and not plan.refusals[0].is_whole
    (finding,) = plan.findings
    assert (finding.check, finding.host, finding.because) == ("plan.unreached", "far", ("nobody answers",))
    assert operations_of(plan, "pause") == [("pause", "pause")]


def test_a_plan_has_the_hosts_that_it_works_on_and_no_others() -> None:
    used, idle = Host(name="local", engine_id="ID", route="a socket"), Host(name="idle")
    plan = plan_for([WEB], step("contain.pause"), hosts=[idle, used])
    assert plan.hosts == (used,)
    assert {task.host for task in plan.tasks} == {"local"}


def test_what_needs_root_is_refused_on_hosts_without_it_and_nowhere_else() -> None:
    why = {"local": "sudo wants a password"}
    plan = plan_for([WEB, FAR], step("isolate.firewall"), step("contain.pause"), no_root=why)
    here, there = tasks_of(plan, "firewall")
    assert here.refused == "it needs root on the host: sudo wants a password" and not here.operations
    assert here.stop_on_error and there.operations and not there.refused
    assert all(task.operations for task in tasks_of(plan, "pause"))
    assert [one.reason for one in plan.refusals] == [here.refused]
