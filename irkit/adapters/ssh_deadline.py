"""Deadlines within deadlines: of one step of several, and of what a closed connection is waited for."""

import time
from collections.abc import Callable
from typing import Final

from irkit.core.errors import Refusal, TargetError, UnreachableError
from irkit.core.ports import Deadline

_STEP: Final = 0.1


class Part:
    """At most so many seconds of a deadline."""

    def __init__(self, deadline: Deadline, seconds: float) -> None:
        self._deadline, self.seconds = deadline, seconds
        self._end = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the part is over, whatever is left of the whole."""
        return time.monotonic() >= self._end

    def remaining(self) -> float:
        """Seconds that the next wait may take. Raises TargetError."""
        whole, left = self._deadline.remaining(), self._end - time.monotonic()
        if left <= 0:
            raise TargetError(f"no answer within {self.seconds:g} s", Refusal.TIMEOUT)
        return min(whole, left)

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        """As the whole deadline has it."""
        return self._deadline.on_cancel(close)


class UnlessClosed:
    """A deadline that also ends where what it waits for was closed."""

    def __init__(self, deadline: Deadline, is_closed: Callable[[], bool]) -> None:
        self._deadline, self._is_closed = deadline, is_closed

    def remaining(self) -> float:
        """Seconds that the next wait may take. Raises TargetError."""
        if self._is_closed():
            raise UnreachableError("the connection was closed")
        return self._deadline.remaining()

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        """As the whole deadline has it."""
        return self._deadline.on_cancel(close)


def rest(seconds: float, deadline: Deadline) -> None:
    """Wait, as long as there is time for it. Raises TargetError."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _STEP, deadline.remaining()))
