"""The machine's clocks."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The responder's wall clock in UTC and a monotonic clock in seconds."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from some fixed moment; never goes back."""
        return time.monotonic()
