"""How a hold stands: what a front end shows now and then. Never a record."""

from collections.abc import Callable

import msgspec


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What is held since when (UTC), how often it had to be contained again, and what does not hold now."""

    since: str
    names: tuple[str, ...]
    again: int = 0
    broken: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()


Told = Callable[[Holding], None]
