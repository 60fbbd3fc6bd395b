"""What the live list shows: a row for each container, a line for each host, and how often it looks."""

from __future__ import annotations  # see the imports for types only, below

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError

if TYPE_CHECKING:
    from datetime import datetime

    from irkit.core.container import Container, Summary
    from irkit.core.finding import Finding, Severity


class LiveState(StrEnum):
    """How a host stands that is looked at all the time."""

    CONNECTING = "connecting"
    UP = "up"
    SLOW = "slow"  # it answers, late
    STALE = "stale"  # it answered once, and does not now: its rows show what was seen then
    AUTH = "auth needed"  # it answers, and does not let the responder in
    KEY_UNKNOWN = "host key unknown"
    KEY_CHANGED = "host key CHANGED"
    KEY_REVOKED = "host key REVOKED"
    NO_ENGINE = "no engine"  # the responder is in, and there is no way to an engine
    DOWN = "down"  # it never answered
    LEFT_OUT = "left out"  # the inventory has it, and irkit cannot tell from it how it is reached
    API_TOO_OLD = "API too old"

    @property
    def is_up(self) -> bool:
        """Whether what is shown of it is of now."""
        return self in (LiveState.UP, LiveState.SLOW)

    @property
    def waits_for_responder(self) -> bool:
        """Whether it is tried again only when the responder says so: a person has to do something first."""
        return self in _WAITING


_WAITING = (
    LiveState.AUTH,
    LiveState.KEY_UNKNOWN,
    LiveState.KEY_CHANGED,
    LiveState.KEY_REVOKED,
    LiveState.LEFT_OUT,
)
_STATES = {
    HostState.KEY_UNKNOWN: LiveState.KEY_UNKNOWN,
    HostState.KEY_CHANGED: LiveState.KEY_CHANGED,
    HostState.KEY_REVOKED: LiveState.KEY_REVOKED,
    HostState.AUTH: LiveState.AUTH,
    HostState.NO_ENGINE: LiveState.NO_ENGINE,
    HostState.LEFT_OUT: LiveState.LEFT_OUT,
}


def state_after(error: TargetError, *, was_seen: bool) -> LiveState:
    """How a host stands that failed so, once it was seen and before."""
    if error.kind is Refusal.UNSUPPORTED:
        return LiveState.API_TOO_OLD
    state = _STATES.get(error.state) if isinstance(error, UnreachableError) else None
    return state or (LiveState.STALE if was_seen else LiveState.DOWN)


def host_state(state: LiveState) -> HostState:
    """How a list that looks once calls that state."""
    return next((one for one, live in _STATES.items() if live is state), HostState.DOWN)


class LiveRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One container, as it was seen last. All text in it is foreign.

    `key` is host and full id: it stays the container's own through every rename. `facts` are None until they were
    fetched, and `problem` says why they could not be, or could not be again. `flags` has a letter, or a dot, for each
    exposure (`checks`), and `risk` is that of the gravest finding. `seen` is the monotonic moment of the list since
    which it is as it is. None is gone through for garbage (`gc=False`): there are thousands, and new ones all the time.
    """

    key: str
    host: str
    summary: Summary
    facts: Container | None = None
    problem: str = ""
    findings: tuple[Finding, ...] = ()
    flags: str = ""
    risk: Severity | None = None
    seen: float = 0.0


class LiveHost(msgspec.Struct, frozen=True):
    """One host. `reason` says why it is not up, or what is to be known of it though it is.

    `seen` is the monotonic moment of the last list that it gave, None before the first; `as_of` the same by the
    responder's wall clock. `latency_ms` is one request and its answer: a ping, or a list
    where each request starts a process there. None stands for what is not known (yet).
    `unread` counts the containers whose facts are still to be fetched; `address` and `route` are how it was reached.
    """

    name: str
    state: LiveState = LiveState.CONNECTING
    reason: str = ""
    latency_ms: float | None = None
    engine: str = ""
    containers: int | None = None
    running: int | None = None
    free_bytes: int | None = None
    seen: float | None = None
    as_of: datetime | None = None
    engine_id: str = ""
    unread: int = 0
    address: str = ""
    route: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """What is not as it was when it was last taken: rows that are new or changed, keys of those gone, and hosts.

    A row that was but seen once more is not told of: its host's `seen` tells as much. `restated` are keys of rows of
    which nothing but the status is another since they were told of, and that in words alone: whatever orders and
    filters ask of them is as it was. Most changes are such ("Up 5 minutes"): who shows the row asks what it is now.
    """

    rows: dict[str, LiveRow] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    hosts: dict[str, LiveHost] = field(default_factory=dict)
    restated: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.rows or self.restated or self.gone or self.hosts)

    def add(self, later: Changed) -> None:
        """Take in what changed after that: what came back is not gone, and what went is not there."""
        for key in later.gone:
            self.rows.pop(key, None)
        self.gone.update(later.gone)
        self.gone.difference_update(later.rows)
        self.rows.update(later.rows)
        self.restated.update(later.restated)
        self.restated.difference_update(later.rows, later.gone)
        self.hosts.update(later.hosts)


@dataclass(frozen=True)
class LivePace:
    """How often hosts are looked at, and within which bounds. Times are in seconds.

    A host is listed every `list_every` (`list_every_costly` where each request starts a process on it), and where
    something happened after `gap` at the soonest, but with pauses several times as long as its lists take (`rest`). It
    counts as stale `stale_after` the time when its next list should have been there. `pauses` are those after failures
    in a row, the last for all that follow. At most `fetchers` containers of a host are examined at once, and once its
    first list is through, no more than `most_facts` for each further list.
    """

    list_every: float = 3.0
    list_every_costly: float = 10.0
    gap: float = 1.0
    rest: float = 5.0
    check_every: float = 60.0
    stale_after: float = 8.0
    slow_ms: float = 500.0
    slow_list: float = 3.0
    pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
    problem_pause: float = 15.0
    fetchers: int = 4
    most_facts: int = 100
    reach_time: float = 30.0
    list_time: float = 20.0
    examine_time: float = 10.0
    grace: float = 2.0
