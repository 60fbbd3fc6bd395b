"""The live list: containers and hosts as they are now, over many hosts at once, kept up by threads of its own.

Front ends take what changed a few times a second (`take`), and wait for nothing. Resource use is not here, and sizes
are asked of no engine: they make it walk every file.
"""

from __future__ import annotations  # see the imports for types only, below

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from irkit.adapters.clock import SystemClock
from irkit.app.clones import Engines
from irkit.app.findings import judge
from irkit.app.live_board import Board
from irkit.app.live_host import HostWatch
from irkit.app.live_state import Changed, LiveHost, LivePace, LiveRow, LiveState
from irkit.core.errors import UsageError
from irkit.core.text import safe
from irkit.engine.deadline import Cancel, OperationDeadline

if TYPE_CHECKING:
    from irkit.app.reach import HostTarget
    from irkit.app.setting import Setting
    from irkit.core.host import Host
    from irkit.core.ports import Clock

__all__ = ["Changed", "Live", "LiveHost", "LivePace", "LiveRow", "LiveState"]
_CLOSING = 0.5
"""Seconds that letting go of hosts may hold up the end; what takes longer is left to the process's own."""


class Live:
    """The live list of the hosts meant; `hosts` are selectors as for any verb. Threads may share it.

    One host that is dead, slow or hanging delays no other. Raises UsageError, NoTargetError where a selector makes no
    sense.
    """

    def __init__(
        self, setting: Setting, hosts: Sequence[str] = (), *, clock: Clock | None = None, pace: LivePace | None = None
    ) -> None:
        self.setting, self._pace = setting, pace or LivePace()
        self.clock = clock or SystemClock()
        """What `seen` goes by."""
        self._fleet = setting.fleet(hosts, self.clock)
        self._board = Board(lambda: dict(self.hosts))
        self._lock = threading.Lock()
        self._cancel = Cancel()
        self._is_started = self._is_closed = False
        self._watches: dict[str, HostWatch] = {}
        for host in self._fleet.hosts:
            self._watch(host)

    def start(self) -> None:
        """Begin to look at all hosts."""
        with self._lock:
            watches = [] if self._is_started or self._is_closed else list(self._watches.values())
            self._is_started = True
        for watch in watches:
            watch.start()

    def close(self) -> None:
        """Let go of all hosts. Whatever hangs does not hold this up. May be called twice."""
        with self._lock:
            self._is_closed = True
            watches = list(self._watches.values())
        for watch in watches:
            watch.close()
        self._cancel.set()
        closing = threading.Thread(target=self._fleet.close, name="live closing", daemon=True)
        closing.start()
        closing.join(_CLOSING)

    @property
    def rows(self) -> Mapping[str, LiveRow]:
        """All rows by key, as they are now."""
        return self._board.rows

    @property
    def hosts(self) -> Mapping[str, LiveHost]:
        """All hosts by name, in the order given, as they are now."""
        with self._lock:
            watches = list(self._watches.values())
        return {watch.name: watch.show() for watch in watches}

    @property
    def asked_for(self) -> Mapping[str, Host]:
        """All hosts by name, as they were asked for: what is planned goes to these, whatever a name would mean."""
        with self._lock:
            return {watch.name: watch.asked_for for watch in self._watches.values()}

    def row(self, key: str) -> LiveRow | None:
        """The row of one container, None where it is gone."""
        return self._board.row(key)

    def take(self) -> Changed:
        """What changed since this was called last, however often it changed meanwhile. For one front end alone."""
        return self._board.take()

    def refresh(self, host: str | None = None) -> None:
        """Look at a host, or at all of them, now: list and facts. Raises UsageError."""
        for watch in [self._named(host)] if host is not None else list(self._watches.values()):
            watch.refresh()

    def retry(self, host: str) -> None:
        """Connect to a host anew, whatever it was refused for; it may ask for secrets again. Raises UsageError."""
        self._named(host).retry()

    def add(self, selector: str) -> list[str]:
        """Take in more hosts: the names of those that are new. Raises UsageError, NoTargetError."""
        more = self.setting.fleet([selector])
        with self._lock:
            for host in more.hosts:
                known = self._watches.get(host.name)
                if known is not None and known.asked_for != host:
                    name = safe(host.name, 100)
                    raise UsageError(f"there is another host called {name!r} in the list already")
            new = [host for host in more.hosts if host.name not in self._watches]
            self._fleet.widen(more)
            watches = [self._watch(host) for host in new]
            is_under_way = self._is_started and not self._is_closed
        for watch in watches if is_under_way else ():
            watch.start()
        return [host.name for host in new]

    def host(self, name: str) -> Host:
        """A host, as it was reached. Raises UsageError."""
        return self._named(name).host

    def target(self, host: str, deadline: OperationDeadline) -> HostTarget:
        """The way to a host, for looks at what is on it. Blocks. Raises TargetError, UsageError."""
        return self._named(host).reach(deadline)

    def deadline(self, seconds: float, cancel: Cancel | None = None, *, idle: float | None = None) -> OperationDeadline:
        """The time for a look; it stands still while the responder types a secret.

        Without a `cancel` of its own the look ends with the list.
        """
        wait = seconds if idle is None else idle
        return OperationDeadline(self._fleet.clock, seconds, wait, cancel or self._cancel)

    def _named(self, host: str) -> HostWatch:
        with self._lock:
            watch = self._watches.get(host)
        if watch is None:
            raise UsageError(f"host {safe(host, 100)!r} is not in the list")
        return watch

    def _watch(self, host: Host) -> HostWatch:
        watch = HostWatch(host, self._fleet, self._board, self.clock, self._pace, judge)
        watch.checked = self._compare_engines
        self._watches[host.name] = watch
        return watch

    def _compare_engines(self) -> None:
        """Say of hosts that show one engine that they do: what is on it is in the list twice."""
        with self._lock:
            watches = list(self._watches.values())
        engines, notes = Engines(), dict.fromkeys((watch.name for watch in watches), "")
        for watch in watches:
            same, told = engines.take(watch.host, watch.engine_id, watch.rows.ids)
            notes[watch.name] = told
            if same is not None:
                notes[watch.name] = _shown_twice(same.name, watch.engine_id)
                notes[same.name] = notes[same.name] or _shown_twice(watch.name, watch.engine_id)
        for watch in watches:
            watch.note(notes[watch.name])


def _shown_twice(other: str, engine: str) -> str:
    return f"its engine is that of host {safe(other, 100)} too (ID {safe(engine, 100)}): all on it is shown twice"
