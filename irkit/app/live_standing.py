"""How one host stands, as its own threads found it, and what of that is to be shown at a later moment."""

from __future__ import annotations  # see the imports for types only, below

from typing import TYPE_CHECKING

import msgspec

from irkit.app.live_state import LiveHost, LivePace, LiveState

if TYPE_CHECKING:
    from datetime import datetime


class Standing(msgspec.Struct, frozen=True):
    """What is known of a host. `busy_until` is when what it is doing has taken too long, None where it does nothing.

    `pause` are the seconds from its last list to the next, if nothing happens meanwhile.
    `note` is shown while it is up and there is nothing else to say.
    """

    name: str
    state: LiveState = LiveState.CONNECTING
    reason: str = ""
    note: str = ""
    busy_until: float | None = None
    pause: float = 0.0
    latency_ms: float | None = None
    engine: str = ""
    engine_id: str = ""
    containers: int | None = None
    running: int | None = None
    free_bytes: int | None = None
    seen: float | None = None
    as_of: datetime | None = None
    address: str = ""
    route: str = ""

    def show(self, now: float, busy_now: float, pace: LivePace, unread: int) -> LiveHost:
        """The host as it is to be shown: what it was found to be wears out where nothing is heard of it."""
        state, reason = self.state, self.reason
        is_stuck = self.busy_until is not None and busy_now > self.busy_until
        if state.is_up and self.seen is not None and now - self.seen > self.pause + pace.stale_after:
            state, reason = LiveState.STALE, "it does not answer"
        elif state is LiveState.CONNECTING and is_stuck:
            state, reason = LiveState.DOWN, "it does not answer"
        return LiveHost(
            name=self.name,
            state=state,
            reason=reason or (self.note if state.is_up else ""),
            latency_ms=self.latency_ms,
            engine=self.engine,
            containers=self.containers,
            running=self.running,
            free_bytes=self.free_bytes,
            seen=self.seen,
            as_of=self.as_of,
            engine_id=self.engine_id,
            unread=unread,
            address=self.address,
            route=self.route,
        )
