"""Every error irkit raises on purpose, each with the exit status it leads to.

A failed operation is an event, not one of these; these end a verb. What an engine refuses is a
`TargetError`, which the runner turns into an event.
"""

from enum import StrEnum
from typing import ClassVar


class IrkitError(Exception):
    """A one-line reason a verb cannot go on."""

    exit_status: ClassVar[int] = 1


class UsageError(IrkitError):
    """What was asked for makes no sense as asked."""

    exit_status = 2


class PlaybookError(UsageError):
    """A playbook that cannot be used: where, and what to do about it.

    `place` is `file:line:column`, `path` the way to the value (`steps[2].with.since`); both may be empty.
    """

    def __init__(self, reason: str, *, place: str = "", path: str = "") -> None:
        self.reason, self.place, self.path = reason, place, path
        super().__init__(": ".join(part for part in (place, path, reason) if part))


class NoTargetError(IrkitError):
    """No container matched, or no host could be reached."""

    exit_status = 3


class VerificationError(IrkitError):
    """A bundle, or a run log, is not what it claims to be."""

    exit_status = 4


class StorageError(IrkitError):
    """The evidence could not be written; `full` says that there was no space left."""

    def __init__(self, reason: str, *, full: bool = False) -> None:
        self.full = full
        super().__init__(reason)


class Refusal(StrEnum):
    """Why an engine did not do what it was asked."""

    ABSENT = "absent"  # the container, image or network is not there
    ALREADY = "already"  # it is so already
    REFUSED = "refused"  # the engine said no
    UNSUPPORTED = "unsupported"  # this engine cannot do it
    TIMEOUT = "timeout"  # no answer in the time allowed
    UNREACHABLE = "unreachable"  # no connection could be made
    LOST = "lost"  # the connection ended before the answer did
    GARBLED = "garbled"  # the answer made no sense
    CANCELLED = "cancelled"  # irkit was told to stop


class TargetError(IrkitError):
    """An engine refused, failed, or did not answer."""

    exit_status = 3

    def __init__(self, reason: str, kind: Refusal) -> None:
        self.reason, self.kind = reason, kind
        super().__init__(reason)

    @property
    def is_final(self) -> bool:
        """Whether the engine answered, so that the request certainly did not take hold."""
        return self.kind in (Refusal.ABSENT, Refusal.ALREADY, Refusal.UNSUPPORTED, Refusal.UNREACHABLE)


class HostState(StrEnum):
    """How a host stands, as a list shows it."""

    UP = "up"
    DOWN = "down"  # no connection, or it was lost
    KEY_UNKNOWN = "host key unknown"
    KEY_CHANGED = "host key CHANGED"
    KEY_REVOKED = "host key REVOKED"
    AUTH = "not authorised"  # it answers, and does not let the responder in
    NO_ENGINE = "no engine"  # the responder is in, and there is no way to an engine
    LEFT_OUT = "left out"  # the inventory has it, and irkit cannot tell from it how it is reached


class UnreachableError(TargetError):
    """A host that could not be reached: nothing was asked of its engine. `state` says in what way."""

    def __init__(self, reason: str, state: HostState = HostState.DOWN) -> None:
        self.state = state
        super().__init__(reason, Refusal.UNREACHABLE)
