"""The rules of a firewall as chains for iptables, ip6tables and ebtables, for a host where nft is of no use. Pure.

What they say is what `firewall_rules` says to nft. Chains of irkit's own hold all rules; those of the kernel go to them
first, so that taking the rules away is removing the chains and what goes to them. What they let pass goes on to
whatever else is there: nobody's rule is passed by. iptables-restore(8), ebtables(8).
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from irkit.adapters.firewall_rules import MOST_DEVICES, RESOLVER, check_device, check_table
from irkit.core.allowed import Allowed

Tool = Literal["iptables", "ip6tables", "ebtables"]
TABLE: Final[dict[Tool, str]] = {"iptables": "mangle", "ip6tables": "mangle", "ebtables": "filter"}
"""Which table of a tool holds them: mangle comes before addresses are rewritten, as do the tables for nft."""
LONGEST: Final = 28
"""Characters of a chain's name that iptables takes."""
OWN: Final = "irkit_"
_IN, _OUT, _FORWARD = "I", "O", "F"  # none is a digit of the container's id before it
_LETTERS: Final = (_IN, _OUT, _FORWARD)
_PASS, _ALL = "-j RETURN", "-j DROP"
_ANSWERS: Final = "-m conntrack --ctstate RELATED,ESTABLISHED"


class Jump(NamedTuple):
    """From a chain of the kernel's to one of irkit's: `match` says for what, and is empty where it is for all."""

    base: str
    match: str
    chain: str

    @property
    def rule(self) -> str:
        """As it is written, and listed."""
        return f"{self.match} -j {self.chain}".strip()


class Chains(NamedTuple):
    """What one tool is given: chains by name with their rules, and how they are come to, in this order and first."""

    tool: Tool
    chains: tuple[tuple[str, tuple[str, ...]], ...]
    jumps: tuple[Jump, ...]


def chain_names(table: str) -> tuple[str, ...]:
    """What irkit may have called its chains, of the rules of that name. Raises ValueError."""
    names = tuple(f"{check_table(table)}{letter}" for letter in _LETTERS)
    if len(names[0]) > LONGEST:
        raise ValueError(f"{table!r} is too long a name for iptables")
    return names


def namespace_chains(table: str, allow: Sequence[Allowed]) -> tuple[Chains, Chains]:
    """For a container's network namespace, IPv6 before IPv4."""
    come, go, through = chain_names(table)
    jumps = (Jump("INPUT", "", come), Jump("OUTPUT", "", go), Jump("FORWARD", "", through))

    def chains(tool: Tool) -> Chains:
        inward, outward = _peers(tool, "s", allow), _peers(tool, "d", allow)
        resolver = tool == "iptables"
        into = (*inward, *([f"-s {RESOLVER}/32 {_ALL}"] if resolver else []), f"-i lo {_PASS}", _ALL)
        out = (*outward, *([f"-d {RESOLVER}/32 {_ALL}"] if resolver else []), f"-o lo {_PASS}", _ALL)
        return Chains(tool, ((come, into), (go, out), (through, (_ALL,))), jumps)

    return chains("ip6tables"), chains("iptables")


def bridge_chains(table: str, allow: Sequence[Allowed], device: str) -> tuple[Chains, Chains]:
    """For the bridge of a container's network: the host may connect to the container, the container to nothing."""
    into, out, back = chain_names(table)
    come, go = f"-i {check_device(device)}", f"-o {device}"
    jumps = (Jump("INPUT", come, into), Jump("FORWARD", come, out), Jump("FORWARD", go, back))

    def chains(tool: Tool) -> Chains:
        outward = tuple(_peers(tool, "d", allow, neighbours=False))
        inward = tuple(_peers(tool, "s", allow, neighbours=False))
        first = (f"{_ANSWERS} {_PASS}", *(_neighbours() if tool == "ip6tables" else ()))
        return Chains(tool, ((into, (*first, *outward, _ALL)), (out, (*outward, _ALL)), (back, (*inward, _ALL))), jumps)

    return chains("ip6tables"), chains("iptables")


def end_chains(table: str, allow: Sequence[Allowed], devices: Sequence[str]) -> Chains:
    """For the host's ends of a container's interfaces that are ports of a bridge: frames of every protocol."""
    into, out, _ = chain_names(table)
    names = sorted({check_device(one) for one in devices})
    if not 0 < len(names) <= MOST_DEVICES:
        raise ValueError(f"it has {len(names)} interfaces: 1 to {MOST_DEVICES} can be dealt with")
    if tcp := next((one for one in allow if one.protocol == "tcp"), None):
        raise ValueError(
            f"ebtables cannot tell answers of {tcp.network} from new connections: allow all of it, or none"
        )
    come = [Jump(base, f"-i {name}", out) for name in names for base in ("INPUT", "FORWARD")]
    go = [Jump(base, f"-o {name}", into) for name in names for base in ("OUTPUT", "FORWARD")]
    chains = ((out, (*_frames("dst", allow), _ALL)), (into, (*_frames("src", allow), _ALL)))
    return Chains("ebtables", chains, (*come, *go))


def _peers(tool: Tool, end: str, allow: Sequence[Allowed], *, neighbours: bool = True) -> Iterator[str]:
    """Rules for packets whose `end` (s: source, d: destination) is the other side. New ones go to the port only."""
    wanted = [one for one in allow if one.is_ipv6 == (tool == "ip6tables")]
    if neighbours and wanted and tool == "ip6tables":
        yield from _neighbours()
    for one in wanted:
        peer, kind = f"-{end} {one.network}", one.protocol
        if not one.port:
            yield f"{peer} {_PASS}"
            continue
        yield f"{peer} -p {kind} -m {kind} --dport {one.port} {_PASS}"
        yield f"{peer} -p {kind} -m {kind} --sport {one.port} {_ANSWERS} {_PASS}"


def _neighbours() -> tuple[str, ...]:
    """Solicitations and advertisements: who has an address of IPv6."""
    return tuple(f"-p ipv6-icmp -m icmp6 --icmpv6-type {kind} {_PASS}" for kind in (135, 136))


def _frames(end: str, allow: Sequence[Allowed]) -> Iterator[str]:
    """The same for frames, where connections are not tracked: answers are told by their port."""
    if any(not one.is_ipv6 for one in allow):
        yield f"-p ARP {_PASS}"
    if any(one.is_ipv6 for one in allow):
        for kind in ("neighbour-solicitation", "neighbour-advertisement"):
            yield f"-p IPv6 --ip6-proto ipv6-icmp --ip6-icmp-type {kind} {_PASS}"
    for one in allow:
        ip = "ip6" if one.is_ipv6 else "ip"
        peer = f"-p {'IPv6' if one.is_ipv6 else 'IPv4'} --{ip}-{end} {one.network}"
        if not one.port:
            yield f"{peer} {_PASS}"
            continue
        for side in ("dport", "sport"):
            yield f"{peer} --{ip}-proto {one.protocol} --{ip}-{side} {one.port} {_PASS}"
