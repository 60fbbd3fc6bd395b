"""Two hosts to try the contract on: one in memory, one real. Both are told what to make in the lab's words."""

from typing import Protocol

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.adapters.memory_store import MemoryStore
from irkit.core.container import Attachment, Container, Limits, RestartPolicy
from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.host import Host
from irkit.core.operations import AnyOperation
from irkit.core.ports import Outcome, Target
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.suspects import Lab

PATIENCE = 60.0
SLEEPS = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
NETWORKS = (Network("front", "10.88.1.0/24"), Network("back", "10.88.2.0/24"), Network("spare", "10.88.3.0/24"))
BUILT_IN = {"bridge": "default", "host": "host", "none": "none"}


class Maker(Protocol):
    """What puts suspects where the target can reach them. The lab is one."""

    def make(self, suspect: Suspect) -> str: ...


class Site:
    """A target, and the way to put something in front of it."""

    def __init__(self, target: Target, maker: Maker) -> None:
        self.target, self.maker = target, maker
        self.store = MemoryStore()

    def deadline(self, cancel: Cancel | None = None) -> OperationDeadline:
        return OperationDeadline(SystemClock(), PATIENCE, PATIENCE, cancel or Cancel())

    def suspect(self, name: str, *networks: Attach | str, **more: object) -> str:
        """A suspect that only sleeps, on these networks; its id."""
        places = tuple(Attach(one) if isinstance(one, str) else one for one in networks)
        return self.maker.make(Suspect(name, networks=places, command=SLEEPS, **more))  # type: ignore[arg-type]

    def is_gone(self, container: str) -> bool:
        """Whether it is gone, or at least goes."""

        def is_gone() -> bool:
            try:
                self.examine(container)
            except TargetError as error:
                assert error.kind is Refusal.ABSENT
                return True
            return False

        return wait_until(is_gone)

    def examine(self, container: str) -> Container:
        return self.target.examine(container, self.deadline())

    def apply(self, *operations: AnyOperation) -> Outcome:
        """Carry them out; what the last one answered."""
        for operation in operations:
            outcome, self.evidence = self.collect(operation)
        return outcome

    def collect(self, operation: AnyOperation, cancel: Cancel | None = None) -> tuple[Outcome, tuple[Evidence, ...]]:
        container = None
        intake = self.store.intake(host="local", container=container, operation=operation, task=0)
        outcome = self.target.apply(operation, intake, self.deadline(cancel))
        return outcome, intake.close("not finished")

    def refusal(self, operation: AnyOperation) -> TargetError:
        """What the target says to an operation it must not carry out."""
        try:
            self.apply(operation)
        except TargetError as error:
            return error
        raise AssertionError(f"it was done: {operation}")


class MemoryMaker:
    """Makes containers in a target in memory, with the facts that an engine would give them."""

    def __init__(self, target: MemoryTarget) -> None:
        self.target = target

    def make(self, suspect: Suspect) -> str:
        first, *others = suspect.networks or (Attach("bridge"),)
        mode = BUILT_IN.get(first.network, first.network)
        if mode.startswith("container:"):
            mode = f"container:{full_id(mode.partition(':')[2])}"
        places = () if mode.startswith("container:") else (first, *others)
        policy, _, retries = suspect.restart.partition(":")
        one = Container(
            id=full_id(suspect.name),
            name=suspect.name,
            host=self.target.host.name,
            image="irkit-lab/base:1",
            image_digest="sha256:" + full_id("base"),
            state=suspect.state,
            network_mode=mode,
            attachments=tuple(sorted(map(_attachment, places), key=lambda place: place.network)),
            restart_policy=RestartPolicy(name=policy, maximum_retries=int(retries or 0)),
            auto_remove=suspect.auto_remove,
            labels=dict(suspect.labels),
            limits=Limits(**suspect.limits),
        )
        self.target.containers[one.id] = one
        return one.id


def _attachment(place: Attach) -> Attachment:
    fixed = place.ipv4 or ""
    return Attachment(network=place.network, fixed_ipv4=fixed, ipv4=fixed or "172.30.0.2", aliases=place.aliases)


def memory_site() -> Site:
    target = MemoryTarget([])
    target.networks |= {network.name for network in NETWORKS}
    return Site(target, MemoryMaker(target))


def engine_site(lab: Lab) -> Site:
    host = Host(name="local", socket=str(lab.engine.socket))
    return Site(DockerEngine(host, dial_unix(host.socket), SystemClock()), lab)
