"""What a held container is to be looked at for: events put in by one thread, taken out by the one that attends it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from irkit.core.engine_event import EngineEvent

_MOST_EVENTS = 50
"""Events kept for one look; of more, only their number is told."""
_MOMENT = 0.2
"""Seconds that an event may come later than what it brought about is seen."""


@dataclass(frozen=True)
class Letter:
    """One look that is wanted: for these events, and past the engine's facts where it `is_deep`."""

    events: list[EngineEvent]
    is_deep: bool


class Inbox:
    """Of one container. Whoever is told so by `put` attends it until `take` has nothing; nobody else does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._events: list[EngineEvent] = []
        self._more = 0
        self._is_poked = self._is_deep = self._is_attended = False

    def put(self, events: Sequence[EngineEvent], *, deep: bool) -> bool:
        """Have it looked at, with what happened; whether somebody must be sent to attend it."""
        with self._lock:
            self._is_poked = True
            self._is_deep |= deep
            self._keep(events)
            if events:
                self._news.set()
            is_free, self._is_attended = not self._is_attended, True
            return is_free

    def _keep(self, events: Sequence[EngineEvent]) -> None:
        room = _MOST_EVENTS - len(self._events)
        self._events += events[:room]
        self._more += len(events[room:])

    def take(self) -> Letter | None:
        """What is to be looked at next; None where nothing is, so that the next `put` needs somebody."""
        with self._lock:
            if not self._is_poked:
                self._is_attended = False
                return None
            self._is_poked = False
            is_deep, self._is_deep = self._is_deep, False
        return Letter(self.take_heard(), is_deep)

    def take_heard(self) -> list[EngineEvent]:
        """What has happened meanwhile."""
        with self._lock:
            self._news.clear()
            events, self._events = self._events, []
            return events

    def wait_for_events(self) -> list[EngineEvent]:
        """What was seen before its event came is explained by it, where it comes within a moment."""
        self._news.wait(_MOMENT)
        return self.take_heard()

    def take_more(self) -> int:
        """How many events there were no room for."""
        with self._lock:
            more, self._more = self._more, 0
            return more

    def put_back(self, events: Sequence[EngineEvent]) -> None:
        """Keep for the next look what this one came to no end with."""
        with self._lock:
            kept, self._events = self._events, []
            self._keep(events)
            self._keep(kept)

    def leave_off(self, events: Sequence[EngineEvent]) -> None:
        """Nobody attends it any more; the next `put` sends somebody again, with what happened."""
        self.put_back(events)
        with self._lock:
            self._is_attended = False
