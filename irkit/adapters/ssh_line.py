"""A connection to a host that is made when it is needed, and made again where it was lost.

What goes over it, and what is asked for again, is left to `ssh_target`.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Final

from irkit.adapters.ssh_cut import CutError
from irkit.adapters.ssh_deadline import UnlessClosed, rest
from irkit.adapters.ssh_link import Link, connect
from irkit.adapters.ssh_transport import STEP
from irkit.adapters.ssh_way import Ways
from irkit.adapters.tally import Tally
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.core.text import safe

PATIENCE = 30.0
"""Seconds that a lost connection is tried again before what waits for it is told."""
FRESH = 5.0
"""Seconds for which a failed attempt speaks for those that come right after it."""
_PAUSE: Final = 1.0
_EARLY_PAUSES: Final = (0.3, 1.0)
"""Seconds between two attempts, where a connection was lost, and where one was cut while it was made."""
KEY_STATES: Final = HostState.KEY_UNKNOWN, HostState.KEY_CHANGED, HostState.KEY_REVOKED


@dataclass
class Trust:
    """What the connections to one host share: the keys seen at each place, the refusal that ended its part, and counts.

    `was_reached` says that something came of a connection once: from then on a lost one is tried again for longer.
    """

    keys: dict[str, bytes] = field(default_factory=dict)
    was_reached: bool = False
    refusal: UnreachableError | None = None
    given_up: UnreachableError | None = None
    given_up_at: float = 0.0
    tally: Tally = field(default_factory=Tally)

    def give_up(self, error: UnreachableError) -> None:
        """A host that one connection was tried to in vain is not waited for once more by the next."""
        if error.state is HostState.DOWN and not isinstance(error, CutError):
            self.given_up, self.given_up_at = error, time.monotonic()

    def take(self, error: UnreachableError | None) -> None:
        """From now on nothing is asked of a host whose key was refused."""
        if error is not None and error.state in KEY_STATES:
            self.refusal = self.refusal or error


class Line:
    """A connection, or the attempt at one: of those who need it at once, one connects, and the others wait for it."""

    def __init__(self, host: Host, ways: Ways, trust: Trust) -> None:
        self._host, self._ways, self._trust = host, ways, trust
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._failed: UnreachableError | None = None
        self._failed_at = self._lost_at = 0.0
        self._closed = False

    def link(self, deadline: Deadline) -> Link:
        """The connection, well. Raises UnreachableError, TargetError where the run was told to stop, UsageError."""
        mine = UnlessClosed(deadline, lambda: self._closed)
        try:
            while not self._lock.acquire(timeout=min(STEP, mine.remaining())):
                pass
        except TargetError as error:
            raise self._as_unreachable(error) from error
        try:
            self._look_at_what_was()
            if self._link is None:
                self._link = self._make(mine)
            if self._closed:
                self._link.end()
                raise UnreachableError("the connection was closed")
            return self._link
        finally:
            self._lock.release()

    def _as_unreachable(self, error: TargetError) -> TargetError:
        """Being late with a connection means that nothing was asked over it."""
        if error.kind is not Refusal.TIMEOUT:
            return error
        return UnreachableError(f"{safe(self._host.name, 100)} is not reached: {error.reason}")

    def _look_at_what_was(self) -> None:
        """Let go of what was lost; raise what is known of it already."""
        link = self._link
        if link is not None and not link.is_well:
            self._trust.take(link.refusal)
            link.end()
            self._link, self._lost_at = None, time.monotonic()
        known = self._trust.refusal
        if known is None and self._link is None:
            known = self._just_failed()
        if known is not None:
            raise UnreachableError(known.reason, known.state)

    def _just_failed(self) -> UnreachableError | None:
        """What came of the last attempt, or of that of a connection beside this one, while that is fresh."""
        since = time.monotonic() - FRESH
        if self._failed_at > since:
            return self._failed
        return self._trust.given_up if self._trust.given_up_at > since else None

    def _make(self, deadline: Deadline) -> Link:
        """Connect, and remember what came of it."""
        begun = time.monotonic()
        try:
            link = self._keep_trying(deadline)
        except TargetError as error:
            failed = self._as_unreachable(error)
            tells = isinstance(error, UnreachableError) or time.monotonic() - begun > FRESH
            if isinstance(failed, UnreachableError) and tells and not self._closed:
                self._failed, self._failed_at = failed, time.monotonic()
                self._trust.take(failed)
                self._trust.give_up(failed)
            raise failed from error
        self._failed = self._trust.given_up = None
        self._lost_at = 0.0
        self._trust.keys.update(link.keys)
        link.tally = self._trust.tally
        return link

    def _keep_trying(self, deadline: Deadline) -> Link:
        """Connect; what was of use before is tried for a while, and what is cut while it is made a few times."""
        until = self._lost_at + PATIENCE if self._lost_at and self._trust.was_reached else 0.0
        pauses = list(_EARLY_PAUSES)
        while True:
            try:
                return connect(self._host, self._ways, deadline, self._trust.keys)
            except UnreachableError as error:
                is_early = isinstance(error, CutError) and bool(pauses)
                if error.state is not HostState.DOWN or not (is_early or time.monotonic() < until):
                    raise
                try:
                    rest(pauses.pop(0) if is_early else _PAUSE, deadline)
                except TargetError as late:
                    raise (error if late.kind is Refusal.TIMEOUT else late) from late

    @property
    def standing(self) -> Link | None:
        """The connection as it is, if it is well; none is made."""
        link = self._link
        return link if link is not None and link.is_well else None

    def drop(self, link: Link) -> None:
        """Have it made again: it was found not to work."""
        link.end()

    def close(self) -> None:
        """End it for good, and whatever waits for it; waits for nothing."""
        self._closed = True
        link = self._link
        if link is not None:
            link.end()
