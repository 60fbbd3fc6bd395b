"""isolate.firewall: drop a container's traffic by rules, leaving its networks, addresses and sockets as they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.allowed import MOST, parse_all
from irkit.core.container import Container
from irkit.core.isolation import Where
from irkit.core.operations import BlockTraffic, Operation, SeeIsolated

_NO_END = ("macvlan", "ipvlan", "overlay")
"""Drivers of networks whose interfaces have no end on the host where they could be cut."""


@dataclass(frozen=True)
class FirewallContainer(Action):
    """Drop all traffic of a container in both directions, but for an allow-list; addresses and sockets stay for study.

    The rules are nftables rules in a table of their own, named after run and container. Setting them runs `nft` as root
    on the host (as root, or by `sudo -n`), never anything in the container. It works on a paused container too. On a
    host where nft is of no use they are chains of iptables, or of ebtables at the host's ends of interfaces
    ([what that can and cannot do](../containment.md#without-nft)).

    With `where: auto` they are put into the container's own network namespace, where they survive that networks are
    disconnected and connected again, and cut off the containers that share it too. A container that has NET_ADMIN, or
    that shares its network with one that has, could have them taken away: for one they are put at the host's ends of
    its interfaces. On the host's own network they are for the sockets of its control group, which takes control groups
    of version 2; there NET_ADMIN is refused.

    An entry of `allow` is a network (`10.0.0.0/24`, all traffic with it both ways) or a port of it
    (`10.0.0.5:443/tcp`, `[2001:db8::5]:53/udp`: connections to that port, made by the container or by those in that
    network, and their answers). Names are not resolved any more: the engine's own resolver (127.0.0.11) is cut too,
    unless it is allowed; at the host's ends of interfaces it cannot be.

    What a process sends past the kernel's protocols, with NET_RAW, is dropped from Linux 5.16 on; it can still see what
    arrives at its interfaces, unless that is cut on the host (`where: host`). On the host's own network it is not
    dropped. A container that is started anew has a network namespace without rules; one that restarts is refused. Undo
    removes the rules, and established connections then go on.
    """

    name = "isolate.firewall"
    phase = Phase.CONTAIN
    needs_root = True

    allow: Annotated[
        tuple[str, ...], Meta(description="What may pass: networks, or ports of them.", max_length=MOST)
    ] = ()
    where: Annotated[
        Literal["auto", "namespace", "host"],
        Meta(description="Where rules are put: chosen, in the container's network namespace, or on the host."),
    ] = "auto"

    def __post_init__(self) -> None:
        parse_all(self.allow)

    def refuse(self, container: Container) -> str:
        if container.network_owner:
            return f"it shares the network of container {container.network_owner[:12]}: isolate that one"
        if container.state == "restarting":
            return "it starts again and again, each time in a network without rules: stop that first"
        if container.shares_host_network:
            return self._refuse_on_host_network(container)
        if self.where == "namespace" and container.may_change_network:
            return f"{_who(container)} has NET_ADMIN, so it could take the rules away: use where: host"
        if self._place(container) != "veth":
            return ""
        found = [one for one in container.attachments if one.driver in _NO_END]
        reason = f"{_who(container)} has NET_ADMIN, and on network {found[0].network}" if found else ""
        if found and self.where == "host":
            reason = f"on network {found[0].network}"
        return f"{reason} ({found[0].driver}) there is no end of its interface on the host to cut" if found else ""

    def _refuse_on_host_network(self, container: Container) -> str:
        if self.where == "namespace":
            return "it uses the host's own network: rules there would cut off the host; use where: host"
        if container.may_change_network:
            return (
                f"{_who(container)} has NET_ADMIN on the host's own network, so it could take any rule away: pause it"
            )
        return ""

    def _place(self, container: Container) -> Where:
        if container.shares_host_network:
            return "cgroup"
        return (
            "veth" if self.where == "host" or (self.where == "auto" and container.may_change_network) else "namespace"
        )

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        if container.network_mode == "none" and all(one.network == "none" for one in container.attachments):
            yield SeeIsolated(container.id)  # it reaches nothing, by the engine's word
            return
        yield BlockTraffic(container.id, table_name(run, container), self._place(container), self.allow)


def _who(container: Container) -> str:
    return "it" if container.has_net_admin else "a container that shares its network"


def table_name(run: RunFacts, container: Container) -> str:
    """What irkit calls the rules of a run for a container."""
    return f"irkit_{run.id[:8]}_{container.id[:12]}"
