"""The events of a host in memory: what changes there, whoever changes it, is told to all that watch."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from irkit.core import operations as do
from irkit.core.container import Container
from irkit.core.engine_event import WATCHING, EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline
from irkit.core.values import utc_text

_ALIVE = ("running", "paused", "restarting")
_ACTIONS: dict[type[do.Operation], tuple[str, ...]] = {
    do.Pause: ("pause",),
    do.Unpause: ("unpause",),
    do.Stop: ("kill", "die", "stop"),
    do.Kill: ("kill", "die"),
    do.Start: ("start",),
    do.SetRestartPolicy: ("update",),
    do.SetLimits: ("update",),
    do.Connect: ("connect",),
    do.Disconnect: ("disconnect",),
}
_STEP = 0.02


class MemoryEvents:
    """All events so far, in order; `lose` ends every watch, as a lost connection does; `is_watched` since the last."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._events: list[EngineEvent] = []
        self._losses = 0
        self.reason = ""
        self.is_watched = False

    def tell(self, one: Container, operation: do.Operation) -> None:
        """An operation was carried out on a container, by whomever."""
        place = operation.attachment.network if isinstance(operation, do.Connect) else ""
        network = operation.network if isinstance(operation, do.Disconnect) else place
        for action in _ACTIONS.get(type(operation), ()):
            self.add(one, action, network)

    def add(self, one: Container, action: str, network: str = "") -> None:
        """An event of a container."""
        with self._changed:
            event = EngineEvent(
                at=utc_text(self._now()),
                kind="network" if network else "container",
                action=action,
                container=one.id,
                network=network,
                attributes={"type": "bridge"} if network else {**one.labels, "name": one.name},
            )
            self._events.append(event)
            self._changed.notify_all()

    def lose(self, reason: str = "") -> None:
        """End every watch; with a reason none can be begun before it is called again without."""
        with self._changed:
            self._losses += 1
            self.is_watched = False
            self.reason = reason
            self._changed.notify_all()

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        """The events since then, and all that come."""
        with self._changed:
            self._check()
            losses = self._losses
            at = sum(one.at <= since for one in self._events) if since else len(self._events)
            began = EngineEvent(at=since or utc_text(self._now()), kind=WATCHING)
            self.is_watched = True
        yield began
        while True:
            with self._changed:
                if losses != self._losses:
                    self._check()
                    raise TargetError("the connection ended before the answer did", Refusal.LOST)
                deadline.remaining()
                events, at = self._events[at:], len(self._events)
                if not events:
                    self._changed.wait(_STEP)
            yield from events

    def _check(self) -> None:
        if self.reason:
            raise TargetError(self.reason, Refusal.UNREACHABLE)
