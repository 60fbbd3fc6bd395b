"""What the order of steps destroys, and where it leaves the order of volatility."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from irkit.actions import ACTIONS
from irkit.core.action import Action, RunFacts, Scope
from irkit.core.container import Container
from irkit.core.operations import Operation, Stop
from irkit.core.plan import Plan
from irkit.core.playbook import Step
from tests.engine.world import container, operations_of, plan_for, step

WEB = container()
BRIEF = container("brief", auto_remove=True)
PROCESSES, LOGS, EXPORT = step("collect.processes"), step("collect.logs"), step("snapshot.export")


def findings(plan: Plan, check: str) -> list[str]:
    return [one.summary for one in plan.findings if one.check == check]


@pytest.mark.parametrize("ending", ["contain.stop", "contain.kill"])
@pytest.mark.parametrize("reading", ["collect.processes", "collect.stats"])
def test_ending_a_container_before_what_only_a_live_one_has_is_refused(ending: str, reading: str) -> None:
    plan = plan_for([WEB], step(ending, id="end"), step(reading, id="read"))
    assert plan.is_refused
    (refusal,) = plan.refusals
    assert refusal.step == "end"
    assert "step 'end' destroys" in refusal.reason
    assert "which step 'read' collects" in refusal.reason


def test_the_loss_may_be_accepted() -> None:
    plan = plan_for([WEB], step("contain.stop", accept_loss=True), PROCESSES)
    assert not plan.is_refused
    assert operations_of(plan, "stop")


def test_accepting_the_loss_of_one_step_does_not_accept_that_of_another() -> None:
    plan = plan_for([WEB], step("contain.stop", accept_loss=True), step("contain.kill"), PROCESSES)
    assert [one.step for one in plan.refusals] == ["kill"]


def test_in_the_other_order_nothing_is_refused() -> None:
    assert not plan_for([WEB], PROCESSES, LOGS, step("contain.stop"), EXPORT).refusals


def test_what_does_not_run_has_nothing_to_lose() -> None:
    plan = plan_for([container(state="exited")], step("contain.stop"), PROCESSES)
    assert not plan.refusals
    assert not findings(plan, "plan.loss")


def test_a_step_that_is_skipped_destroys_nothing() -> None:
    assert not plan_for([WEB], step("contain.stop", when="false"), PROCESSES).refusals


def test_stopping_one_made_with_rm_is_refused_for_that_container_only() -> None:
    plan = plan_for([WEB, BRIEF], PROCESSES, step("contain.stop"), EXPORT)
    assert not plan.is_refused
    (refusal,) = plan.refusals
    assert (refusal.container, refusal.step) == (BRIEF.key, "stop")
    assert "--rm" in refusal.reason
    stopped = [task.containers for task in plan.tasks if task.step == "stop" and task.operations]
    assert stopped == [(WEB.key,)]


@dataclass(frozen=True)
class StopOne(Action):
    """Stops one container of each image."""

    name = "test.stop_one"
    scope = Scope.IMAGE

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield Stop(container.id)


def test_what_a_shared_step_does_to_one_container_is_not_held_against_the_other() -> None:
    actions = {**ACTIONS, "test.stop_one": StopOne}
    plan = plan_for([WEB, BRIEF], step("test.stop_one"), actions=actions)
    assert plan.refusals == ()
    plan = plan_for([BRIEF, WEB], step("test.stop_one"), actions=actions)
    assert {one.container for one in plan.refusals} == {WEB.key, BRIEF.key}


def test_a_refused_step_keeps_what_the_playbook_says_of_errors() -> None:
    def stops(on_error: str) -> bool:
        plan = plan_for([BRIEF], step("contain.stop", on_error=on_error))
        return next(task.stop_on_error for task in plan.tasks if task.step == "stop")

    assert stops("")
    assert not stops("continue")


def test_stopping_one_made_with_rm_may_be_accepted() -> None:
    plan = plan_for([BRIEF], step("contain.stop", accept_loss=True))
    assert not plan.refusals
    assert operations_of(plan, "stop")


def test_removing_an_image_that_was_saved_loses_nothing() -> None:
    commit: list[Step] = [step("snapshot.commit", id=one, save=True, remove=True) for one in ("first", "second")]
    assert not plan_for([WEB], *commit).refusals


def test_what_nobody_collected_before_it_was_destroyed_is_told() -> None:
    (told,) = findings(plan_for([WEB], PROCESSES, step("contain.stop")), "plan.loss")
    assert "memory" in told
    assert "processes," not in told
    (told,) = findings(plan_for([WEB], step("contain.stop")), "plan.loss")
    assert "processes" in told


def test_an_order_against_volatility_is_told_once_for_all_containers() -> None:
    plan = plan_for([WEB, container("db")], LOGS, PROCESSES)
    assert findings(plan, "plan.order") == ["step 'processes' collects more volatile data than step 'logs' before it"]
    assert not plan.is_refused


def test_the_order_of_volatility_needs_no_word() -> None:
    assert not findings(plan_for([WEB], PROCESSES, LOGS, EXPORT), "plan.order")


def test_reads_of_the_host_have_no_place_in_the_order() -> None:
    assert not findings(plan_for([WEB], EXPORT, step("collect.events")), "plan.order")
