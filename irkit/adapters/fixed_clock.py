"""A clock for tests, whose time is always the same."""

import threading
from datetime import UTC, datetime, timedelta


class FixedClock:
    """A clock that moves on by a millisecond each time it is read."""

    def __init__(self) -> None:
        self._moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
        self._begun = self._moment
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The next moment."""
        with self._lock:
            self._moment += timedelta(milliseconds=1)
            return self._moment

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.now() - self._begun).total_seconds()
