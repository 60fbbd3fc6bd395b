"""Looks at one container of a verb's fleet: found by a selector, looked at as the screens do, and let go of."""

from __future__ import annotations  # see the imports for types only, below

from typing import TYPE_CHECKING, Any

from irkit.app.listing import look
from irkit.app.looks import LOOK_SECONDS, Looks
from irkit.core.errors import IrkitError, NoTargetError, UsageError
from irkit.core.text import safe
from irkit.engine.deadline import Cancel, OperationDeadline

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.listing import Look as Found
    from irkit.app.one_look import Look
    from irkit.app.reach import HostTarget
    from irkit.core.container import Container

_GRACE = 2.0
"""Seconds after which a look is given up that does not keep to its deadline."""


class FleetHosts:
    """The hosts of a fleet, for looks."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def target(self, host: str, deadline: OperationDeadline) -> HostTarget:
        """The way to a host. Blocks. Raises TargetError, UsageError."""
        known = next((one for one in self._fleet.hosts if one.name == host), None)
        if known is None:
            raise UsageError(f"host {safe(host, 100)!r} is not one that was asked for")
        return self._fleet.reach(known, deadline)

    def deadline(self, seconds: float, cancel: Cancel | None = None) -> OperationDeadline:
        """The time for a look."""
        return OperationDeadline(self._fleet.clock, seconds, seconds, cancel or Cancel())


def looks_at(fleet: Fleet) -> Looks:
    """Looks at what is on the hosts of a fleet."""
    return Looks(FleetHosts(fleet))


def find_one(fleet: Fleet, selector: str) -> tuple[Container, Found]:
    """The one container that is meant, with its facts, and what else was found. Raises IrkitError, for several too."""
    found = look(fleet, (selector,))
    if len(found.containers) != 1:
        several = f"{len(found.containers)} containers are meant by {safe(selector, 100)!r}: name one"
        raise UsageError(several) if found.containers else NoTargetError(f"nothing is left of {safe(selector, 100)!r}")
    return found.containers[0], found


def await_look(begun: Look[Any]) -> None:
    """Wait for the end of a look. Raises IrkitError where it saw nothing."""
    try:
        if not begun.wait(LOOK_SECONDS + _GRACE):
            raise IrkitError(f"it took longer than {LOOK_SECONDS:g} s")
    finally:
        begun.cancel()
    if begun.error:
        raise IrkitError(begun.error)
