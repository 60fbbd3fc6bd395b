"""What a host in memory says to networks, firewall rules and limits: as strict as an engine and its host."""

from collections.abc import Mapping
from typing import NoReturn

import msgspec

from irkit.core import operations as do
from irkit.core.container import UNLIMITED, Container, Limits
from irkit.core.errors import Refusal, TargetError
from irkit.core.network import Endpoint, NetworkFacts
from irkit.core.ports import Outcome
from irkit.core.proof import Proof

_ALIVE = ("running", "paused", "restarting")
_LEAST_MEMORY = 6 * 1024 * 1024
_OPERATIONS = (do.MakeNetwork, do.RemoveNetwork, do.BlockTraffic, do.UnblockTraffic, do.ResetConnections)
Isolating = do.MakeNetwork | do.RemoveNetwork | do.BlockTraffic | do.UnblockTraffic | do.ResetConnections


class MemoryIsolation:
    """The networks and the tables of rules that were made on a host in memory.

    `room` is how many networks more its address pools have room for; `tables` are those of each container, by where
    and name; `subnets` those of networks that have any.
    """

    def __init__(self, room: int = 30) -> None:
        self.room = room
        self.made: dict[str, do.MakeNetwork] = {}
        self.tables: dict[str, set[tuple[str, str]]] = {}
        self.subnets: dict[str, tuple[str, ...]] = {}

    def apply(
        self, operation: Isolating, containers: Mapping[str, Container], networks: set[str], *, no_root: str
    ) -> Outcome:
        """Carry out an operation that changes the host and not the container. `networks` are all there are."""
        if operation.needs_root and no_root:
            raise TargetError(no_root, Refusal.UNSUPPORTED)
        match operation:
            case do.MakeNetwork():
                self._make_network(operation, networks)
                return Outcome(proof=Proof.asserted("the engine calls it internal"))
            case do.RemoveNetwork():
                return self._remove_network(operation, containers, networks)
            case do.BlockTraffic():
                self._block(operation, containers[operation.container])
                return Outcome(proof=Proof.proven("the rules were listed back"))
            case do.UnblockTraffic(container=container, table=table, where=where):
                self.tables.get(container, set()).discard((where, table))
                return Outcome(proof=Proof.proven("no such table is left"))
            case do.ResetConnections(container=container):
                _check_alive(containers[container])
                return Outcome(proof=Proof.proven("no connection is left"))

    def check(self, operation: do.BlockTraffic) -> str:
        """What is not there of the rules that were put in for an operation."""
        is_there = (operation.where, operation.table) in self.tables.get(operation.container, set())
        return "" if is_there else f"table {operation.table} is not there"

    def end(self, container: str) -> None:
        """A container ended: its network namespace is gone with the rules in it."""
        self.tables[container] = {one for one in self.tables.get(container, set()) if one[0] != "namespace"}

    def _make_network(self, operation: do.MakeNetwork, networks: set[str]) -> None:
        if operation.network in networks:
            _refuse(f"network with name {operation.network} already exists")
        if operation.device in {one.device for one in self.made.values()}:
            _refuse(f"network with bridge name {operation.device} already exists")
        if self.room < 1:
            _refuse("could not find an available, non-overlapping IPv4 address pool", Refusal.ABSENT)
        self.room -= 1
        self.made[operation.network] = operation
        networks.add(operation.network)

    def _remove_network(
        self, operation: do.RemoveNetwork, containers: Mapping[str, Container], networks: set[str]
    ) -> Outcome:
        name = operation.network
        if name not in networks:
            return Outcome(detail="it is gone already")
        if name not in self.made:
            _refuse(f"network {name} stays: irkit did not make it")
        if users := [one.name for one in containers.values() if one.attachment(name)]:
            _refuse(f"network {name} stays, as it is in use by {', '.join(users)}")
        self.room += 1
        del self.made[name]
        networks.discard(name)
        return Outcome(proof=Proof.asserted("the engine removed it"))

    def _block(self, operation: do.BlockTraffic, now: Container) -> None:
        if operation.where == "bridge":
            if operation.device not in {one.device for one in self.made.values()}:
                _refuse(f"there is no bridge {operation.device}")
        else:
            _check_alive(now)
        self.tables.setdefault(now.id, set()).add((operation.where, operation.table))

    def facts(self, name: str, containers: Mapping[str, Container], network_id: str) -> NetworkFacts:
        """What an engine would tell of a network."""
        made = self.made.get(name)
        on_it = [(one, place) for one in containers.values() if (place := one.attachment(name))]
        endpoints = [
            Endpoint(container=one.id, name=one.name, ipv4=place.ipv4, ipv6=place.ipv6)
            for one, place in on_it
            if one.state in _ALIVE
        ]
        return NetworkFacts(
            name=name,
            id=network_id,
            driver={"host": "host", "none": "null"}.get(name, "bridge"),
            internal=made is not None,
            subnets=self.subnets.get(name, ()),
            endpoints=tuple(endpoints),
            labels=dict(made.labels) if made else {},
        )


def is_isolating(operation: do.Operation) -> bool:
    """Whether an operation is one of those that `MemoryIsolation` carries out."""
    return isinstance(operation, _OPERATIONS)


def with_limits(now: Container, operation: do.SetLimits) -> Container:
    """A container with limits as wished for, as far as an engine would have it."""
    wish, found = operation.limits, now.limits
    if wish.nano_cpus == UNLIMITED:
        _refuse("Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available")
    if wish.nano_cpus and (found.cpu_quota or found.cpu_period):
        _refuse("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set")
    if (wish.cpu_quota or wish.cpu_period) and found.nano_cpus:
        _refuse("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set")
    if 0 < wish.memory < _LEAST_MEMORY:
        _refuse("Minimum memory limit allowed is 6MB")
    if not wish.memory_swap and wish.memory > found.memory_swap:
        _refuse("Memory limit should be smaller than already set memoryswap limit")
    memory = _changed(found.memory, wish.memory)
    limits = Limits(
        nano_cpus=_changed(found.nano_cpus, wish.nano_cpus),
        cpu_quota=_changed(found.cpu_quota, wish.cpu_quota),
        cpu_period=wish.cpu_period or found.cpu_period,
        memory=memory,
        memory_swap=(wish.memory_swap or found.memory_swap) if memory else 0,
        pids=_changed(found.pids, wish.pids),
    )
    return msgspec.structs.replace(now, limits=limits)


def _changed(found: int, wish: int) -> int:
    return max(wish, 0) if wish else found


def _check_alive(now: Container) -> None:
    if now.state not in _ALIVE:
        _refuse(f"container {now.id} has no network namespace: it is {now.state}")


def _refuse(reason: str, kind: Refusal = Refusal.REFUSED) -> NoReturn:
    raise TargetError(f"the engine says: {reason}", kind)
