"""Operations that hold a container where it is, or on a network of its own, and limit what it uses.

What runs commands as root on the host says so (`needs_root`), and in its text.
"""

from typing import TYPE_CHECKING, Literal

import msgspec

from irkit.core.apart import prove_alone
from irkit.core.container import Container, Limits
from irkit.core.operation import ALIVE, RUNNING, Operation, Touch, Trace
from irkit.core.proof import Proof, Seen

if TYPE_CHECKING:
    from irkit.core.operations import AnyOperation

RUN_LABEL = "irkit.run"
"""The label that carries the run's id, of what irkit makes in an engine."""
Where = Literal["namespace", "veth", "cgroup", "bridge"]
"""Where traffic is dropped: in the container's network namespace, at the host's end of its interfaces, by its control
group on the host's network, or at the bridge of its network towards the host."""
_WHERE = {
    "namespace": "in its network namespace",
    "veth": "at the host's end of its interfaces",
    "cgroup": "of its control group on the host's network",
    "bridge": "between its network and the host",
}
_RUNS = {"namespace": "nft or iptables", "veth": "nft or ebtables", "cgroup": "nft", "bridge": "nft or iptables"}
"""What does it: the second on a host where the first is of no use."""


class MakeNetwork(Operation, frozen=True, tag="make-network"):
    """Make a network for one container alone, that leads nowhere; `device` is its bridge on the host.

    Where `has_host` is false the bridge has no address, so that not even the host is reached.
    """

    container: str
    network: str
    device: str
    has_host: bool = False
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    touch = Touch.CHANGE
    rank = 3

    def text(self) -> str:
        return f"make internal network {self.network}" + ("" if self.has_host else " that not even the host is on")

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (RemoveNetwork(self.container, self.network),)


class RemoveNetwork(Operation, frozen=True, tag="remove-network"):
    """Remove a network that irkit made for a container; one that others use by now is left, and told of."""

    container: str
    network: str
    touch = Touch.CHANGE

    @property
    def outlives(self) -> bool:
        return True

    def text(self) -> str:
        return f"remove network {self.network}"


class BlockTraffic(Operation, frozen=True, tag="block-traffic"):
    """Drop a container's traffic in both directions by rules in a table of their own, named after the run.

    Addresses, routes and sockets stay as they are. `allow` are the exceptions, as `irkit.core.allowed` reads them.
    `device` is the bridge concerned, for `where` bridge.
    """

    container: str
    table: str
    where: Where = "namespace"
    allow: tuple[str, ...] = ()
    device: str = ""
    touch = Touch.CHANGE
    rank = 3
    needs_root = True

    def text(self) -> str:
        but = f", but {', '.join(self.allow)}" if self.allow else ""
        return f"drop all traffic {_WHERE[self.where]}{but} (runs {_RUNS[self.where]} as root on the host)"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (UnblockTraffic(self.container, self.table, self.where, self.allow, self.device),)

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in ALIVE or self.where == "bridge" else f"it has no network namespace: it is {now.state}"

    def prove(self, seen: Seen) -> Proof:
        """Rules are for one start of a container. That they stand is read back by whoever made them."""
        if self.where == "bridge":
            return Proof.asserted()
        if seen.after is None or seen.after.state not in ALIVE:
            return Proof.proven("it does not run: it has no network namespace")
        if seen.after.pid != seen.before.pid:
            return Proof.wrong("NOT isolated: it was started anew meanwhile, in a network namespace without the rules")
        return Proof.asserted()


class UnblockTraffic(Operation, frozen=True, tag="unblock-traffic"):
    """Remove the rules that a `block-traffic` made, and nothing else; with the namespace they are gone anyway."""

    container: str
    table: str
    where: Where = "namespace"
    allow: tuple[str, ...] = ()
    device: str = ""
    touch = Touch.CHANGE
    needs_root = True

    @property
    def outlives(self) -> bool:
        return self.where != "namespace"

    def text(self) -> str:
        return f"let traffic through again {_WHERE[self.where]} (runs {_RUNS[self.where]} as root on the host)"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (BlockTraffic(self.container, self.table, self.where, self.allow, self.device),)

    def prove(self, seen: Seen) -> Proof:
        """That nothing is left is read back by whoever removed it."""
        return Proof.asserted()


class ResetConnections(Operation, frozen=True, tag="reset-connections"):
    """End the established TCP connections of a container's network namespace, so that none goes on when it is back.

    Its processes see a reset, and may end: that is why it is not done unless it is asked for.
    """

    container: str
    touch = Touch.DESTROY
    destroys = frozenset({Trace.SOCKETS})
    needs_root = True

    def text(self) -> str:
        return "end established connections (runs ss as root on the host)"

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in ALIVE else f"it has no connections: it is {now.state}"

    def prove(self, seen: Seen) -> Proof:
        """That none is left is read back by whoever ended them."""
        return Proof.asserted()


class SeeIsolated(Operation, frozen=True, tag="see-isolated"):
    """See that a container is on no network, or on none but `leaves`: one that the engine says is off them already.

    Nothing is changed. An engine may have said so of one that is reached all the same.
    """

    container: str
    leaves: tuple[str, ...] = ()
    rank = 3
    looks_at_kernel = True

    def text(self) -> str:
        return f"see that it is on no network{' but ' + ', '.join(self.leaves) if self.leaves else ''}"

    def verify(self, after: Container | None) -> str:
        more = [one.network for one in after.attachments if one.network not in (*self.leaves, "none")] if after else []
        return f"NOT isolated: it was attached to {', '.join(more)} since the plan was made" if more else ""

    def prove(self, seen: Seen) -> Proof:
        """Proven where its network namespace has nothing that leads anywhere."""
        wrong = self.verify(seen.after)
        return Proof.wrong(wrong) if wrong else prove_alone(seen, self.leaves)


class SetLimits(Operation, frozen=True, tag="set-limits"):
    """Limit what a container may use; a limit of 0 is left as it is found.

    A memory limit below what it uses makes the kernel end its processes: `risks_memory` says that this may happen.
    """

    container: str
    limits: Limits
    risks_memory: bool = False
    touch = Touch.CHANGE
    rank = 3

    def text(self) -> str:
        return f"limit it to {self.limits.text() or 'nothing'}"

    def losses(self, now: Container) -> frozenset[Trace]:
        return RUNNING if self.risks_memory and now.state in ALIVE else frozenset()

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (SetLimits(self.container, now.limits.for_undo_of(self.limits)),)

    def inapplicable(self, now: Container) -> str:
        return "its limits are so already" if self.limits.are_met_by(now.limits) else ""

    def verify(self, after: Container | None) -> str:
        if after is None or self.limits.are_met_by(after.limits):
            return "" if after else "it is gone"
        return f"its limits are {after.limits.text() or 'none'}, not {self.limits.text()}"
