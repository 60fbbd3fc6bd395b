"""How long one operation may take, and the switch that ends it early. The clock comes from outside."""

import threading
from collections.abc import Callable

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Clock


class Cancel:
    """A switch shared by the operations of a run: once set, all that wait are closed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may come while a signal is handled
        self._closers: dict[int, Callable[[], None]] = {}
        self._count = 0
        self.is_set = False

    def set(self) -> None:
        """Close everything registered now, and at once whatever registers later."""
        with self._lock:
            self.is_set = True
            closers, self._closers = list(self._closers.values()), {}
        for close in closers:
            close()

    def register(self, close: Callable[[], None]) -> Callable[[], None]:
        """Have `close` called when the switch is set; returns what takes that back."""
        with self._lock:
            self._count += 1
            number = self._count
            self._closers[number] = close
            late = self.is_set
        if late:
            close()
        return lambda: self._drop(number)

    def _drop(self, number: int) -> None:
        with self._lock:
            self._closers.pop(number, None)


class OperationDeadline:
    """The time one operation has: `seconds` in all and `idle` seconds for any single wait."""

    def __init__(self, clock: Clock, seconds: float, idle: float, cancel: Cancel) -> None:
        self._clock, self._idle, self._cancel = clock, idle, cancel
        self._seconds = seconds
        self._end = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds the next wait may take. Raises TargetError when time is up or the run was told to stop."""
        if self._cancel.is_set:
            raise TargetError("stopped by the responder", Refusal.CANCELLED)
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TargetError(f"it took longer than {self._seconds:g} s", Refusal.TIMEOUT)
        return min(left, self._idle)

    def within(self, seconds: float) -> "OperationDeadline":
        """A part of this time, for one step of several; what ends this ends that."""
        left = self._end - self._clock.monotonic()
        return OperationDeadline(self._clock, min(seconds, left), self._idle, self._cancel)

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        """Have `close` called from another thread on cancelling; returns what takes that back."""
        return self._cancel.register(close)
