"""How many looks go on at a time: a few on each host, the others in turn. A host that hangs holds up no other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

MOST = 4
"""Looks at what is on one host that go on at a time."""
_Work = Callable[[], None]


@dataclass
class _Lane:
    waiting: deque[_Work] = field(default_factory=deque)
    threads: int = 0


class LookPool:
    """Threads for work, at most `most` a host; they end where nothing is left to do, and keep nobody from ending."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def begin(self, host: str, work: _Work) -> Callable[[], None]:
        """Have it done in its turn; what takes it out again where it has not begun."""
        with self._lock:
            lane = self._lanes.setdefault(host, _Lane())
            lane.waiting.append(work)
            is_room = lane.threads < self._most
            lane.threads += is_room
        if is_room:
            threading.Thread(target=self._serve, args=(lane,), name=f"look at {host}", daemon=True).start()
        return lambda: self._take_out(lane, work)

    def _take_out(self, lane: _Lane, work: _Work) -> None:
        with self._lock:
            if work in lane.waiting:
                lane.waiting.remove(work)

    def _serve(self, lane: _Lane) -> None:
        while (work := self._next(lane)) is not None:
            work()

    def _next(self, lane: _Lane) -> _Work | None:
        with self._lock:
            if lane.waiting:
                return lane.waiting.popleft()
            lane.threads -= 1
            return None
