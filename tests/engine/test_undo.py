"""The plan that takes a run back: its order, what counts as taken back, and what is nobody's business."""

import msgspec
import pytest

from irkit.adapters.memory_store import MemoryStore
from irkit.core.container import RestartPolicy
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import OperationFinished, OperationSkipped, OperationStarted, RunStarted
from irkit.core.operations import AnyOperation, Disconnect, Operation, Pause, Unpause
from irkit.core.ports import Deadline
from irkit.core.run import Run, replay
from irkit.engine.undo import outstanding, plan_undo
from tests.engine.world import Hooked, World, attachment, container, events_of, plan_for, step

FIXED = attachment("front", fixed_ipv4="10.1.0.5", aliases=("web", "shop"))
WEB = container("web", FIXED, "back", network_mode="front", restart_policy=RestartPolicy(name="always"))
DB = container("db", "back")
STEPS = (step("contain.restart_policy"), step("isolate.disconnect"), step("contain.pause"))


def texts(world: World, run: Run, *undone: Run) -> list[str]:
    return [operation.text() for task in world.plan_undo(run, *undone).tasks for operation in task.operations]


def change_by_hand(world: World, name: str, **facts: object) -> None:
    """Somebody else at work, past irkit."""
    one = world.containers[name]
    world.memory["local"].containers[one.id] = msgspec.structs.replace(one, **facts)


def interfere(world: World, kind: type[Operation], **facts: object) -> None:
    """Somebody else does the same, between irkit's look and irkit's request."""

    def meddle(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, kind):
            change_by_hand(world, "web", **facts)

    world.targets["local"] = Hooked(world.memory["local"], meddle)


# Order -----------------------------------------------------------------------------------------------------------


def test_the_last_change_is_taken_back_first_and_the_network_it_was_made_with_before_the_others() -> None:
    world = World(WEB)
    run = world.run(world.plan(*STEPS))
    assert texts(world, run) == [
        "unpause",
        "connect to network front as 10.1.0.5, web, shop",
        "connect to network back",
        "set restart policy always",
    ]


def test_a_paused_container_that_was_stopped_is_started_and_then_paused() -> None:
    world = World(container(state="paused"))
    run = world.run(world.plan(step("contain.stop", accept_loss=True)))
    assert texts(world, run) == ["start", "pause"]
    assert world.undo(run).is_clean
    assert world.containers["web"].state == "paused"


def test_each_container_is_taken_back_by_itself() -> None:
    world = World(WEB, DB)
    run = world.run(world.plan(*STEPS))
    plan = world.plan_undo(run)
    assert sorted(task.containers for task in plan.tasks) == sorted([(WEB.key,), (DB.key,)])
    assert all(task.after == () for task in plan.tasks)


# There and back --------------------------------------------------------------------------------------------------


def test_undo_puts_everything_back_and_a_second_one_has_nothing_to_do() -> None:
    world = World(WEB, DB)
    run = world.run(world.plan(*STEPS))
    assert world.standing() != world.before
    undo = world.undo(run)
    assert undo.is_clean
    assert world.standing() == world.before
    assert outstanding(run, [undo]) == []
    assert world.plan_undo(run, undo).tasks == ()


def test_a_run_that_only_read_leaves_nothing_to_take_back() -> None:
    world = World(WEB)
    run = world.run(world.plan(step("collect.logs"), step("snapshot.commit")))
    assert world.plan_undo(run).tasks == ()


def test_some_containers_may_be_taken_back_and_the_others_later() -> None:
    world = World(WEB, DB)
    run = world.run(world.plan(*STEPS))
    first = world.run(world.plan_undo(run, only=frozenset({DB.key}), name="u1"))
    assert (world.containers["db"].state, world.containers["web"].state) == ("running", "paused")
    assert {key for _, key, _ in outstanding(run, [first])} == {WEB.id}
    world.undo(run, first, name="u2")
    assert world.standing() == world.before


def test_an_undo_run_can_be_taken_back_and_that_again() -> None:
    world = World(WEB, DB)
    run = world.run(world.plan(*STEPS))
    contained = world.standing()
    undo = world.undo(run, name="u")
    again = world.undo(undo, undo, name="v")
    assert again.is_clean
    assert world.standing() == contained
    runs = [run, undo, again]
    assert outstanding(undo, runs) == []
    assert len(outstanding(run, runs)) == len(outstanding(run, [])), "the run's changes stand again"
    back = world.undo(run, *runs, name="w")
    assert world.standing() == world.before
    assert outstanding(run, [*runs, back]) == []


def test_only_the_runs_that_take_this_one_back_count() -> None:
    world = World(WEB)
    run = world.run(world.plan(*STEPS, run="r1"))
    world.undo(run)
    other = world.run(world.plan(*STEPS, run="r2"))
    undo = world.undo(other, name="u2")
    assert len(outstanding(run, [undo, other, run])) == 4
    assert outstanding(other, [undo]) == []


