"""Saying who is waited for while many hosts are asked: that one of them dawdles must not go unseen."""

from __future__ import annotations  # see the imports for types only, below

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.core.ports import Clock

_FIRST, _AGAIN = 5.0, 15.0
"""Seconds of waiting after which it is said, and from one time to the next."""
_MOST_NAMED = 5


class Waiting:
    """One wait for hosts. `tell` is given a line now and then; None where nobody is told."""

    def __init__(self, tell: Callable[[str], None] | None, clock: Clock) -> None:
        self._tell, self._clock = tell, clock
        self._next = clock.monotonic() + _FIRST

    @property
    def left(self) -> float:
        """Seconds until it is to be said again."""
        return self._next - self._clock.monotonic() if self._tell else math.inf

    def say(self, ages: Mapping[str, float]) -> None:
        """Say who is waited for, if it is time to; `ages` are the seconds since each host was begun."""
        if self._tell is None or self.left > 0:
            return
        self._next = self._clock.monotonic() + _AGAIN
        named = [f"{safe(name, 60)} ({age:.0f} s)" for name, age in ages.items()]
        if named:
            more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
            self._tell(f"waiting for host{'s' * (len(named) > 1)} {', '.join(named[:_MOST_NAMED])}{more}")
