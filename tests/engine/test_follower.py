"""Following a host's events: what is told of it, and how often it is tried again where it ends."""

import threading
from collections.abc import Iterator

import pytest

from irkit.adapters.fixed_clock import FixedClock
from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_store import MemoryStore
from irkit.core.engine_event import WATCHING, EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import AnyEvent, BugMet
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.engine import follower
from irkit.engine.bench import Bench
from irkit.engine.follower import Follower
from irkit.engine.hold_desk import Desk, HoldOrder
from tests.engine.guard import within
from tests.engine.world import PATIENCE, Hooked

AT = "2026-02-02T02:40:00.000000Z"


class Ticking(FixedClock):
    """A clock that stands still unless it is moved."""

    at = 100.0

    def monotonic(self) -> float:
        return self.at


class Ending(Hooked):
    """A target whose event streams end by themselves: each after so many seconds of the clock, the last one at all."""

    def __init__(self, clock: Ticking, *lasts: float, error: type[Exception] | None = None) -> None:
        super().__init__(MemoryTarget([], Host(name="local")))
        self.clock, self.lasts, self.error = clock, list(lasts), error

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        lasts = self.lasts.pop(0) if self.lasts else 0
        yield EngineEvent(at=AT, kind=WATCHING)
        self.clock.at += lasts
        if self.error:
            raise self.error
        raise TargetError("the engine ended its events", Refusal.LOST)


def follow(target: Ending, said: list[AnyEvent] | None = None) -> list[int]:
    """Follow until all streams have ended; how many in a row had failed by the word of each end."""
    store, ends = MemoryStore(), list[int]()
    over = threading.Event()
    bench = Bench(store, target.clock, (said if said is not None else []).append, over.is_set, lambda _: None)
    desk = Desk(HoldOrder(frozenset()), bench, lambda error: None, next_task=0)

    def hear(item: EngineEvent | TargetError, failures: int) -> None:
        if isinstance(item, TargetError):
            ends.append(failures)
        if not target.lasts and len(ends):
            over.set()

    one = Follower(desk, target, hear)
    one.start()

    def wait() -> None:
        while not over.wait(0.01):
            pass
        desk.ending.set()
        one.stop()

    within(PATIENCE, wait)
    return ends


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "_PAUSES", (0.0, 0.001))


def test_streams_that_end_at_once_are_failures_in_a_row_however_well_they_began() -> None:
    assert follow(Ending(Ticking(), 0, 0.5, 4.9, 0, 0))[:4] == [0, 1, 2, 3]


def test_one_that_lasted_a_while_is_taken_up_again_at_once() -> None:
    assert follow(Ending(Ticking(), 0, 0, 5.0, 0, 3600.0, 0))[:5] == [0, 1, 0, 1, 0]


def test_a_bug_in_one_is_a_failure_like_another_and_on_record() -> None:
    said: list[AnyEvent] = []
    assert follow(Ending(Ticking(), 0, 0, 0, 0, error=IndexError), said)[:3] == [0, 1, 2]
    assert [type(one) for one in said] == [BugMet]