def test_logs_that_claim_to_take_each_other_back_do_not_hang() -> None:
    def claim(name: str, undoes: str) -> Run:
        world = World(WEB)
        run = world.run(world.plan(*STEPS, run=name))
        assert run.started is not None
        run.started = msgspec.structs.replace(run.started, undoes=undoes)
        return run

    runs = [claim("a", "b"), claim("b", "a"), claim("c", "c")]
    for run in runs:
        outstanding(run, runs)


# What somebody else did ------------------------------------------------------------------------------------------


def test_a_disconnect_that_was_refused_because_it_was_so_already_is_not_taken_back() -> None:
    world = World(container("web", "front"))
    interfere(world, Disconnect, attachments=())
    run = world.run(world.plan(step("isolate.disconnect")))
    (failure,) = run.failures
    assert failure.took_hold == "no"
    assert texts(world, run) == []


def test_a_container_that_somebody_took_off_a_network_before_the_run_stays_off() -> None:
    world = World(WEB)
    plan = world.plan(*STEPS)
    change_by_hand(world, "web", attachments=WEB.attachments[1:])
    run = world.run(plan)
    world.undo(run)
    assert [place.network for place in world.containers["web"].attachments] == ["front"]


def test_what_somebody_put_back_already_is_left_as_it_is() -> None:
    world = World(WEB)
    run = world.run(world.plan(*STEPS))
    moved = attachment("front", fixed_ipv4="10.1.0.9")
    change_by_hand(world, "web", attachments=(moved,), state="running")
    undo = world.undo(run)
    assert undo.is_clean
    assert world.containers["web"].attachment("front") == moved
    assert world.containers["web"].attachment("back") is not None
    assert outstanding(run, [undo]) == []


def test_a_connect_that_was_refused_half_way_counts_as_in_doubt() -> None:
    world = World(WEB)
    run = world.run(world.plan(step("isolate.disconnect")))

    def half(operation: Operation, deadline: Deadline) -> None:
        places = [msgspec.structs.replace(one, aliases=()) for one in world.containers["web"].attachments]
        change_by_hand(world, "web", attachments=tuple(places))
        raise TargetError("no room for the alias", Refusal.REFUSED)

    world.targets["local"] = Hooked(world.memory["local"], after=half)
    undo = world.undo(run)
    assert {one.took_hold for one in undo.failures} == {"in doubt"}
    world.targets["local"] = world.memory["local"]
    assert {operation.text() for _, _, operation in outstanding(undo, [])} == {
        "disconnect from network front",
        "disconnect from network back",
    }


def test_a_connect_that_was_refused_and_left_nothing_may_be_tried_again() -> None:
    world = World(WEB, container("other", attachment("front", fixed_ipv4="10.1.0.7")))
    run = world.run(plan_for([WEB], step("isolate.disconnect")))
    change_by_hand(world, "other", attachments=(FIXED,))
    undo = world.undo(run)
    assert [(one.started.operation.text(), one.took_hold) for one in undo.failures] == [
        ("connect to network front as 10.1.0.5, web, shop", "no")
    ]
    change_by_hand(world, "other", attachments=())
    assert world.undo(run, undo, name="u2").is_clean
    assert world.standing()["web"] == world.before["web"]


# What is gone or out of reach ------------------------------------------------------------------------------------


def test_a_container_that_is_gone_is_refused_and_the_others_are_taken_back() -> None:
    world = World(WEB, DB)
    run = world.run(world.plan(*STEPS))
    del world.memory["local"].containers[DB.id]
    plan = world.plan_undo(run)
    assert [(one.container, one.reason) for one in plan.refusals] == [(DB.key, "it is gone")]
    assert not plan.is_refused
    undo = world.run(plan)
    assert not undo.is_clean
    assert world.containers["web"].state == "running"


def test_a_host_without_a_way_to_it_is_refused_and_not_a_crash() -> None:
    world = World(container("near", host="near"), container("far", host="far"))
    run = world.run(world.plan(step("contain.pause")))
    lost = world.memory.pop("far")
    plan = world.plan_undo(run)
    assert [one.reason for one in plan.refusals] == ["container far: no way to host 'far' is known here"]
    world.run(plan)
    assert world.containers["near"].state == "running"
    assert [one.state for one in lost.containers.values()] == ["paused"]


def test_a_host_that_could_not_be_reached_is_refused_with_its_reason() -> None:
    world = World(container("near", host="near"), container("far", host="far"))
    run = world.run(world.plan(step("contain.pause")))
    lost = world.memory.pop("far")
    request = world.undo_request(run, unreached={"far": "host far: nobody answers"})
    plan = plan_undo(request)
    assert [(one.host, one.container, one.step, one.reason) for one in plan.refusals] == [
        ("far", f"far/{next(iter(lost.containers))}", "undo", "container far: host far: nobody answers")
    ]
    assert not plan.is_refused and [host.name for host in plan.hosts] == ["near"]
    undo = world.run(plan)
    assert [(one.host, one.reason) for one in undo.refused] == [("far", "container far: host far: nobody answers")]
    assert not undo.is_clean and world.containers["near"].state == "running"


