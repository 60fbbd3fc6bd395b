"""Follows the events of one host, for as long as it is wanted, and takes them up again where they end."""

from __future__ import annotations  # see the imports for types only, below

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from irkit.core.errors import Refusal, TargetError
from irkit.engine.bench import LONGEST
from irkit.engine.deadline import Cancel, OperationDeadline
from irkit.engine.unforeseen import shield

if TYPE_CHECKING:
    from irkit.app.reach import HostTarget
    from irkit.core.engine_event import EngineEvent
    from irkit.core.ports import Clock

_PAUSES = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds before each further try to follow; the last one for all that come after."""
_LASTS = 30.0
"""Seconds after which a watch counts as one that works."""


class LiveEvents:
    """One watch of one host at a time. `told` is called with each event, and `ended` where a watch ended by itself.

    They are called on a thread of the watch's own, and must not wait.
    """

    def __init__(self, name: str, clock: Clock, told: Callable[[EngineEvent], None], ended: Callable[[], None]) -> None:
        self._name, self._clock, self._told, self._ended = name, clock, told, ended
        self._lock = threading.Lock()
        self._cancel: Cancel | None = None
        self._failures = 0
        self._begin_at = 0.0
        self._is_closed = False

    def keep_up(self, target: HostTarget) -> None:
        """Begin to follow, unless that goes on, or it is too soon after it failed."""
        with self._lock:
            if self._is_closed or self._cancel is not None or self._clock.monotonic() < self._begin_at:
                return
            self._cancel = cancel = Cancel()
        args = (target, cancel)
        threading.Thread(target=self._follow, args=args, name=f"events of {self._name}", daemon=True).start()

    def drop(self, rest: float = 0.0) -> None:
        """End the watch, and begin none for so many seconds: its connection is not to be trusted. Waits for nothing."""
        with self._lock:
            cancel, self._cancel = self._cancel, None
            self._begin_at = max(self._begin_at, self._clock.monotonic() + rest)
        if cancel is not None:
            cancel.set()

    def close(self) -> None:
        """End for good. Waits for nothing."""
        with self._lock:
            self._is_closed = True
        self.drop()

    def _follow(self, target: HostTarget, cancel: Cancel) -> None:
        begun = self._clock.monotonic()
        shield(lambda: self._watch(target, cancel), lambda error: None)
        with self._lock:
            if self._cancel is not cancel:
                return  # it was told to end
            self._cancel = None
            now = self._clock.monotonic()
            self._failures = 1 if now - begun > _LASTS else self._failures + 1
            self._begin_at = now + _PAUSES[min(self._failures, len(_PAUSES)) - 1]
        self._ended()

    def _watch(self, target: HostTarget, cancel: Cancel) -> None:
        """Tell of all that comes, to the end. What came before is for a list to show: none of it is asked for."""
        try:
            for event in target.watch("", OperationDeadline(self._clock, LONGEST, LONGEST, cancel)):
                if cancel.is_set:
                    return
                self._told(event)
        except TargetError as error:
            if error.kind is Refusal.UNSUPPORTED:
                with self._lock:
                    self._failures = len(_PAUSES)
