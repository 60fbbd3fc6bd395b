"""Planning the containment of one container once more: which steps, which numbers, and what is refused."""

from typing import Any

import msgspec

from irkit.core.container import Container
from irkit.core.operations import Disconnect, Kill, Pause, Touch
from irkit.core.plan import Task
from irkit.engine.plan_again import contain_steps, plan_again
from tests.engine.world import container, request_for, step

STEPS = (step("collect.processes"), step("isolate.disconnect"), step("snapshot.export"), step("contain.pause"))


def again(*steps: Any, now: Container | None = None, approved: Touch = Touch.CHANGE, **more: Any) -> tuple[Task, ...]:
    return plan_again(request_for([container()], *steps, **more), now or container(), 100, approved)


def test_only_steps_that_contain_are_planned_with_numbers_of_their_own() -> None:
    tasks = again(*STEPS)
    assert [(one.index, one.step, one.after) for one in tasks] == [(100, "disconnect", ()), (101, "pause", (100,))]
    kinds = [type(operation) for task in tasks for operation in task.operations if operation.touch is not Touch.READ]
    assert kinds == [Disconnect, Pause]
    assert contain_steps(request_for([container()], *STEPS)) == {"disconnect", "pause"}


def test_the_facts_that_count_are_those_of_now() -> None:
    (task,) = again(step("isolate.disconnect"), now=container("web", "backdoor"))
    assert [one.network for one in task.operations if isinstance(one, Disconnect)] == ["backdoor"]


def test_that_the_run_itself_holds_it_is_no_reason_to_refuse_it() -> None:
    (task,) = again(step("contain.pause"), contained={container().key: "this run"}, named_twice={container().key})
    assert not task.refused


def test_one_that_is_no_target_of_the_run_is_planned_as_one() -> None:
    (task,) = again(step("contain.pause"), now=container("web-2"))
    assert task.containers == (container("web-2").key,)
    assert [one.subject for one in task.operations] == [container("web-2").id]


def test_what_goes_beyond_what_was_approved_is_refused() -> None:
    pause, kill = again(step("contain.pause"), step("contain.kill"))
    assert pause.operations and not pause.refused
    assert kill.refused and not kill.operations
    _, approved = again(step("contain.pause"), step("contain.kill"), approved=Touch.DESTROY)
    assert [type(one) for one in approved.operations] == [Kill]


def test_ending_one_that_removes_itself_is_refused_as_in_any_plan() -> None:
    now = msgspec.structs.replace(container("web-2"), auto_remove=True)
    (task,) = again(step("contain.kill"), now=now, approved=Touch.DESTROY)
    assert "--rm" in task.refused