def test_a_failed_undo_goes_on_with_what_it_still_can() -> None:
    world = World(WEB)
    run = world.run(world.plan(*STEPS))

    def fail_unpause(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Unpause):
            raise TargetError("lost", Refusal.LOST)

    world.targets["local"] = Hooked(world.memory["local"], fail_unpause)
    undo = world.undo(run)
    assert [place.network for place in world.containers["web"].attachments] == ["back", "front"]
    left = [operation.text() for _, _, operation in outstanding(run, [undo])]
    assert left == texts(world, run), "all from the first that failed is done again in its turn"
    world.targets["local"] = world.memory["local"]
    assert world.undo(run, undo, name="u2").is_clean
    assert world.standing() == world.before


def test_what_an_undo_did_out_of_turn_is_done_again_after_what_failed() -> None:
    world = World(container())
    run = world.run(world.plan(step("contain.pause"), step("contain.stop")))
    assert texts(world, run) == ["start", "pause", "unpause"]

    def fail_pause(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Pause):
            raise TargetError("busy", Refusal.REFUSED)

    world.targets["local"] = Hooked(world.memory["local"], fail_pause)
    undo = world.undo(run)
    assert [one.operation.text() for one in undo.inapplicable] == ["unpause"]
    assert texts(world, run, undo) == ["pause", "unpause"]
    world.targets["local"] = world.memory["local"]
    world.undo(run, undo, name="u2")
    assert world.standing() == world.before, "running, and not left paused"


def test_a_run_without_a_first_record_cannot_be_taken_back() -> None:
    with pytest.raises(ValueError, match="first record"):
        World(WEB).plan_undo(Run())


# Counting --------------------------------------------------------------------------------------------------------


def made_run(name: str, undoes: str, *done: tuple[AnyOperation, tuple[AnyOperation, ...], str]) -> Run:
    """A run made by hand: operations with their way back, each `finished`, `in doubt` or `inapplicable`."""
    store = MemoryStore()
    store.append(
        RunStarted(
            run=name,
            case="",
            responder="",
            tool="",
            playbook="",
            playbook_version=1,
            playbook_digest="",
            plan_digest="",
            hosts=("local",),
            targets=(WEB.key,),
            names={},
            parameters={},
            undoes=undoes,
        )
    )
    for number, (operation, undo, state) in enumerate(done):
        place = {"task": 0, "number": number, "step": "s", "host": "local", "container": WEB.id}
        if state == "inapplicable":
            store.append(OperationSkipped(**place, reason="so", operation=operation, not_needed=True))  # type: ignore[arg-type]
            continue
        store.append(OperationStarted(**place, operation=operation, undo=undo))  # type: ignore[arg-type]
        if state == "finished":
            store.append(OperationFinished(**place, milliseconds=1))  # type: ignore[arg-type]
    return replay(store.records)


def test_an_operation_that_occurs_twice_must_be_taken_back_twice() -> None:
    pause, unpause = Pause(WEB.id), Unpause(WEB.id)
    run = made_run(
        "r", "", (pause, (unpause,), "finished"), (unpause, (pause,), "finished"), (pause, (unpause,), "in doubt")
    )
    assert [one for _, _, one in outstanding(run, [])] == [unpause, pause, unpause]
    once = made_run("u", "r", (unpause, (), "finished"))
    assert [one for _, _, one in outstanding(run, [once])] == [pause, unpause]
    twice = made_run("u2", "r", (unpause, (), "inapplicable"))
    assert [one for _, _, one in outstanding(run, [once, twice])] == [pause, unpause]
    whole = made_run("u3", "r", (unpause, (), "inapplicable"), (pause, (), "finished"), (unpause, (), "finished"))
    assert outstanding(run, [whole]) == []


def test_an_undo_in_doubt_has_taken_nothing_back() -> None:
    run = made_run("r", "", (Pause(WEB.id), (Unpause(WEB.id),), "finished"))
    undo = made_run("u", "r", (Unpause(WEB.id), (), "in doubt"))
    assert len(outstanding(run, [undo])) == 1


def test_two_runs_on_one_container_are_taken_back_each_by_its_own() -> None:
    world = World(WEB)
    first = world.run(world.plan(step("isolate.disconnect"), run="r1"))
    second = world.run(world.plan(*STEPS, run="r2"))
    assert texts(world, second) == ["unpause", "set restart policy always"]
    undo_second = world.undo(second, name="u2")
    assert world.containers["web"].attachments == ()
    undo_first = world.undo(first, undo_second, name="u1")
    assert world.standing() == world.before
    assert outstanding(first, [undo_first, undo_second]) == outstanding(second, [undo_first, undo_second]) == []


def test_what_an_undo_skipped_is_in_its_log() -> None:
    world = World(container("web", "front"))
    run = world.run(world.plan(step("contain.pause")))
    change_by_hand(world, "web", state="running")
    undo = world.undo(run)
    (skipped,) = events_of(world.store, OperationSkipped)
    assert isinstance(skipped, OperationSkipped)
    assert (skipped.not_needed, skipped.reason) == (True, "it is running")
    assert undo.is_clean
