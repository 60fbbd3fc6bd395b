"""What takes back by itself what it changed: nothing is left to undo, unless it did not get there."""

import pytest

from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import DumpMemory, Operation, Pause
from irkit.core.ports import Deadline
from irkit.core.proof import ProofLevel, Seen
from irkit.engine.undo import outstanding
from tests.engine.world import World, container, fail, failures, hook, step

MEMORY = step("snapshot.memory")


def test_nothing_is_left_to_undo_of_one_that_ended_and_it_is_no_containment() -> None:
    world = World(container())
    run = world.run(world.plan(MEMORY))
    assert run.is_clean and outstanding(run, []) == []
    assert [type(one.started.operation) for one in run.changes] == [DumpMemory]
    assert not world.plan_undo(run).tasks


@pytest.mark.parametrize("state", ["running", "paused"])
def test_one_of_which_no_word_came_is_undone_as_it_was_found(state: str) -> None:
    world = World(container(state=state))
    hook(world, after=fail(DumpMemory, TargetError("the way there is lost", Refusal.LOST)))
    run = world.run(world.plan(MEMORY))
    left = [operation.text() for _, _, operation in outstanding(run, [])]
    assert left == (["unpause"] if state == "running" else [])


def test_left_frozen_it_is_let_go_on_by_undo() -> None:
    world = World(container())

    def freeze(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, DumpMemory):
            world.memory["local"].act(Pause(operation.container))
            raise TargetError("it is STILL FROZEN: the engine is gone", Refusal.LOST)

    hook(world, before=freeze)
    run = world.run(world.plan(MEMORY))
    assert world.containers["web"].state == "paused"
    assert world.undo(run).is_clean
    assert world.containers["web"].state == "running"


def test_one_that_fails_does_not_keep_the_rest_from_being_collected() -> None:
    world = World(container())
    hook(world, before=fail(DumpMemory, TargetError("no", Refusal.REFUSED)))
    run = world.run(world.plan(MEMORY, step("collect.inspect")))
    assert [one.started.step for one in failures(run)] == ["memory"]
    assert not run.left_out


def test_one_found_paused_stays_so_and_one_still_paused_is_a_failure() -> None:
    running, paused = container(), container(state="paused")
    dump = DumpMemory(running.id, 1, 1)

    def proof(before: Container, after: Container) -> tuple[ProofLevel, str]:
        found = dump.prove(Seen(before, after, None, None))
        return found.level, found.because

    assert proof(paused, paused)[0] is proof(running, running)[0] is ProofLevel.ASSERTED
    assert proof(running, paused) == (ProofLevel.WRONG, "it was running before, and is still paused")
    assert dump.undo(paused) == ()
