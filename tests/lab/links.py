"""Wires of the lab: a pair of virtual Ethernet devices, its addresses, and cutting it off without a sign.

A wire is cut by giving both ends a wrong Ethernet address for the other: frames leave and are taken in by nobody, so
TCP on either side sees silence and nothing else. What is at the ends is `hosts`' subject.
"""

import contextlib
import fcntl
import ipaddress
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from . import host_leftovers
from .records import STATE
from .tools import LabError, run, tool

# A private range of the lab's own; the second is the one set apart for benchmarks (RFC 2544).
RANGES = ("10.231.0.0/16", "198.18.0.0/16")
NOBODY = "02:00:00:00:00:ff"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class End:
    """One end of a wire. An empty namespace is the one that the tests run in."""

    namespace: str
    device: str
    address: str
    ethernet: str


@dataclass
class Link:
    """A wire between two network namespaces. Outer is the end that is nearer to the tests."""

    outer: End
    inner: End
    network: str
    up: bool = field(default=True)

    @property
    def shield(self) -> str:
        """A route of the tests' own namespace that keeps packets for this wire from wandering off elsewhere."""
        return self.network if self.outer.namespace else ""

    def set_up(self, up: bool) -> None:
        """Cut the wire, or join it again."""
        for end, other in ((self.outer, self.inner), (self.inner, self.outer)):
            _batch(end.namespace, [_neighbour(end, other, other.ethernet if up else NOBODY)])
        self.up = up


def _ip(namespace: str) -> list[str]:
    return [tool("ip"), *(["-n", namespace] if namespace else [])]


def _neighbour(end: End, other: End, ethernet: str) -> str:
    # Permanent, so that neither side ever asks: an unanswered question would be a sign.
    return f"neigh replace {other.address} lladdr {ethernet} dev {end.device} nud permanent"


def _taken(namespace: str) -> list[ipaddress.IPv4Network]:
    listed = run([*_ip(namespace), "-j", "-4", "route", "show", "table", "all"]).stdout
    found = []
    for route in json.loads(listed or b"[]"):
        if route["dst"] != "default":
            found.append(ipaddress.IPv4Network(route["dst"], strict=False))
    return [network for network in found if network.prefixlen > 0]


def free_network(taken: Sequence[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """The first network for a wire that overlaps none of these; LabError where there is none."""
    for wide in map(ipaddress.IPv4Network, RANGES):
        near = [network for network in taken if network.overlaps(wide)]
        for candidate in wide.subnets(new_prefix=30):
            if not any(candidate.overlaps(network) for network in near):
                return candidate
    raise LabError(f"no address is free for a host of the lab: routes cover all of {' and '.join(RANGES)}")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Only one process at a time chooses a network and takes it."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(STATE / "links.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _ends(outer: str, inner: str, network: ipaddress.IPv4Network) -> tuple[End, End]:
    near, far = network.hosts()
    number, tail = next(_numbers), f"{int(network.network_address) & 0xFFFFFF:06x}"
    ethernet = f"02:e7:{tail[:2]}:{tail[2:4]}:{tail[4:]}:"
    name = f"{os.getpid()}-{number}"
    return (
        End(outer, f"{host_leftovers.OUTER}{name}", str(near), f"{ethernet}01"),
        End(inner, f"{host_leftovers.INNER}{name}", str(far), f"{ethernet}02"),
    )


def lay_link(outer: str, inner: str) -> Link:
    """Lay a wire between two namespaces, with an address at each end; undone again where a step fails."""
    with _alone():
        network = free_network([each for name in {"", outer, inner} for each in _taken(name)])
        near, far = _ends(outer, inner, network)
        link = Link(near, far, str(network))
        try:
            _lay(link)
        except BaseException:
            host_leftovers.remove_link(near.namespace, near.device, link.shield)
            raise
    return link


def _lay(link: Link) -> None:
    near, far = link.outer, link.inner
    pair = f"address {near.ethernet} type veth peer name {far.device} address {far.ethernet} netns {far.namespace}"
    _batch(near.namespace, [f"link add {near.device} {pair}", *_awake(near, far)])
    _batch(far.namespace, _awake(far, near))
    if link.shield:
        _batch("", [f"route add unreachable {link.shield}"])


def _awake(end: End, other: End) -> list[str]:
    return [
        f"link set {end.device} addrgenmode none",  # no IPv6 of its own
        f"address add {end.address}/30 dev {end.device}",
        f"link set {end.device} up",
        _neighbour(end, other, other.ethernet),
    ]


def _batch(namespace: str, lines: Sequence[str]) -> None:
    """Several commands of ip at once."""
    run([*_ip(namespace), "-batch", "-"], input="".join(f"{line}\n" for line in lines).encode("ascii"))
