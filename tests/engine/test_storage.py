"""A disk that is full at any moment: the run ends, says so, and what it changed can be taken back from its log."""

import threading

import pytest

from irkit.adapters.memory_store import MemoryIntake, MemoryStore
from irkit.core.container import Container
from irkit.core.errors import StorageError
from irkit.core.events import AnyEvent, Record
from irkit.core.evidence import Evidence
from irkit.core.operations import Operation
from irkit.core.run import Run
from irkit.engine.runner import Limits
from tests.engine.guard import within
from tests.engine.world import PATIENCE, World, attachment, container, step

FULL, BUFFERS = "no space left", "no room for what is in the buffers"
WORKERS = 2
STEPS = (
    step("collect.processes"),
    step("contain.restart_policy", policy="always"),
    step("isolate.disconnect"),
    step("contain.pause"),
    step("collect.logs"),
)


class FullStore(MemoryStore):
    """A disk with room for so many records and items; the reserve, if there is one, has room for the rest."""

    def __init__(self, *, records: int = 10**6, items: int = 10**6, has_reserve: bool = True) -> None:
        super().__init__()
        self.room = {"records": records, "items": items}
        self.has_reserve = has_reserve
        self.taking = threading.Lock()

    def take(self, what: str) -> None:
        with self.taking:
            self.room[what] -= 1
            if self.room[what] < 0:
                raise StorageError(FULL, full=True)

    def append(self, event: AnyEvent) -> Record:
        self.take("records")
        return super().append(event)

    def release(self) -> bool:
        there, self.has_reserve = self.has_reserve, False
        if there:
            self.room = {"records": 10**6, "items": 10**6}
        return there

    def intake(self, *, host: str, container: Container | None, operation: Operation, task: int) -> MemoryIntake:
        return FullIntake(self, host)


class FullIntake(MemoryIntake):
    """Evidence on that disk."""

    def __init__(self, store: FullStore, folder: str) -> None:
        super().__init__(store, folder)
        self.full = store

    def put(self, path: str, data: bytes, *, source: str) -> Evidence:
        self.full.take("items")
        return super().put(path, data, source=source)

    def close(self, reason: str) -> tuple[Evidence, ...]:
        """What is left in buffers needs room too."""
        if self.full.room["items"] < 0:
            raise StorageError(BUFFERS, full=True)
        return super().close(reason)


def small_world() -> World:
    """Containers of which there is nothing to be said beforehand."""
    front, back = attachment("front", fixed_ipv4="10.1.0.2"), attachment("back", fixed_ipv4="10.2.0.2")
    return World(container("web", front, back), container("db", attachment("back", fixed_ipv4="10.2.0.3")))


def full_run() -> tuple[int, int]:
    """How many records and items a whole run takes."""
    world = small_world()
    run = world.run(world.plan(*STEPS))
    assert run.is_clean
    return len(world.store.records), len(run.evidence)


RECORDS, ITEMS = full_run()


def run_with(store: FullStore, world: World) -> Run:
    return world.run(world.plan(*STEPS), store, Limits(2, 1))


def check_taken_back(world: World, run: Run) -> None:
    world.undo(run)
    assert world.standing() == world.before


@pytest.mark.parametrize("room", range(1, RECORDS - 1))
def test_with_a_reserve_a_full_log_ends_the_run_and_the_log_says_so(room: int) -> None:
    world = small_world()
    run = run_with(FullStore(records=room), world)
    assert run.finished is not None
    assert (run.finished.outcome, run.finished.reason) == ("failed", FULL)
    assert not run.is_clean
    begun = [one for one in run.operations if one.seq > room + 1]
    assert len(begun) <= 2, "each worker may end what it had begun, and begins nothing new"
    check_taken_back(world, run)


@pytest.mark.parametrize("room", range(RECORDS))
def test_without_a_reserve_a_full_log_is_raised_and_what_was_done_can_be_taken_back(room: int) -> None:
    world = small_world()
    runner = world.runner(FullStore(records=room, has_reserve=False), Limits(2, 1))
    with pytest.raises(StorageError, match=FULL):
        within(PATIENCE, lambda: list(runner.execute(world.plan(*STEPS))))
    assert len(world.store.records) == room
    run = world.logged()
    if run.started:
        check_taken_back(world, run)
    assert world.standing() == world.before


@pytest.mark.parametrize("room", range(ITEMS))
def test_evidence_that_finds_no_room_fails_its_operation_and_ends_the_run(room: int) -> None:
    world = small_world()
    run = run_with(FullStore(items=room), world)
    assert run.finished is not None
    # What another worker has in its buffers just then finds no room either.
    assert run.finished.outcome == "failed"
    assert run.finished.reason in (FULL, BUFFERS)
    assert FULL in {one.reason for one in run.failures} <= {FULL, BUFFERS}
    # What another worker has under way when the reserve is given back (two logs at most) finds room after all.
    assert room - WORKERS < len(run.evidence) <= room + 2
    check_taken_back(world, run)


def test_a_run_whose_last_word_took_the_reserve_was_done_all_the_same() -> None:
    assert run_with(FullStore(records=RECORDS - 1), small_world()).is_clean


def test_a_log_that_is_full_before_anything_was_begun_leaves_the_hosts_alone() -> None:
    world = small_world()
    runner = world.runner(FullStore(records=0))
    with pytest.raises(StorageError):
        within(PATIENCE, lambda: list(runner.execute(world.plan(*STEPS))))
    assert world.standing() == world.before
