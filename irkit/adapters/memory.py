"""A host in memory: for tests, and for trying playbooks without an engine. `memory_changes` has what is done to it.

The contract suite runs against this and the real engine, so that it is no more lenient.
"""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from irkit.adapters.fixed_clock import FixedClock
from irkit.adapters.log_stream import LogRecord
from irkit.adapters.memory_changes import ALIVE, CHANGES, full_id, refuse
from irkit.adapters.memory_events import MemoryEvents
from irkit.adapters.memory_isolation import MemoryIsolation, is_isolating
from irkit.core import operations as do
from irkit.core.codec import canonical
from irkit.core.container import Container, Summary
from irkit.core.engine_event import EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.footprint import Footprint
from irkit.core.host import Host
from irkit.core.host_check import HostFacts
from irkit.core.kernel import KernelFacts
from irkit.core.network import NetworkFacts
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.core.values import moment_of

_BUILT_IN = ("bridge", "host", "none")
_IMAGE_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*:\w[\w.-]{0,127}")


class MemoryTarget:
    """A host whose containers are values in a dict; changes replace them.

    `networks`, `images` (those made here) and `files` (of every container) are what else there is; `contents` what is
    read, by the name of its item, where it is not the request itself; `engine_id` is what
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
        self.contents: dict[str, bytes] = {}
        self.log: list[LogRecord] = []

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
        running = [one.state for one in list(self.containers.values())].count("running")
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
            for one in list(self.containers.values())  # somebody may change them meanwhile
        ]

    def examine(self, container: str, deadline: Deadline) -> Container:
        """The facts as they are."""
        deadline.remaining()
        found = self.containers.get(container)
        if found is None:
            raise TargetError(f"the engine says: No such container: {container}", Refusal.ABSENT)
        return found

    def examine_network(self, network: str, deadline: Deadline) -> NetworkFacts:
        """The facts of a network, by name or id."""
        deadline.remaining()
        name = next((one for one in self.networks if network in (one, full_id(one))), "")
        if not name:
            raise refuse(f"network {network} not found", Refusal.ABSENT)
        return self.isolation.facts(name, self.containers, full_id(name))

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        """What its kernel would show, where it has one (`has_kernel`): what is so, by the facts."""
        deadline.remaining()
        now = self.containers.get(container.id)
        if not self.has_kernel:
            return None
        if now is None or now.state not in ALIVE:
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

    def follow_logs(
        self, container: str, deadline: Deadline, *, tty: bool, tail: int, since: str = "", ends: bool = False
    ) -> Iterator[list[LogRecord]]:
        """The last of its `log`, which is every container's."""
        self.examine(container, deadline)
        now = datetime.now(UTC)
        begin = int(moment_of(since, now).timestamp()) * 10**9 if since else 0
        yield [one for one in self.log[-tail:] if one.nanoseconds >= begin]

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
            if now is not None and type(operation) in CHANGES:
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
            raise refuse(f"No such thing: {network}", Refusal.ABSENT)

    def _change(self, now: Container, operation: do.Operation) -> None:
        changed = CHANGES[type(operation)](now, operation)
        if changed.state not in ALIVE:
            self.isolation.end(now.id)
        if changed.state in ALIVE:
            self._check_addresses(changed)
        if changed.state == "exited" and changed.auto_remove:
            del self.containers[now.id]
        else:
            self.containers[now.id] = changed
        self.events.tell(changed, operation)

    def _check_addresses(self, changed: Container) -> None:
        """A live container must not have an address that another has; one that has ended may wish for it."""
        others = [one for one in self.containers.values() if one.id != changed.id and one.state in ALIVE]
        taken = {(place.network, place.ipv4) for one in others for place in one.attachments if place.ipv4}
        for place in changed.attachments:
            if place.fixed_ipv4 and (place.network, place.fixed_ipv4) in taken:
                raise refuse("Address already in use")

    def _answers(self, now: Container, operation: do.TryReach) -> bool:
        """A kernel answers for a paused container too, but not past rules that block it."""
        has = {address for one in now.attachments for address in (one.ipv4, one.ipv6) if address}
        return bool(has & set(operation.addresses)) and not self.isolation.tables.get(now.id)

    def _read(self, operation: do.Operation, now: Container | None, intake: Intake) -> Outcome:
        match operation:
            case do.TryReach(expect="silence") if now is not None and self._answers(now, operation):
                raise TargetError("NOT isolated: the host reaches it", Refusal.GARBLED)
            case do.ListProcesses() if now is not None and now.state not in ALIVE:
                raise refuse(f"container {now.id} is not running")
            case do.Commit(image=image) if not _IMAGE_NAME.fullmatch(image):
                raise refuse("invalid reference format")
            case do.Commit(image=image):
                self.images.add(image)
            case do.RemoveImage(image=image):
                self.images.discard(image)
                return Outcome()
        names = [f"{operation.file}/{name}.log" for name in ("stdout", "stderr")]
        for name in names if isinstance(operation, do.ReadLogs) else [operation.file]:
            intake.put(name, self.contents.get(name, canonical(operation)), source=operation.text())
        return Outcome()
