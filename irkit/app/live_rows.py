"""The containers of one host as they are known: their last list, their facts, and whose facts are to be fetched next.

No threads and no engine here: `live_host` feeds it, and fetches what it names. Threads may share it.
"""

from __future__ import annotations  # see the imports for types only, below

import heapq
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

from msgspec.structs import replace

from irkit.app.live_state import LiveRow
from irkit.core.container import health

if TYPE_CHECKING:
    from irkit.app.live_board import Board
    from irkit.app.live_state import LivePace
    from irkit.core.container import Container, Summary
    from irkit.core.finding import Finding, Severity


Judge = Callable[["Container"], "tuple[tuple[Finding, ...], str]"]
"""Findings and flags of a container."""
_ALIVE = ("running", "paused", "restarting")
_MOST_PAUSES = 4


class _Change(Enum):
    """What a list tells of a container that it did not tell before."""

    STATUS = auto()  # other words of its status, and nothing that they stand for
    ANY = auto()


@dataclass(slots=True)
class _Known:
    """What is known of one container: its key in the list of all hosts, its line in that of its own, and more."""

    key: str
    summary: Summary
    facts: Container | None = None
    findings: tuple[Finding, ...] = ()
    flags: str = ""
    risk: Severity | None = None
    problem: str = ""
    again_at: float = 0.0
    failures: int = 0


class HostRows:
    """The containers of one host. Moments are seconds of one monotonic clock."""

    def __init__(self, host: str, board: Board, judge: Judge, pace: LivePace) -> None:
        self._host, self._board, self._judge, self._pace = host, board, judge, pace
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._waiting: dict[str, None] = {}
        """Containers whose facts are to be fetched, by and by."""
        self._ready: list[tuple[bool, float, str]] = []
        self._queued: set[str] = set()
        self._in_flight: set[str] = set()
        self._again: set[str] = set()
        self._is_first = True
        self._unread: int | None = None
        self.seen = 0.0

    @property
    def ids(self) -> list[str]:
        """The containers of the last list, by full id."""
        with self._lock:
            return list(self._known)

    @property
    def unread(self) -> int:
        """How many containers have neither facts nor a reason why not."""
        with self._lock:
            if self._unread is None:
                self._unread = sum(one.facts is None and not one.problem for one in self._known.values())
            return self._unread

    @property
    def is_behind(self) -> bool:
        """Whether facts wait for their turn."""
        with self._lock:
            return bool(self._waiting)

    @property
    def ready(self) -> int:
        """How many containers are to be examined now."""
        with self._lock:
            return len(self._queued)

    def take_list(self, listed: Sequence[Summary], now: float) -> None:
        """Take in a list, and make ready what is to be fetched by it."""
        with self._lock:
            found = {one.id: one for one in listed}
            gone = [one for one in self._known if one not in found]
            for one in gone:
                del self._known[one]
                self._waiting.pop(one, None)
                self._queued.discard(one)
                self._again.discard(one)
            self.seen = now
            changed, restated = [], []
            for summary in found.values():
                change = self._take(summary, now)
                if change is _Change.STATUS:
                    restated.append(self._row(summary.id))
                elif change is not None:
                    changed.append(self._row(summary.id))
            if gone or changed:
                self._unread = None
            self._make_ready()
            self._board.put(changed)
            self._board.restate(restated)
            self._board.drop(f"{self._host}/{one}" for one in gone)

    def _take(self, summary: Summary, now: float) -> _Change | None:
        """Take in a line of the list; what is another by it, None where nothing is."""
        known = self._known.get(summary.id)
        if known is None:
            self._known[summary.id] = _Known(f"{self._host}/{summary.id}", summary)
            self._want(summary.id)
            return _Change.ANY
        if known.problem and now >= known.again_at:
            self._want(summary.id)
        before, known.summary = known.summary, summary
        was, status = before.status, summary.status
        if was == status:
            if before == summary:
                return None
        elif replace(before, status=status) == summary:
            is_same = "healthy)" not in was + status or health(was) == health(status)
            return _Change.STATUS if is_same else _Change.ANY
        self._want(summary.id)
        return _Change.ANY

    def want(self, containers: Iterable[str]) -> None:
        """Something happened to these: their facts are fetched again, after the next list."""
        with self._lock:
            for one in containers:
                self._want(one)

    def want_all(self) -> None:
        """Nobody knows what happened meanwhile."""
        with self._lock:
            for one in self._known:
                self._want(one)

    def _want(self, container: str) -> None:
        if container in self._known and container not in self._queued:
            self._waiting[container] = None

    def _make_ready(self) -> None:
        """Hand out what waits, all of it after the first list and later so much at a time: running and newest first."""
        order = sorted(self._waiting, key=self._place)
        chosen = order if self._is_first else order[: self._pace.most_facts]
        self._is_first = False
        for one in chosen:
            del self._waiting[one]
            self._queued.add(one)
            heapq.heappush(self._ready, (*self._place(one), one))

    def _place(self, container: str) -> tuple[bool, float]:
        summary = self._known[container].summary
        return summary.state not in _ALIVE, -_seconds(summary.created_at)

    def next_to_fetch(self) -> str | None:
        """The container whose facts are to be fetched now, or None. `succeed` or `fail` must follow."""
        with self._lock:
            while self._ready:
                *_, container = heapq.heappop(self._ready)
                if container not in self._queued:
                    continue  # it is gone
                self._queued.discard(container)
                if container in self._in_flight:  # of two answers the older might come last
                    self._again.add(container)
                    continue
                self._in_flight.add(container)
                return container
            return None

    def succeed(self, container: str, facts: Container) -> None:
        """Take in the facts of a container."""
        judged = None if self._knows(container, facts) else self._judge(facts)
        with self._lock:
            if (known := self._land(container)) is None:
                return
            if known.facts != facts:  # not judged: it went and came back meanwhile
                known.findings, known.flags = judged or self._judge(facts)
                known.facts = facts
                known.risk = known.findings[0].severity if known.findings else None
            known.problem, known.failures = "", 0
            self._board.put([self._row(container)])

    def _knows(self, container: str, facts: Container) -> bool:
        """Whether these are its facts already: to judge them costs more than all else that is done with them."""
        with self._lock:
            known = self._known.get(container)
            return known is not None and known.facts == facts

    def fail(self, container: str, reason: str, now: float, *, patience: int = 0) -> None:
        """Its facts could not be had. Up to `patience` times in a row that is not shown, and they are fetched later."""
        with self._lock:
            if (known := self._land(container)) is None:
                return
            known.failures += 1
            if known.failures <= patience:
                self._want(container)
                return
            known.problem = reason
            known.again_at = now + self._pace.problem_pause * min(known.failures, _MOST_PAUSES)
            self._board.put([self._row(container)])

    def _land(self, container: str) -> _Known | None:
        self._in_flight.discard(container)
        self._unread = None
        if container in self._again:
            self._again.discard(container)
            self._want(container)
        return self._known.get(container)

    def _row(self, container: str) -> LiveRow:
        one = self._known[container]
        return LiveRow(
            key=one.key,
            host=self._host,
            summary=one.summary,
            facts=one.facts,
            problem=one.problem,
            findings=one.findings,
            flags=one.flags,
            risk=one.risk,
            seen=self.seen,
        )


def _seconds(moment: str) -> float:
    """A moment as a number to sort by."""
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
