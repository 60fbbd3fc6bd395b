"""Asking the responder for a secret while hosts are reached: their time is not the hosts' time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from irkit.core.ports import Ask, Clock


class StillClock:
    """A clock whose seconds do not pass while it is held: deadlines that go by it wait for the responder."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._holders, self._since, self._held = 0, 0.0, 0.0

    def now(self) -> datetime:
        """The wall clock, which nothing holds."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds that only go forward, less those for which it was held."""
        with self._lock:
            return (self._since if self._holders else self._clock.monotonic()) - self._held

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for as long as the context lasts; several may, at once."""
        with self._lock:
            if not self._holders:
                self._since = self._clock.monotonic()
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    self._held += self._clock.monotonic() - self._since


class PatientAsk:
    """Asks while the clock is held. Once `is_over`, nobody is asked any more: a run goes on without its responder."""

    def __init__(self, ask: Ask, clock: StillClock) -> None:
        self._ask, self._clock = ask, clock
        self.is_over = False

    def __call__(self, prompt: str) -> str | None:
        """What the responder types, or None."""
        if self.is_over:
            return None
        with self._clock.held():
            return self._ask(prompt)
