"""A run: what is logged when, what stops what, and that whoever reads cannot hold it up."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from irkit.actions import ACTIONS
from irkit.adapters.memory_store import MemoryStore
from irkit.core.action import Action, RunFacts
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import (
    FindingRaised,
    OperationStarted,
    Record,
    RunFinished,
    RunStarted,
    StepSkipped,
    TargetRefused,
)
from irkit.core.host import Host
from irkit.core.operations import (
    Commit,
    Disconnect,
    Export,
    Inspect,
    ListProcesses,
    Operation,
    Pause,
    ReadEngine,
    ReadLogs,
    SaveImage,
)
from irkit.core.ports import Deadline
from irkit.core.run import IN_DOUBT
from irkit.engine import patience
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

# What is logged --------------------------------------------------------------------------------------------------


def test_a_run_is_logged_from_its_plan_to_its_end() -> None:
    exposed = container("exposed", "host", network_mode="host")
    world = World(container(), exposed)
    plan = world.plan(step("contain.pause", when="false"), step("isolate.disconnect", on_error="continue"))
    run = world.run(plan)
    kinds = [type(record.event) for record in world.store.records]
    assert kinds[0] is RunStarted
    findings = len(plan.findings)
    assert findings and kinds[1 : findings + 1] == [FindingRaised] * findings
    assert tuple(kinds[findings + 1 : findings + 4]) == (StepSkipped, StepSkipped, TargetRefused)
    assert kinds[-1] is RunFinished
    assert run.started is not None
    assert run.started.names == {one.key: one.name for one in world.containers.values()}
    assert (run.finished and run.finished.outcome) == "done"
    assert not run.is_clean, "a target was refused"


def test_what_is_started_is_on_disk_before_the_request_and_what_is_finished_only_after_it() -> None:
    world = World(container())
    seen: list[str] = []

    def look(operation: Operation, deadline: Deadline) -> None:
        seen.extend(one.state for one in world.logged().operations if one.started.operation == operation)

    hook(world, look, look)
    run = world.run(world.plan(*CONTAIN))
    assert run.is_clean
    assert seen == [IN_DOUBT] * 2 * len(run.operations)


def test_records_are_read_in_the_order_of_the_log_however_the_workers_race() -> None:
    class SlowQueue:
        def __init__(self) -> None:
            self.kept: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
            self.get = self.kept.get

        def put(self, record: Record | None) -> None:
            time.sleep(0.002 * (record.seq % 2) if record else 0)
            self.kept.put(record)

    world = World(*(container(f"c{number}") for number in range(8)))
    runner = world.runner()
    runner._records = SlowQueue()  # type: ignore[assignment]
    read = within(PATIENCE, lambda: list(runner.execute(world.plan(*CONTAIN))))
    assert [record.seq for record in read] == list(range(1, len(world.store.records) + 1))


def test_evidence_goes_to_the_folder_of_its_container_or_host() -> None:
    world = World(container())
    run = world.run(world.plan(step("collect.inspect")))
    folders = {one.path.partition("/")[2] for one in run.evidence if one.path.endswith(("inspect.json", "info.json"))}
    assert folders == {f"local/{container().id[:8]}/inspect.json", "local/host/info.json"}


def test_a_container_that_is_gone_fails_its_own_steps_only() -> None:
    world = World(container(), container("db"))
    plan = world.plan(*CONTAIN)
    del world.memory["local"].containers[container().id]
    run = world.run(plan)
    assert {one.key for one in run.failures} == {container().key}
    assert all(one.took_hold == "no" for one in run.failures)
    assert world.containers["db"].state == "paused"


# What stops what -------------------------------------------------------------------------------------------------


def test_a_failure_ends_its_own_containers_steps_and_no_others() -> None:
    world = World(container(), container("db"))
    hook(world, fail(Disconnect, LOST, "web"))
    run = world.run(world.plan(*CONTAIN))
    assert [one.key for one in run.failures] == [container().key]
    assert (world.containers["web"].state, world.containers["db"].state) == ("running", "paused")
    assert skips(world) == {"pause": "not done, as step 'disconnect' failed"}
    assert not run.is_clean


def test_with_on_error_continue_the_steps_after_it_are_done() -> None:
    world = World(container())
    hook(world, fail(Disconnect, LOST))
    world.run(world.plan(step("isolate.disconnect", on_error="continue"), step("contain.pause")))
    assert world.containers["web"].state == "paused"


def test_a_failed_read_does_not_stop_the_containment_after_it() -> None:
    world = World(container())
    hook(world, fail(ListProcesses, LOST))
    run = world.run(world.plan(*CONTAIN))
    assert len(run.failures) == 1
    assert world.containers["web"].state == "paused"


def test_a_refused_step_ends_the_lane_unless_it_says_continue() -> None:
    exposed = container("exposed", "host", network_mode="host")
    for on_error, state in (("stop", "running"), ("", "running"), ("continue", "paused")):
        world = World(exposed)
        run = world.run(world.plan(step("isolate.disconnect", on_error=on_error), step("contain.pause")))
        assert world.containers["exposed"].state == state
        assert len(run.refused) == 1
        if state == "running":
            assert skips(world) == {"pause": "not done, as step 'disconnect' was refused"}


def test_a_host_that_is_left_out_is_in_the_log_with_its_reason_and_the_run_is_not_clean() -> None:
    world = World(container())
    run = world.run(world.plan(step("contain.pause"), unreached={"far": "nobody answers"}))
    assert run.refused == [TargetRefused(container="", host="far", step="", reason="nobody answers")]
    assert run.finished is not None and run.finished.outcome == "done" and not run.is_clean
    assert world.containers["web"].state == "paused"


def test_the_log_begins_with_the_engines_as_far_as_they_are_known() -> None:
    world = World(container())
    run = world.run(world.plan(step("contain.pause"), hosts=[Host(name="local", engine_id="ID-1")]))
    assert run.started is not None and run.started.engines == {"local": "ID-1"}
    run = World(container()).run(world.plan(step("contain.unpause")))
    assert run.started is not None and run.started.engines == {}


def test_what_others_count_on_is_read_even_where_the_lane_that_reads_it_has_stopped() -> None:
    world = World(container("web", "front"), container("db", "front"))
    hook(world, fail(Pause, LOST, "web"))
    run = world.run(world.plan(step("contain.pause"), step("collect.inspect")))
    done = [one.started.operation.text() for one in run.operations if one.state == "finished"]
    assert done.count("inspect network front") == 1
    assert skips(world)["inspect container"] == "not done, as step 'pause' failed"
    assert "measure clock offset at end of run" in done


def test_what_needs_the_operation_before_it_is_not_done_without() -> None:
    world = World(container())
    hook(world, fail(Commit, TargetError("no", Refusal.REFUSED)))
    world.run(world.plan(step("snapshot.commit", save=True, remove=True, on_error="continue")))
    reasons = set(skips(world).values())
    assert reasons == {"not done, as the operation before it did not finish"}
    assert len(skips(world)) == 2
    assert world.memory["local"].images == set()


def test_an_image_that_was_not_saved_is_not_removed() -> None:
    world = World(container())
    hook(world, fail(SaveImage, LOST))
    world.run(world.plan(step("snapshot.commit", save=True, remove=True, on_error="continue")))
    assert len(world.memory["local"].images) == 1


# Who reads -------------------------------------------------------------------------------------------------------


def until(reached: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_reader_that_stands_still_does_not_hold_the_run_up() -> None:
    world = World(*(container(f"c{number}") for number in range(20)))
    records = world.runner().execute(world.plan(*CONTAIN))
    within(PATIENCE, lambda: next(records))
    until(lambda: all(one.state == "paused" for one in world.containers.values()))
    until(lambda: events_of(world.store, RunFinished))
    assert within(PATIENCE, lambda: len(list(records))) == len(world.store.records) - 1


@pytest.mark.parametrize("read", [1, 2, 7, 20])
def test_a_run_whose_reader_goes_away_is_carried_to_its_end(read: int) -> None:
    world = World(container(), container("db"))
    records = world.runner().execute(world.plan(*CONTAIN))

    def leave() -> None:
        for _ in range(read):
            next(records)
        records.close()  # type: ignore[attr-defined]

    within(PATIENCE, leave)
    assert {one.state for one in world.containers.values()} == {"paused"}
    assert world.logged().is_clean


# Told to stop ----------------------------------------------------------------------------------------------------


def test_an_interrupt_ends_reads_waits_for_changes_and_begins_nothing_new() -> None:
    world = World(container(), container("db"))
    reading, changing, go_on, never = (threading.Event() for _ in range(4))

    def block(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, ReadLogs) and operation.subject == container().id:
            reading.set()
            wait_for(never, deadline)
        if isinstance(operation, Pause) and operation.subject == container("db").id:
            changing.set()
            wait_for(go_on, deadline)

    hook(world, block)
    plan = world.plan(
        step("collect.logs", when='container.name == "web"'), step("contain.pause"), step("collect.changes")
    )
    runner = world.runner()

    def stop() -> None:
        if reading.wait(PATIENCE) and changing.wait(PATIENCE):
            runner.interrupt("enough")
            runner.interrupt("again")
            threading.Timer(0.05, go_on.set).start()

    stopper = threading.Thread(target=stop)
    stopper.start()
    within(PATIENCE, lambda: list(runner.execute(plan)))
    stopper.join()
    logged = world.logged()
    assert world.containers["db"].state == "paused"
    assert world.containers["web"].state == "running"
    (failure,) = failures(logged)
    assert (failure.started.operation, failure.reason) == (ReadLogs(container().id), "stopped")
    assert set(skips(world).values()) == {"not begun: the run was ending"}
    assert (logged.finished and (logged.finished.outcome, logged.finished.reason)) == ("interrupted", "enough")
    assert not logged.is_clean


def test_a_read_that_never_comes_back_is_given_up_and_the_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GRACE", 0.1)
    world = World(container())
    never = threading.Event()

    def hang(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, ListProcesses):
            runner.interrupt("enough")
            never.wait()

    hook(world, hang)
    runner = world.runner()
    plan = world.plan(*CONTAIN)
    try:
        within(PATIENCE, lambda: list(runner.execute(plan)))
    finally:
        never.set()
    (failed,) = failures(world.logged())
    assert failed.reason.endswith("it does not come back: its thread was given up")
    assert world.logged().finished


def test_an_interrupt_before_the_run_lets_nothing_begin() -> None:
    world = World(container())
    runner = world.runner()
    runner.interrupt()
    within(PATIENCE, lambda: list(runner.execute(world.plan(*CONTAIN))))
    assert events_of(world.store, OperationStarted) == []
    assert world.logged().finished is not None
    assert len(skips(world)) == 8


def test_the_rest_of_a_step_under_way_is_not_begun() -> None:
    world = World(container("web", "a", "b", "c"))
    runner = world.runner()
    world.targets["local"] = Hooked(world.memory["local"], after=lambda *_: runner.interrupt())
    within(PATIENCE, lambda: list(runner.execute(world.plan(step("isolate.disconnect")))))
    assert set(skips(world).values()) == {"not begun: the run was ending"}
    assert failures(world.logged()) == []
    assert not world.logged().is_clean


# Side by side ----------------------------------------------------------------------------------------------------


def test_no_containment_waits_for_a_download() -> None:
    names = [f"c{number}" for number in range(12)]
    world = World(*map(container, names))
    contained = threading.Event()
    downloads: list[int] = []

    def hold(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Export):
            downloads.append(1)
            wait_for(contained, deadline)

    def look(operation: Operation, deadline: Deadline) -> None:
        if all(not one.attachments for one in world.containers.values()):
            contained.set()

    hook(world, hold, look)
    run = world.run(world.plan(step("isolate.disconnect"), step("snapshot.export")), limits=Limits(parallel=1, bulk=2))
    assert run.is_clean
    assert len(downloads) == 12


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_containers_are_worked_on_at_a_time_than_is_said(parallel: int) -> None:
    world = World(*(container(f"c{number}") for number in range(12)))
    lock, at_once = threading.Lock(), {Pause: [0], Export: [0]}

    def count(change: int) -> Callable[[Operation, Deadline], None]:
        def note(operation: Operation, deadline: Deadline) -> None:
            if type(operation) in at_once:
                with lock:
                    at_once[type(operation)].append(at_once[type(operation)][-1] + change)
                time.sleep(0.002)

        return note

    hook(world, count(1), count(-1))
    limits = Limits(parallel=parallel, bulk=2)
    assert world.run(world.plan(step("contain.pause"), step("snapshot.export")), limits=limits).is_clean
    assert 1 <= max(at_once[Pause]) <= parallel and 1 <= max(at_once[Export]) <= 2


def test_downloads_of_other_containers_do_not_hold_up_one_whose_first_step_is_slow() -> None:
    world = World(*(container(f"c{number}") for number in range(6)))
    last = container("c5").id
    paused = threading.Event()

    def hold(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Export):
            wait_for(paused, deadline)
        if isinstance(operation, Inspect | Pause) and operation.subject == last:
            time.sleep(0.02)

    def look(operation: Operation, deadline: Deadline) -> None:
        if operation == Pause(last):
            paused.set()

    hook(world, hold, look)
    plan = world.plan(step("collect.inspect"), step("contain.pause"), step("snapshot.export"))
    assert world.run(plan, limits=Limits(parallel=1, bulk=3)).is_clean


def test_hosts_do_not_wait_for_one_another() -> None:
    world = World(container("near", host="near"), container("far", host="far"))
    both = threading.Barrier(2)

    def meet(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Pause):
            both.wait(PATIENCE)

    for name, memory in world.memory.items():
        world.targets[name] = Hooked(memory, meet)
    assert world.run(world.plan(step("contain.pause")), limits=Limits(parallel=1, bulk=1)).is_clean


def test_a_host_that_hangs_does_not_stop_the_others() -> None:
    world = World(container("near", host="near"), container("far", host="far"))
    hang = TargetError("it took longer than 30 s", Refusal.TIMEOUT)
    world.targets["far"] = Hooked(world.memory["far"], fail(Operation, hang))
    run = world.run(world.plan(*CONTAIN))
    assert world.containers["near"].state == "paused"
    assert {one.started.host for one in run.failures} == {"far"}


@pytest.mark.parametrize("limits", [Limits(1, 1), Limits(8, 2), Limits(3, 9)])
def test_many_containers_and_steps_all_come_to_their_end(limits: Limits) -> None:
    world = World(*(container(f"c{number}", "front", "back") for number in range(40)))
    steps = (step("collect.inspect"), *CONTAIN, step("collect.events"), step("collect.logs"), step("snapshot.export"))
    plan = world.plan(*steps)
    run = world.run(plan, limits=limits)
    assert run.is_clean
    assert [record.seq for record in world.store.records] == list(range(1, len(world.store.records) + 1))
    assert len(run.operations) == sum(len(task.operations) for task in plan.tasks)


@pytest.mark.parametrize("wrong", [{"parallel": 0}, {"bulk": 0}, {"parallel": -1}])
def test_limits_leave_room_for_some_work(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Limits(**wrong)


def test_a_run_of_an_empty_plan_begins_and_ends() -> None:
    world = World(container())
    empty = world.plan_undo(world.run(world.plan(step("collect.logs"))))
    assert empty.tasks == ()
    run = world.run(empty, MemoryStore())
    assert run.is_clean


# The steps of an action ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HostFirst(Action):
    """Reads of the host between reads of the container."""

    name = "test.mixed"

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield Inspect(container.id)
        yield ReadEngine("swarm")
        yield Pause(container.id)


def test_within_a_step_a_failure_stops_what_concerns_the_container_and_not_the_host() -> None:
    world = World(container())
    hook(world, fail(Inspect, LOST))
    run = world.run(world.plan(step("test.mixed"), actions={**ACTIONS, "test.mixed": HostFirst}))
    assert skips(world) == {"pause": "not done, as step 'mixed' failed"}
    assert "read engine swarm" in [one.started.operation.text() for one in run.operations if one.state == "finished"]
