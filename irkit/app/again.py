"""Something that is looked at again and again for a screen, on threads, one look at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from irkit.app.one_look import Look

T = TypeVar("T")


class Again(Generic[T]):
    """What `work` gives, each time that it is asked for. All methods return at once; for one thread."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._look: Look[T] | None = None
        self._is_wanted = False

    def ask(self) -> None:
        """Have it looked at from now on; where a look is under way already, once more after it."""
        if self._look is None:
            self._look = Look(lambda _: self._work())
        else:
            self._is_wanted = True

    def take(self) -> Look[T] | None:
        """A look that has ended since this was last called, or None."""
        ended = self._look
        if ended is None or not ended.is_over:
            return None
        self._look = None
        if self._is_wanted:
            self._is_wanted = False
            self.ask()
        return ended

    def close(self) -> None:
        """Give up what is under way."""
        look, self._look, self._is_wanted = self._look, None, False
        if look is not None:
            look.cancel()
