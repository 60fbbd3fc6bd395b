"""Something noticed, and the facts it rests on."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Its place among them, the least first."""
        return _RANKS[self]


_RANKS = {one: rank for rank, one in enumerate(Severity)}


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing noticed, why, and what to do about it. Lists keep thousands: none is gone through for garbage."""

    check: str
    severity: Severity
    summary: str
    host: str = ""
    container: str = ""
    because: tuple[str, ...] = ()
    remedy: str = ""


class Hold(StrEnum):
    """What is noticed while containment is held: the `check` of such findings."""

    BROKEN = "hold.broken"  # it does not hold any more
    REPLACED = "hold.replaced"  # another container of the same service, or with its name, runs in its place
    AGAIN = "hold.again"  # it holds again
    TOUCHED = "hold.touched"  # somebody did something to it, and it holds, or is gone
    CONTEST = "hold.contest"  # it is broken again and again: from now on contained at growing pauses
    UNSEEN = "hold.unseen"  # its host does not answer, or a bug ended the look at it: nothing is known of it
    SEEN = "hold.seen"  # it can be looked at again


class Compared(StrEnum):
    """What is noticed where the engine's list of processes and the kernel's differ: the `check` of such findings."""

    UNLISTED = "processes.unlisted"  # the container's own, and not in the engine's list
    JOINED = "processes.joined"  # in its namespaces, from elsewhere
    HIDDEN = "processes.hidden"  # in the engine's list, and /proc goes on not showing it
