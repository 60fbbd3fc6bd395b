"""How long an operation may take, and the switch that ends it."""

import threading
from datetime import UTC, datetime

import pytest

from irkit.adapters.fixed_clock import FixedClock
from irkit.adapters.memory_store import MemoryStore
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import CapturePackets, Commit, Disconnect, Export, Inspect, Operation, Stop
from irkit.core.plan import Task
from irkit.engine.bench import BULK_TIME, CHANGE_TIME, IDLE, LONGEST, READ_TIME, Bench
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.engine.guard import within
from tests.engine.world import PATIENCE


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 31, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds


def test_a_wait_is_bounded_by_the_idle_time_and_by_what_is_left() -> None:
    clock = HandClock()
    deadline = OperationDeadline(clock, 100, 60, Cancel())
    assert deadline.remaining() == 60
    clock.seconds += 70
    assert deadline.remaining() == 30
    clock.seconds += 30
    with pytest.raises(TargetError, match="longer than 100 s") as caught:
        deadline.remaining()
    assert caught.value.kind is Refusal.TIMEOUT


def test_a_part_of_a_time_is_never_longer_than_what_is_left_of_it() -> None:
    clock, cancel = HandClock(), Cancel()
    whole = OperationDeadline(clock, 100, 60, cancel)
    part = whole.within(30)
    assert part.remaining() == 30
    clock.seconds += 30
    assert whole.remaining() == 60
    with pytest.raises(TargetError, match="longer than 30 s"):
        part.remaining()
    clock.seconds += 60
    late = whole.within(30)
    assert late.remaining() == 10
    cancel.set()
    with pytest.raises(TargetError, match="stopped"):
        late.remaining()


def test_cancelling_closes_what_waits_and_fails_what_comes_later() -> None:
    cancel = Cancel()
    closed: list[str] = []
    deadline = OperationDeadline(HandClock(), 100, 60, cancel)
    forget = deadline.on_cancel(lambda: closed.append("done with"))
    forget()
    deadline.on_cancel(lambda: closed.append("waiting"))
    cancel.set()
    cancel.set()
    assert closed == ["waiting"]
    deadline.on_cancel(lambda: closed.append("late"))
    assert closed == ["waiting", "late"]
    with pytest.raises(TargetError) as caught:
        deadline.remaining()
    assert caught.value.kind is Refusal.CANCELLED


def test_no_registration_is_missed_while_the_switch_is_set() -> None:
    for _ in range(50):
        cancel = Cancel()
        closed: list[int] = []
        start = threading.Barrier(3)

        def register(cancel: Cancel = cancel, closed: list[int] = closed, start: threading.Barrier = start) -> None:
            start.wait()
            for _ in range(20):
                cancel.register(lambda: closed.append(1))

        threads = [threading.Thread(target=register, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        start.wait()
        cancel.set()
        for thread in threads:
            within(PATIENCE, thread.join)
        assert len(closed) == 40


@pytest.mark.parametrize(
    ("operation", "timeout", "wait", "whole"),
    [
        (Inspect("a"), 0, READ_TIME, READ_TIME),
        (CapturePackets("a", 600.0, 1), 0, 660.0, 660.0),  # may be silent for as long as it lasts
        (Disconnect("a", "net"), 0, CHANGE_TIME, CHANGE_TIME),
        (Export("a"), 0, IDLE, BULK_TIME),
        (Commit("a", "x:1"), 0, BULK_TIME, BULK_TIME),  # says nothing until it is done
        (Stop("a", 600), 0, 630, 630),
        (Stop("a", 600), 10, 630, 630),
        (Inspect("a"), 5, 5, 5),
        (Export("a"), 5, 5, 5),
        (Inspect("a"), 1e12, LONGEST, LONGEST),
    ],
)
def test_every_operation_has_its_time(operation: Operation, timeout: float, wait: float, whole: float) -> None:
    clock = HandClock()
    bench = Bench(MemoryStore(), clock, lambda _: None, lambda: False, lambda _: None)
    task = Task(index=0, step="s", order=1, action="a", host="local", timeout=timeout)
    deadline = bench.deadline(task, operation)
    assert deadline.remaining() == wait
    clock.seconds += whole - 1
    assert deadline.remaining() == 1


def test_stopping_reads_does_not_stop_changes() -> None:
    bench = Bench(MemoryStore(), FixedClock(), lambda _: None, lambda: False, lambda _: None)
    task = Task(index=0, step="s", order=1, action="a", host="local")
    bench.reads.set()
    with pytest.raises(TargetError):
        bench.deadline(task, Inspect("a")).remaining()
    bench.deadline(task, Disconnect("a", "net")).remaining()
