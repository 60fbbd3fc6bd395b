"""Addresses on a network when containers are put back: who has one by now, and which is free nearest to it."""

import ipaddress
from collections.abc import Iterator

from irkit.core.network import NetworkFacts

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
_FARTHEST = 1 << 16
"""How far from an address another one is looked for."""


def holder_of(facts: NetworkFacts, address: str, container: str) -> str:
    """Who else than that container has an address of a network, in words; empty where nobody has.

    Addresses are compared as such: IPv6 can be written in several ways.
    """
    wanted = parse_address(address)
    if wanted is None:
        return ""
    for one in facts.endpoints:
        if one.container != container and wanted in (parse_address(one.ipv4), parse_address(one.ipv6)):
            return f"container {one.name or one.container[:12]}"
    return "the network's gateway" if wanted in map(parse_address, facts.gateways) else ""


def is_foreign(facts: NetworkFacts, address: str) -> bool:
    """Whether an address is in none of a network's subnets, as far as it tells any of that kind."""
    wanted = parse_address(address)
    if wanted is None:
        return False
    subnets = [one for one in _subnets(facts) if one.version == wanted.version]
    return bool(subnets) and not any(wanted in one for one in subnets)


def nearest_free(facts: NetworkFacts, address: str, reserved: frozenset[str] = frozenset()) -> str:
    """The free address of a network that is nearest to this one, the higher of two; empty where none was found.

    `reserved` are addresses that nobody has and that must be left free.
    """
    wanted = parse_address(address)
    if wanted is None:
        return ""
    known = [*facts.gateways, *reserved, *(text for one in facts.endpoints for text in (one.ipv4, one.ipv6))]
    taken = {parse_address(text) for text in known}
    found: list[Address] = []
    for subnet in _subnets(facts):
        if subnet.version == wanted.version:
            used = taken | _gateway_of(subnet, facts)
            free = (one for one in _outwards(_nearest_in(subnet, wanted), subnet) if one not in used)
            found += [one for one in [next(free, None)] if one is not None]
    return str(min(found, key=lambda one: abs(int(one) - int(wanted)))) if found else ""


def _gateway_of(subnet: Subnet, facts: NetworkFacts) -> set[Address]:
    """The gateway that an engine chooses by itself, the first address: not all tell it."""
    told = [one for one in map(parse_address, facts.gateways) if one is not None and one in subnet]
    return set() if told or subnet.num_addresses <= 2 else {subnet[1]}  # noqa: PLR2004


def parse_address(text: str) -> Address | None:
    """An address from its text, a prefix length left out; None where it is none."""
    try:
        return ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return None


def _subnets(facts: NetworkFacts) -> Iterator[Subnet]:
    for text in facts.subnets:
        try:
            yield ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue


def _bounds(subnet: Subnet) -> tuple[int, int]:
    """The first and the last address that a container may have: not the network's own, nor the one for all."""
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    return (first + 1, last - (subnet.version == 4)) if last - first > 1 else (first, last)  # noqa: PLR2004


def _nearest_in(subnet: Subnet, wanted: Address) -> int:
    first, last = _bounds(subnet)
    return min(max(int(wanted), first), last)


def _outwards(start: int, subnet: Subnet) -> Iterator[Address]:
    """The addresses of a subnet from there on, nearest first."""
    first, last = _bounds(subnet)
    make = ipaddress.IPv4Address if subnet.version == 4 else ipaddress.IPv6Address  # noqa: PLR2004
    for step in range(_FARTHEST):
        for number in {start + step: None, start - step: None}:
            if first <= number <= last:
                yield make(number)
