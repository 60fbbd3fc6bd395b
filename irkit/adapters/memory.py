"""A host and a bundle in memory, and a host that fails as told: for tests, and for trying playbooks without an engine.

The contract suite runs against this and the real engine, so that it is no more lenient.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from irkit.core import operations as do
from irkit.core.codec import FIRST_PREVIOUS, canonical, encode_record, line_digest
from irkit.core.container import Attachment, Container, Summary
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import AnyEvent, Record
from irkit.core.evidence import Evidence
from irkit.core.host import Host
from irkit.core.ports import Deadline, Intake, Outcome, Target
from irkit.core.values import utc_text

_ALIVE = ("running", "paused", "restarting")


class FixedClock:
    """A clock that moves on by a millisecond each time it is read."""

    def __init__(self) -> None:
        self._moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
        self._begun = self._moment

    def now(self) -> datetime:
        """The next moment."""
        self._moment += timedelta(milliseconds=1)
        return self._moment

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.now() - self._begun).total_seconds()


class MemoryTarget:
    """A host whose containers are values in a dict; changes replace them."""

    def __init__(self, containers: list[Container], host: Host | None = None) -> None:
        self._host = host or Host(name="local")
        self.containers = {one.id: one for one in containers}
        self.images: set[str] = set()

    @property
    def host(self) -> Host:
        """The host it stands for."""
        return self._host

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """All of them."""
        deadline.remaining()
        return [
            Summary(
                id=one.id,
                name=one.name,
                host=self._host.name,
                image=one.image,
                image_id=one.image_digest,
                state=one.state,
                networks=tuple(attachment.network for attachment in one.attachments),
                labels=one.labels,
            )
            for one in self.containers.values()
        ]

    def examine(self, container: str, deadline: Deadline) -> Container:
        """The facts as they are."""
        deadline.remaining()
        if container not in self.containers:
            raise TargetError(f"the engine says: No such container: {container}", Refusal.ABSENT)
        return self.containers[container]

    def apply(self, operation: do.Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """Carry out one operation, as strictly as an engine would."""
        now = self.examine(operation.subject, deadline) if operation.subject else None
        if operation.touch is do.Touch.READ or isinstance(operation, do.Commit):
            return self._read(operation, intake)
        if isinstance(operation, do.RemoveImage):
            self.images.discard(operation.image)
            return Outcome()
        assert now is not None  # noqa: S101 - every change but those above has a container
        changed = _CHANGES[type(operation)](now, operation)
        if changed.state == "exited" and changed.auto_remove:
            del self.containers[now.id]
        else:
            self.containers[now.id] = changed
        return Outcome()

    def _read(self, operation: do.Operation, intake: Intake) -> Outcome:
        if isinstance(operation, do.Commit):
            self.images.add(operation.image)
        names = [f"{operation.file}/{name}.log" for name in ("stdout", "stderr")]
        for name in names if isinstance(operation, do.ReadLogs) else [operation.file]:
            intake.put(name, canonical(operation), source=operation.text())
        return Outcome()


def _refuse(reason: str, kind: Refusal = Refusal.REFUSED) -> TargetError:
    return TargetError(f"the engine says: {reason}", kind)


def _disconnect(now: Container, operation: do.Disconnect) -> Container:
    if now.shares_host_network or now.network_owner:
        raise _refuse("container cannot be disconnected from host network")
    if not now.attachment(operation.network):
        raise _refuse(f"container is not connected to network {operation.network}", Refusal.ALREADY)
    left = tuple(one for one in now.attachments if one.network != operation.network)
    return msgspec.structs.replace(now, attachments=left)


def _connect(now: Container, operation: do.Connect) -> Container:
    wanted = operation.attachment
    if now.attachment(wanted.network):
        raise _refuse(f"endpoint with name {now.name} already exists in network {wanted.network}")
    if wanted.network == "bridge" and (wanted.aliases or wanted.fixed_ipv4):
        raise _refuse("network-scoped alias is supported only for containers in user defined networks")
    given = msgspec.structs.replace(wanted, ipv4=wanted.fixed_ipv4 or "172.31.0.9")
    after = sorted((*now.attachments, given), key=_network_name)
    return msgspec.structs.replace(now, attachments=tuple(after))


def _network_name(attachment: Attachment) -> str:
    return attachment.network


def _to_state(state: str, *allowed: str) -> Callable[[Container, Any], Container]:
    def change(now: Container, operation: do.Operation) -> Container:
        if now.state not in allowed:
            raise _refuse(f"container {now.id} is {now.state}")
        return msgspec.structs.replace(now, state=state)

    return change


def _set_policy(now: Container, operation: do.SetRestartPolicy) -> Container:
    if now.auto_remove:
        raise _refuse("Restart policy cannot be updated because AutoRemove is enabled for the container")
    return msgspec.structs.replace(now, restart_policy=operation.policy)


_CHANGES: dict[type[do.Operation], Callable[[Container, Any], Container]] = {
    do.Disconnect: _disconnect,
    do.Connect: _connect,
    do.Pause: _to_state("paused", "running"),
    do.Unpause: _to_state("running", "paused"),
    do.Stop: _to_state("exited", *_ALIVE, "exited", "created"),
    do.Kill: _to_state("exited", *_ALIVE),
    do.Start: _to_state("running", "exited", "created", "running", "dead"),
    do.SetRestartPolicy: _set_policy,
}


class FaultyTarget:
    """A target that fails at the calls told: before the call took hold, or after.

    `faults` maps the number of an `apply` call (from 1) to what is raised and when: `(error, "before" | "after")`.
    """

    def __init__(self, inner: Target, faults: dict[int, tuple[BaseException, str]]) -> None:
        self.inner, self.faults, self.calls = inner, faults, 0

    @property
    def host(self) -> Host:
        """The host of the target within."""
        return self.inner.host

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """As the target within."""
        return self.inner.list_containers(deadline)

    def examine(self, container: str, deadline: Deadline) -> Container:
        """As the target within."""
        return self.inner.examine(container, deadline)

    def apply(self, operation: do.Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """As the target within, but for the faults."""
        self.calls += 1
        error, when = self.faults.get(self.calls, (None, ""))
        if error is not None and when == "before":
            raise error
        outcome = self.inner.apply(operation, intake, deadline)
        if error is not None:
            raise error
        return outcome


class MemoryStore:
    """A log and evidence kept in memory, chained as on disk."""

    def __init__(self, clock: FixedClock | None = None) -> None:
        self._clock = clock or FixedClock()
        self._prev = FIRST_PREVIOUS
        self.records: list[Record] = []
        self.files: dict[str, bytes] = {}

    def append(self, event: AnyEvent) -> Record:
        """Chain the event on."""
        record = Record(seq=len(self.records) + 1, at=utc_text(self._clock.now()), prev=self._prev, event=event)
        self._prev = line_digest(encode_record(record))
        self.records.append(record)
        return record

    def intake(self, *, host: str, container: Container | None, operation: do.Operation, task: int) -> "MemoryIntake":
        """An intake that keeps bytes under their path."""
        return MemoryIntake(self, f"data/{host}/{container.id[:8] if container else 'host'}")

    def release(self) -> bool:
        """There is no reserve in memory."""
        return False


class MemoryIntake:
    """Evidence of one operation, in memory."""

    def __init__(self, store: MemoryStore, folder: str) -> None:
        self._store, self._folder = store, folder
        self._taken: list[Evidence] = []
        self._open: list[_MemoryFile] = []

    def open(self, path: str, *, source: str, compress: bool = False, level: int = 3) -> "_MemoryFile":
        """A new item; nothing is compressed in memory."""
        item = _MemoryFile(self, f"{self._folder}/{path}", source)
        self._open.append(item)
        return item

    def put(self, path: str, data: bytes, *, source: str) -> Evidence:
        """A small item at once."""
        item = self.open(path, source=source)
        item.write(data)
        return item.finish()

    def close(self, reason: str) -> tuple[Evidence, ...]:
        """Everything taken in; what is still open is partial for that reason."""
        for item in list(self._open):
            item.finish(reason)
        return tuple(self._taken)

    def keep(self, item: "_MemoryFile", evidence: Evidence, data: bytes) -> None:
        """A file that is finished."""
        self._open.remove(item)
        self._taken.append(evidence)
        self._store.files[evidence.path] = data


class _MemoryFile:
    def __init__(self, intake: MemoryIntake, path: str, source: str) -> None:
        self._intake, self._path, self._source = intake, path, source
        self._data = bytearray()
        self._warnings: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._data += data

    def warn(self, text: str) -> None:
        self._warnings.append(text)

    def finish(self, partial: str = "") -> Evidence:
        data = bytes(self._data)
        digest = hashlib.sha256(data).hexdigest()
        evidence = Evidence(
            path=self._path,
            kind=self._path.rpartition("/")[2],
            source=self._source,
            sha256=digest,
            sha512=hashlib.sha512(data).hexdigest(),
            size=len(data),
            source_sha256=digest,
            source_size=len(data),
            started_at="",
            ended_at="",
            partial=partial,
            warnings=tuple(self._warnings),
        )
        self._intake.keep(self, evidence, data)
        return evidence
