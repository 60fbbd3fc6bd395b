"""Whose turn it is: each of many once in a while, one after another over that time, and never all at once."""

from collections.abc import Sequence

LEAST = 0.1
"""Seconds from one turn to the next at least: with more than `every` has room for, each one's turn comes later."""


class Rota:
    """Turns `every` so many seconds of a clock that only goes forward; `next_at` is when the next one is."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._turn = 0
        self.next_at = 0.0

    def take(self, names: Sequence[str], now: float) -> list[str]:
        """The names whose turn has come; each at most once, so that a long pause is not made up for."""
        step = max(self._every / max(1, len(names)), min(self._every, LEAST))
        found: list[str] = []
        self.next_at = self.next_at or now
        while self.next_at <= now and len(found) < len(names):
            found.append(names[self._turn % len(names)])
            self._turn += 1
            self.next_at += step
        if self.next_at <= now:
            self.next_at = now + step
        return found
