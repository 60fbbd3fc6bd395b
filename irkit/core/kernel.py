"""What the kernel of a host shows of a container, past its engine: processes, network namespace, freezer.

All of it is read from the host's own /proc and /sys, which a container cannot write to. Reading is an adapter's work.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

import msgspec

_TOLD = 8
"""Addresses and interfaces that are named; of more than that their number is told."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """An established TCP connection, by its two ends: `address:port`, IPv6 in brackets."""

    local: str
    remote: str


class KernelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A container as the kernel shows it at one moment, by the process that its engine told.

    `alive` says whether that process is there and the container's own; where it is not, nothing else is told.
    `interfaces` are those of its network namespace, up or down, without the loopback and the kernel's own tunnels that
    nobody uses, in the order in which they were made; `addresses` the IPv4 and IPv6 addresses of all of them, without
    the loopback's and link-local ones; `places` maps each address to its interface as far as that can be told.
    `default_route` is the interface of the IPv4 default route. `frozen` is None where the freezer cannot be read.

    `incomplete` says why there may be more than is told, so that these facts prove nothing; empty where they are whole.
    `elsewhere` are processes (or threads) of the container in another network namespace than its own, the first few;
    where `has_seen_processes` is false there may be more of them. `has_more_connections` is so of connections.
    """

    alive: bool
    network_namespace: str = ""
    is_host_network: bool = False
    interfaces: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    places: dict[str, str] = {}
    default_route: str = ""
    connections: tuple[Connection, ...] = ()
    has_more_connections: bool = False
    frozen: bool | None = None
    incomplete: str = ""
    elsewhere: tuple[int, ...] = ()
    has_seen_processes: bool = True

    def beyond(self, known: Sequence[AbstractSet[str]]) -> str:
        """What its namespace has besides known places on networks, each given by its addresses: one interface each.

        That is other addresses, and interfaces without any of its own.
        """
        have = set(self.addresses)
        expected = {address for group in known for address in group}
        unknown = [one for one in self.addresses if one not in expected]
        mine = [sorted(group & have, key=lambda one: ":" not in one) for group in known if group & have]
        # Of an IPv6 address the kernel tells the interface itself; of an IPv4 address a route does, which may be wrong.
        explained = [next((self.places[one] for one in group if one in self.places), "") for group in mine]
        told = {*explained, *(self.places.get(one, "") for one in unknown)}
        bare = [f"interface {one}" for one in self.interfaces if one not in told]
        # A known address of which no route tells the interface is on one of these.
        bare = bare[explained.count("") :]
        return _listed([*(f"{one} on {self.places.get(one, 'some interface')}" for one in unknown), *bare])


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _TOLD
    return ", ".join([*islice(texts, _TOLD), *([f"and {more} more"] if more > 0 else [])])
