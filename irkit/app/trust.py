"""The keys that a host shows, against what the responder's known_hosts files say, and recording those that are new."""

from __future__ import annotations  # see the imports for types only, below

from dataclasses import dataclass
from typing import TYPE_CHECKING

from irkit.adapters.clock import SystemClock
from irkit.app.asking import PatientAsk, StillClock
from irkit.app.fleet import LOOK_TIME
from irkit.app.reach import ssh_ways
from irkit.core.errors import IrkitError, UsageError
from irkit.engine.deadline import Cancel, OperationDeadline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from irkit.adapters.ssh_offered import Offered
    from irkit.app.setting import Setting
    from irkit.core.host import Host


@dataclass(frozen=True)
class ShownKey:
    """A key that a host has proved to hold: its fingerprint, what is known of it, and the line that says so."""

    kind: str
    fingerprint: str
    state: str
    reason: str
    where: str


class HostKeys:
    """All keys that a host shows: what a responder compares before any of them is recorded."""

    def __init__(self, host: Host, offered: Sequence[Offered]) -> None:
        from irkit.adapters.known_hosts import fingerprint

        self.host, self._offered = host, list(offered)
        self.shown = [
            ShownKey(one.kind, fingerprint(one.blob), one.verdict.state, one.verdict.reason, one.verdict.where)
            for one in offered
        ]

    @property
    def hop(self) -> str:
        """The hop that the keys are of, where one on the way to the host is not known yet; else empty."""
        return self._offered[0].hop

    @property
    def place(self) -> tuple[str, int, Path]:
        """The name and port under which keys are recorded, and the file."""
        first = self._offered[0]
        return first.name, first.port, first.file

    @property
    def trusted(self) -> list[ShownKey]:
        """Those that are recorded already: where there is one, the host is known."""
        return [key for key in self.shown if key.state == "trusted"]

    def check(self) -> None:
        """See that nothing speaks against the host. Raises IrkitError for a key that is revoked, or another's."""
        for state in ("revoked", "changed"):
            found = next((key for key in self.shown if key.state == state), None)
            if found is None or (state == "changed" and self.trusted):
                continue  # beside a key that is known, one of another type is only not recorded
            raise IrkitError(f"{found.reason}: nothing is recorded" + _what_to_do(found))

    def record(self, only: str = "") -> list[ShownKey]:
        """Record the keys that are new, or the one with that fingerprint; which they are.

        Raises IrkitError as `check` does, UsageError where the host shows no such key or another one is recorded,
        StorageError.
        """
        from irkit.adapters.known_hosts import append_host_key

        self.check()
        if only and only not in [key.fingerprint for key in self.shown]:
            shown = ", ".join(key.fingerprint for key in self.shown)
            raise UsageError(f"the host shows no key with that fingerprint, but {shown}: nothing is recorded")
        for key in self.shown:
            if only == key.fingerprint and key.state == "changed":
                raise UsageError(f"{key.reason}: nothing is recorded{_what_to_do(key)}")
        chosen = [
            (one, key)
            for one, key in zip(self._offered, self.shown, strict=True)
            if key.state == "unknown" and only in ("", key.fingerprint)
        ]
        for one, _ in chosen:
            append_host_key(one.file, one.name, one.port, one.kind, one.blob, hashed=one.hashed)
        return [key for _, key in chosen]


def _what_to_do(key: ShownKey) -> str:
    if key.state == "revoked":
        return " (a revoked key is never accepted)"
    return f" (if you know that the host was set up anew, look at {key.where} and remove that line by hand)"


def keys_of(setting: Setting, name: str) -> HostKeys:
    """The keys that a host shows to whoever connects; nobody logs in. Raises UsageError, UnreachableError."""
    from irkit.adapters.ssh_offered import offered_keys

    hosts = setting.hosts([name])
    if len(hosts) != 1:
        raise UsageError(f"{name!r} means {len(hosts)} hosts: keys are compared for one at a time")
    (host,) = hosts
    if host.reach == "tcp":
        raise UsageError(f"host {host.name} is reached by TCP: it is known by its certificate, from the CA in ca.pem")
    if host.reach != "ssh":
        raise UsageError(f"host {host.name} is not reached by SSH: it has no host key")
    clock = StillClock(SystemClock())
    ways = ssh_ways(setting, PatientAsk(setting.ask, clock) if setting.ask else None)
    deadline = OperationDeadline(clock, LOOK_TIME, LOOK_TIME, Cancel())
    return HostKeys(host, offered_keys(host, ways, deadline))
