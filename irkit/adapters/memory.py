"""A host and a bundle in memory, and a host that fails as told: for tests, and for trying playbooks without an engine.

The contract suite runs against this and the real engine, so that it is no more lenient.
"""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from irkit.adapters.memory_events import MemoryEvents
from irkit.adapters.memory_isolation import MemoryIsolation, is_isolating, with_limits
from irkit.core import operations as do
from irkit.core.codec import FIRST_PREVIOUS, canonical, encode_record, line_digest
from irkit.core.container import Container, Summary
from irkit.core.engine_event import EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import AnyEvent, Record
from irkit.core.evidence import Evidence
from irkit.core.footprint import Footprint
from irkit.core.host import Host
from irkit.core.host_check import HostFacts
from irkit.core.kernel import KernelFacts
from irkit.core.network import NetworkFacts
from irkit.core.ports import Deadline, Intake, Outcome, Target
from irkit.core.values import utc_text

_ALIVE = ("running", "paused", "restarting")
_BUILT_IN = ("bridge", "host", "none")
_IMAGE_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*:\w[\w.-]{0,127}")


def full_id(name: str) -> str:
    """An id as engines have them, for a thing of that name."""
    return hashlib.sha256(name.encode()).hexdigest()


class FixedClock:
    """A clock that moves on by a millisecond each time it is read."""

    def __init__(self) -> None:
        self._moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
        self._begun = self._moment
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The next moment."""
        with self._lock:
            self._moment += timedelta(milliseconds=1)
            return self._moment

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.now() - self._begun).total_seconds()


class MemoryTarget:
    """A host whose containers are values in a dict; changes replace them.

    `networks`, `images` (those made here) and `files` (of every container) are what else there is; `engine_id` is what
    it calls itself. `isolation` is what was made to hold containers.
    """

    def __init__(self, containers: list[Container], host: Host | None = None, engine_id: str = "") -> None:
        self._host = host or Host(name="local")
        self.engine_id = engine_id
        self.notes: list[str] = []
        self._lock = threading.Lock()
        self.containers = {one.id: one for one in containers}
        self.networks = {place.network for one in containers for place in one.attachments} | set(_BUILT_IN)
        self.images: set[str] = set()
        self.isolation = MemoryIsolation()
        self.events = MemoryEvents(FixedClock().now)
        self.has_kernel = True
        self.no_root = self.no_files = ""
        self.files = {"/", "/app"}

    @property
    def host(self) -> Host:
        """The host it stands for."""
        return self._host

    def connect(self, deadline: Deadline) -> None:
        """Nothing: it is here."""
        deadline.remaining()

    def close(self) -> None:
        """Nothing: it stays."""

    def identify(self, deadline: Deadline) -> str:
        """What it calls itself."""
        deadline.remaining()
        return self.engine_id

    def ping(self, deadline: Deadline) -> None:
        """It is there."""
        deadline.remaining()

    def check_engine(self, deadline: Deadline) -> HostFacts:
        """What little there is to tell."""
        return self.check(deadline)

    def check(self, deadline: Deadline) -> HostFacts:
        """What little there is to tell."""
        deadline.remaining()
        running = sum(one.state == "running" for one in self.containers.values())
        return HostFacts(
            host=self._host.name,
            engine="memory",
            engine_id=self.engine_id,
            running=running,
            containers=len(self.containers),
        )

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
                network_mode=one.network_mode,
                ports=one.ports,
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

    def examine_network(self, network: str, deadline: Deadline) -> NetworkFacts:
        """The facts of a network, by name or id."""
        deadline.remaining()
        name = next((one for one in self.networks if network in (one, full_id(one))), "")
        if not name:
            raise _refuse(f"network {network} not found", Refusal.ABSENT)
        return self.isolation.facts(name, self.containers, full_id(name))

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        """What its kernel would show, where it has one (`has_kernel`): what is so, by the facts."""
        deadline.remaining()
        now = self.containers.get(container.id)
        if not self.has_kernel:
            return None
        if now is None or now.state not in _ALIVE:
            return KernelFacts(alive=False)
        # A network's interface has the same name whenever it is attached, that of the first network the first one.
        order = sorted(self.networks, key=lambda one: (one != now.network_mode, one))
        places = {place.ipv4: f"eth{order.index(place.network)}" for place in now.attachments if place.ipv4}
        return KernelFacts(
            alive=True,
            interfaces=tuple(places.values()),
            addresses=tuple(places),
            places=places,
            frozen=now.state == "paused",
        )

    def check_rules(self, operation: do.BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        """Whether its table is there: somebody may have taken it out of `isolation`."""
        deadline.remaining()
        return self.isolation.check(operation)

    def why_no_root(self, deadline: Deadline) -> str:
        """What it is told to say (`no_root`); nothing of it is ever done as root."""
        deadline.remaining()
        return self.no_root

    def why_no_files(self, deadline: Deadline) -> str:
        """What it is told to say (`no_files`)."""
        deadline.remaining()
        return self.no_files

    def footprint(self) -> Footprint:
        """None: nothing is asked of any host."""
        return Footprint()

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        """What changes here from then on, whoever changes it."""
        return self.events.watch(since, deadline)

    def act(self, operation: do.Operation) -> None:
        """Somebody else changes a container."""
        with self._lock:
            self._change(self.containers[operation.subject], operation)

    def appear(self, container: Container) -> None:
        """Somebody else makes and starts a container."""
        with self._lock:
            self.containers[container.id] = container
            self.networks |= {place.network for place in container.attachments}
            self.events.add(container, "start")

    def vanish(self, container: str) -> None:
        """Somebody else removes a container."""
        with self._lock:
            self.events.add(self.containers.pop(container), "destroy")

    def apply(self, operation: do.Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """Carry out one operation, as strictly as an engine would."""
        deadline.remaining()
        with self._lock:
            is_there = operation.subject in self.containers or not operation.outlives
            now = self.examine(operation.subject, deadline) if operation.subject and is_there else None
            self._check_there(operation)
            if now is not None and type(operation) in _CHANGES:
                self._change(now, operation)
                return Outcome()
            if is_isolating(operation):
                return self.isolation.apply(
                    operation,  # type: ignore[arg-type]
                    self.containers,
                    self.networks,
                    no_root=self.no_root,
                )
        return Outcome() if isinstance(operation, do.SeeIsolated) else self._read(operation, now, intake)

    def _check_there(self, operation: do.Operation) -> None:
        match operation:
            case do.InspectNetwork(network=network) | do.Disconnect(network=network):
                known = network in self.networks
            case do.Connect(attachment=attachment):
                network, known = attachment.network, attachment.network in self.networks
            case do.SaveImage(image=image) | do.RemoveImage(image=image):
                network, known = image, image in self.images
            case do.InspectImage(image=image) | do.ReadImageHistory(image=image) | do.ReadImage(image=image):
                network, known = image, image in {one.image_digest for one in self.containers.values()}
            case do.CopyOut(path=path):
                network, known = path, path in self.files
            case _:
                return
        if not known:
            raise _refuse(f"No such thing: {network}", Refusal.ABSENT)

    def _change(self, now: Container, operation: do.Operation) -> None:
        changed = _CHANGES[type(operation)](now, operation)
        if changed.state not in _ALIVE:
            self.isolation.end(now.id)
        if changed.state in _ALIVE:
            self._check_addresses(changed)
        if changed.state == "exited" and changed.auto_remove:
            del self.containers[now.id]
        else:
            self.containers[now.id] = changed
        self.events.tell(changed, operation)

    def _check_addresses(self, changed: Container) -> None:
        """A live container must not have an address that another has; one that has ended may wish for it."""
        others = [one for one in self.containers.values() if one.id != changed.id and one.state in _ALIVE]
        taken = {(place.network, place.ipv4) for one in others for place in one.attachments if place.ipv4}
        for place in changed.attachments:
            if place.fixed_ipv4 and (place.network, place.fixed_ipv4) in taken:
                raise _refuse("Address already in use")

    def _answers(self, now: Container, operation: do.TryReach) -> bool:
        """A kernel answers for a paused container too, but not past rules that block it."""
        has = {address for one in now.attachments for address in (one.ipv4, one.ipv6) if address}
        return bool(has & set(operation.addresses)) and not self.isolation.tables.get(now.id)

    def _read(self, operation: do.Operation, now: Container | None, intake: Intake) -> Outcome:
        match operation:
            case do.TryReach(expect="silence") if now is not None and self._answers(now, operation):
                raise TargetError("NOT isolated: the host reaches it", Refusal.GARBLED)
            case do.ListProcesses() if now is not None and now.state not in _ALIVE:
                raise _refuse(f"container {now.id} is not running")
            case do.Commit(image=image) if not _IMAGE_NAME.fullmatch(image):
                raise _refuse("invalid reference format")
            case do.Commit(image=image):
                self.images.add(image)
            case do.RemoveImage(image=image):
                self.images.discard(image)
                return Outcome()
        names = [f"{operation.file}/{name}.log" for name in ("stdout", "stderr")]
        for name in names if isinstance(operation, do.ReadLogs) else [operation.file]:
            intake.put(name, canonical(operation), source=operation.text())
        return Outcome()


def _refuse(reason: str, kind: Refusal = Refusal.REFUSED) -> TargetError:
    return TargetError(f"the engine says: {reason}", kind)


def _disconnect(now: Container, operation: do.Disconnect) -> Container:
    if "host" in (now.network_mode, operation.network):
        raise _refuse("container cannot be disconnected from host network or connected to host network")
    if not now.attachment(operation.network):
        raise _refuse(f"container is not connected to network {operation.network}", Refusal.ALREADY)
    left = tuple(one for one in now.attachments if one.network != operation.network)
    return msgspec.structs.replace(now, attachments=left)


def _connect(now: Container, operation: do.Connect) -> Container:
    wanted = operation.attachment
    for is_so, reason in (
        ("host" in (now.network_mode, wanted.network), "container cannot be connected to host network"),
        (bool(now.network_owner), "container sharing network namespace with another container cannot be connected"),
        (now.attachment("none"), "container cannot be on other networks with one in private (none) mode"),
        (wanted.network == "none" and now.attachments, "container cannot be on other networks in private (none) mode"),
        (wanted.network == "bridge" and wanted.aliases, "aliases are supported in user defined networks only"),
        (wanted.network == "bridge" and wanted.fixed_ipv4, "IP addresses are supported on user defined networks only"),
        (now.state in _ALIVE and now.attachment(wanted.network), f"endpoint {now.name} already exists in network"),
    ):
        if is_so:
            raise _refuse(reason)
    others = tuple(one for one in now.attachments if one.network != wanted.network)
    wanted = msgspec.structs.replace(wanted, interface="", default_route=False)  # the kernel's, not the engine's
    placed = sorted((*others, wanted), key=lambda one: one.network)
    return _with_addresses(msgspec.structs.replace(now, attachments=tuple(placed)))


def _with_addresses(now: Container) -> Container:
    """A live container has on each network the address asked for or one that the engine chose; others have none."""
    places = []
    for one in now.attachments:
        chosen = one.fixed_ipv4 or f"172.31.{int(full_id(one.network)[:2], 16)}.{2 + int(now.id[:2], 16) % 250}"
        places.append(msgspec.structs.replace(one, ipv4=chosen if now.state in _ALIVE else ""))
    return msgspec.structs.replace(now, attachments=tuple(places))


def _to_state(state: str, *allowed: str) -> Callable[[Container, Any], Container]:
    def change(now: Container, operation: do.Operation) -> Container:
        if now.state not in allowed:
            raise _refuse(f"container {now.id} is {now.state}")
        changed = msgspec.structs.replace(now, state=state)
        return changed if now.state in _ALIVE and state in _ALIVE else _with_addresses(changed)

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
    do.SetLimits: with_limits,
}


class FaultyTarget:
    """A target that fails at the calls told: before the call took hold, or after.

    `faults` maps the number of an `apply` call (from 1) to what is raised and when: `(error, "before" | "after")`.
    """

    def __init__(self, inner: Target, faults: dict[int, tuple[BaseException, str]]) -> None:
        self.inner, self.faults, self.calls = inner, faults, 0
        self._lock = threading.Lock()

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

    def examine_network(self, network: str, deadline: Deadline) -> NetworkFacts:
        """As the target within."""
        return self.inner.examine_network(network, deadline)

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        """As the target within."""
        return self.inner.see_kernel(container, deadline)

    def check_rules(self, operation: do.BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        """As the target within."""
        return self.inner.check_rules(operation, container, deadline)

    def why_no_root(self, deadline: Deadline) -> str:
        """As the target within."""
        return self.inner.why_no_root(deadline)

    def why_no_files(self, deadline: Deadline) -> str:
        """As the target within."""
        return self.inner.why_no_files(deadline)

    def footprint(self) -> Footprint:
        """As the target within."""
        return self.inner.footprint()

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        """As the target within."""
        return self.inner.watch(since, deadline)

    def apply(self, operation: do.Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """As the target within, but for the faults."""
        with self._lock:
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
        self._lock = threading.Lock()
        self._prev = FIRST_PREVIOUS
        self.records: list[Record] = []
        self.files: dict[str, bytes] = {}

    def append(self, event: AnyEvent) -> Record:
        """Chain the event on."""
        with self._lock:
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
        self._is_closed = False

    def open(self, path: str, *, source: str, compress: bool = False, level: int = 3) -> "_MemoryFile":
        """A new item; nothing is compressed in memory."""
        if self._is_closed:
            raise TargetError("it was given up before this came", Refusal.CANCELLED)
        item = _MemoryFile(self, f"{self._folder}/{path}", source)
        self._open.append(item)
        return item

    def put(self, path: str, data: bytes, *, source: str) -> Evidence:
        """A small item at once."""
        item = self.open(path, source=source)
        item.write(data)
        return item.finish()

    def name(self, evidence: Evidence, path: str) -> Evidence | None:
        """Have a finished item lie at `path`; None where one lies there."""
        name = f"{self._folder}/{path}"
        if name in self._store.files:
            self.drop(evidence)
            return None
        self._store.files[name] = self._store.files.pop(evidence.path)
        named = msgspec.structs.replace(evidence, path=name)
        self._taken[self._taken.index(evidence)] = named
        return named

    def drop(self, evidence: Evidence) -> None:
        """Take a finished item away."""
        self._taken.remove(evidence)
        del self._store.files[evidence.path]

    def close(self, reason: str) -> tuple[Evidence, ...]:
        """Everything taken in; what is still open is partial for that reason."""
        self._is_closed = True
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
