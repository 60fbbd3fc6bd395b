"""One operation: facts before it, the way back, the request, the proof, and trying again."""

import threading

import pytest

from irkit.adapters.memory import FaultyTarget
from irkit.core.container import Container, RestartPolicy
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import OperationFailed
from irkit.core.operations import Operation, Pause, ReadLogs
from irkit.core.ports import Deadline
from irkit.engine.runner import Limits
from tests.engine.guard import within
from tests.engine.world import (
    CONTAIN,
    LOST,
    PATIENCE,
    Hooked,
    World,
    container,
    events_of,
    fail,
    failures,
    hook,
    skips,
    step,
    wait_for,
)


def test_the_way_back_is_worked_out_from_facts_of_that_moment_and_logged_before_the_act() -> None:
    world = World(container("web", "front"))
    plan = world.plan(step("contain.restart_policy"))
    later = container("web", "front", restart_policy=RestartPolicy(name="always"))
    world.memory["local"].containers[later.id] = later
    (change,) = world.run(plan).changes
    assert [operation.text() for operation in change.started.undo] == ["set restart policy always"]


def test_every_change_is_proven_by_facts_and_a_read_is_not() -> None:
    world = World(container())
    run = world.run(world.plan(*CONTAIN))
    proofs = {one.started.operation.text(): one.proof for one in run.operations if one.started.container}
    assert proofs == {
        "list processes": "",
        "disconnect from network bridge": "asserted by the engine",
        "pause": "asserted by the engine",
    }


def test_a_change_that_was_answered_and_did_not_happen_is_a_failure() -> None:
    world = World(container("web", "front"))
    memory = world.memory["local"]
    before = dict(memory.containers)
    hook(world, after=lambda operation, _: memory.containers.update(before))
    run = world.run(world.plan(*CONTAIN))
    (failure,) = run.failures
    assert failure.reason == "NOT isolated: it is still attached to network front"
    assert failure.took_hold == "in doubt"
    assert skips(world) == {"pause": "not done, as step 'disconnect' failed"}


def test_a_change_that_cannot_be_verified_is_in_doubt() -> None:
    class Blind(Hooked):
        looks = 0

        def examine(self, container: str, deadline: Deadline) -> Container:
            self.looks += 1
            if self.looks == 2:
                raise LOST
            return super().examine(container, deadline)

    world = World(container())
    world.targets["local"] = Blind(world.memory["local"])
    run = world.run(world.plan(step("contain.pause")))
    (failure,) = run.failures
    assert failure.reason == "it could not be verified: the connection ended"
    assert failure.is_change


def test_what_does_not_apply_any_more_is_skipped_and_no_failure() -> None:
    world = World(container("web", "front"))
    plan = world.plan(*CONTAIN)
    world.run(plan)
    run = world.run(plan)
    assert run.is_clean
    assert run.changes == []
    assert [one.reason for one in run.inapplicable] == ["it is not attached to network front", "it is paused"]


# Tried again -----------------------------------------------------------------------------------------------------


def test_a_read_that_failed_is_tried_again_as_often_as_the_step_says() -> None:
    world = World(container())
    hook(world, fail(ReadLogs, LOST))
    run = world.run(world.plan(step("collect.logs", retries=2)))
    failed = [one for one in events_of(world.store, OperationFailed) if isinstance(one, OperationFailed)]
    assert [(one.attempt, one.final) for one in failed] == [(1, False), (2, False), (3, True)]
    assert len(run.failures) == 1


def test_a_read_that_works_the_second_time_is_no_failure() -> None:
    world = World(container())
    world.targets["local"] = FaultyTarget(world.memory["local"], dict.fromkeys((1, 3, 5, 7), (LOST, "before")))
    run = world.run(world.plan(step("collect.logs", retries=5)), limits=Limits(parallel=1, bulk=1))
    assert [one for one in run.failures if one.started.step == "logs"] == []


def test_a_change_whose_answer_was_lost_counts_as_done_where_the_facts_say_so() -> None:
    world = World(container())
    hook(world, after=fail(Pause, LOST))
    run = world.run(world.plan(step("contain.pause", retries=3)))
    assert run.is_clean
    (change,) = run.changes
    assert (change.state, change.proof, change.started.attempt) == ("finished", "asserted by the engine", 1)
    assert "its answer was lost" in change.detail


def test_a_change_that_may_still_take_hold_is_not_tried_again() -> None:
    world = World(container())
    hook(world, fail(Pause, LOST))
    run = world.run(world.plan(step("contain.pause", retries=3)))
    (failure,) = run.failures
    assert (failure.started.attempt, failure.took_hold) == (1, "in doubt")


def test_a_change_that_certainly_did_nothing_is_tried_again() -> None:
    world = World(container())
    tries: list[int] = []

    def refuse_once(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Pause):
            tries.append(1)
            if len(tries) == 1:
                raise TargetError("busy", Refusal.REFUSED)

    hook(world, refuse_once)
    run = world.run(world.plan(step("contain.pause", retries=1)))
    assert run.is_clean
    assert world.containers["web"].state == "paused"


@pytest.mark.parametrize("kind", [Refusal.UNSUPPORTED, Refusal.CANCELLED])
def test_what_cannot_work_is_not_tried_again(kind: Refusal) -> None:
    world = World(container())
    hook(world, fail(ReadLogs, TargetError("no", kind)))
    run = world.run(world.plan(step("collect.logs", retries=3)))
    assert [one.started.attempt for one in run.failures] == [1]


def test_an_interrupt_at_once_gives_up_on_changes_and_leaves_them_in_doubt() -> None:
    world = World(container())
    changing = threading.Event()

    def block(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Pause):
            changing.set()
            wait_for(threading.Event(), deadline)

    hook(world, block)
    runner = world.runner()

    def run() -> None:
        for _ in runner.execute(world.plan(step("contain.pause"))):
            if changing.wait(0.05):
                runner.interrupt(at_once=True)

    within(PATIENCE, run)
    (failure,) = failures(world.logged())
    assert failure.took_hold == "in doubt"


def test_an_attempt_that_the_end_of_the_run_forestalls_leaves_the_failure_standing() -> None:
    world = World(container())
    runner = world.runner()

    def fail_and_interrupt(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, ReadLogs):
            runner.interrupt()
            raise LOST

    hook(world, fail_and_interrupt)
    within(PATIENCE, lambda: list(runner.execute(world.plan(step("collect.logs", retries=2)))))
    assert [one.started.operation for one in failures(world.logged())] == [ReadLogs(container().id)]
