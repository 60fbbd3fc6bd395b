"""The time that a container may stand frozen: shorter than that of the step, and over without the step being over."""

import time
from collections.abc import Callable

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline


class FreezeTime:
    """A deadline within another. `is_over` says that it was this one that ended something, and not the other."""

    def __init__(self, deadline: Deadline, seconds: float) -> None:
        self._deadline, self._seconds = deadline, seconds
        self._end = time.monotonic() + seconds

    @property
    def reason(self) -> str:
        """Why there is no more."""
        return f"it may be frozen for {self._seconds:g} seconds at most, which are over"

    def remaining(self) -> float:
        """Seconds that the next wait may take. Raises TargetError where there are none, or the run was told to stop."""
        left = self._deadline.remaining()
        if (own := self._end - time.monotonic()) <= 0:
            raise TargetError(self.reason, Refusal.TIMEOUT)
        return min(left, own)

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        """Cancelled with the other."""
        return self._deadline.on_cancel(close)

    def is_over(self) -> bool:
        """Whether it is over. Raises TargetError where the other is, too."""
        self._deadline.remaining()
        return time.monotonic() >= self._end
