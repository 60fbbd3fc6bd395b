"""The rules of a firewall as text for nft, and the same as facts to compare with what nft lists. Pure.

A table of irkit's own holds all of them, so that taking them away is removing that table. Whatever it accepts, other
tables may still drop; what it drops, nothing brings back. nft(8); every foreign word in them is checked here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from irkit.core.allowed import Allowed

FIRST: Final = -150
"""Priority: after connection tracking (-200), before addresses are rewritten (-100) and before anybody's filter (0)."""
RAW: Final = -500
"""Priority at a device: before whatever else may be there."""
RESOLVER: Final = "127.0.0.11"
"""Where a container asks its engine for names: the engine asks on its behalf, on some hosts from the host's network."""
MOST_DEVICES: Final = 64
_TABLE: Final = re.compile(r"irkit_[0-9a-z]{1,32}_[0-9a-f]{1,12}")
_DEVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_GROUP: Final = re.compile(r"(?:[A-Za-z0-9_.@:+-]+/){0,20}[A-Za-z0-9_.@:+-]+")
_NEIGHBOURS: Final = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
_ALL: Final = "counter drop"


class Chain(NamedTuple):
    """A chain: where in the kernel it hangs (empty: it is jumped to), at which devices, and its rules."""

    name: str
    hook: str
    rules: tuple[str, ...]
    devices: tuple[str, ...] = ()


class Table(NamedTuple):
    """A table of one family."""

    family: str
    name: str
    chains: tuple[Chain, ...]


def check_table(name: str) -> str:
    """A table's name that is irkit's own. Raises ValueError."""
    if not _TABLE.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no table of irkit's")
    return name


def check_device(name: str) -> str:
    """An interface's name that may be part of rules. Raises ValueError."""
    if not _DEVICE.fullmatch(name):
        raise ValueError(f"interface {name[:40]!r} has a name that is not put into rules")
    return name


def namespace_tables(name: str, allow: Sequence[Allowed], devices: Sequence[str] = ()) -> tuple[Table, ...]:
    """For a container's network namespace; with `devices`, for what raw sockets send past the protocols too."""
    inet = Table(
        "inet",
        check_table(name),
        (
            Chain("input", "input", (*_inward(allow), f"ip saddr {RESOLVER} {_ALL}", 'iif "lo" accept', _ALL)),
            Chain("output", "output", (*_outward(allow), f"ip daddr {RESOLVER} {_ALL}", 'oif "lo" accept', _ALL)),
            Chain("forward", "forward", (_ALL,)),
        ),
    )
    if not devices:
        return (inet,)
    raw = Chain("egress", "egress", (*_past_the_device("d", allow), _ALL), _checked(devices))
    return inet, Table("netdev", name, (raw,))


def veth_tables(name: str, allow: Sequence[Allowed], devices: Sequence[str]) -> tuple[Table, ...]:
    """For the host's ends of a container's interfaces: what it sends comes in there, what it gets goes out."""
    wanted = _checked(devices)
    chains = (
        Chain("ingress", "ingress", (*_past_the_device("d", allow), _ALL), wanted),
        Chain("egress", "egress", (*_past_the_device("s", allow), _ALL), wanted),
    )
    return (Table("netdev", check_table(name), chains),)


def cgroup_tables(name: str, allow: Sequence[Allowed], level: int, group: str) -> tuple[Table, ...]:
    """For sockets of a control group of version 2 on the host's network, the loopback's too.

    `group` is its path below /sys/fs/cgroup, `level` how deep it lies below where version 2 is mounted.
    """
    if not _GROUP.fullmatch(group) or any(word in (".", "..") for word in group.split("/")):
        raise ValueError(f"control group {group[:200]!r} has a name that is not put into rules")
    match = f'socket cgroupv2 level {level} "{group}" jump'
    chains = (
        Chain("incoming", "", (*_inward(allow), _ALL)),
        Chain("outgoing", "", (*_outward(allow), _ALL)),
        Chain("input", "input", (f"{match} incoming",)),
        Chain("output", "output", (f"{match} outgoing",)),
    )
    return (Table("inet", check_table(name), chains),)


def bridge_tables(name: str, allow: Sequence[Allowed], device: str) -> tuple[Table, ...]:
    """For the bridge of a container's network: the host may connect to the container, the container to nothing."""
    come, go = f'iifname "{check_device(device)}"', f'oifname "{device}"'
    answers = f"{come} ct state established,related accept"
    outward = tuple(f"{come} {rule}" for rule in _outward(allow, neighbours=False))
    inward = tuple(f"{go} {rule}" for rule in _inward(allow, neighbours=False))
    chains = (
        Chain("input", "input", (answers, f"{come} {_NEIGHBOURS}", *outward, f"{come} {_ALL}")),
        Chain("forward", "forward", (*outward, *inward, f"{come} {_ALL}", f"{go} {_ALL}")),
    )
    return (Table("inet", check_table(name), chains),)


def _checked(devices: Sequence[str]) -> tuple[str, ...]:
    if not 0 < len(devices) <= MOST_DEVICES:
        raise ValueError(f"it has {len(devices)} interfaces: 1 to {MOST_DEVICES} can be dealt with")
    return tuple(sorted({check_device(one) for one in devices}))


def _inward(allow: Sequence[Allowed], *, neighbours: bool = True) -> Iterator[str]:
    """What may come in: all of a network; to its port, and answers from it."""
    return _both_ways("s", allow, neighbours)


def _outward(allow: Sequence[Allowed], *, neighbours: bool = True) -> Iterator[str]:
    return _both_ways("d", allow, neighbours)


def _both_ways(end: str, allow: Sequence[Allowed], neighbours: bool) -> Iterator[str]:
    """Rules for packets whose `end` (s: source, d: destination) is the other side. New ones go to the port only."""
    if neighbours and any(one.is_ipv6 for one in allow):
        yield _NEIGHBOURS
    yield from _accepted(end, allow, lambda one: " ct state established,related")


def _past_the_device(end: str, allow: Sequence[Allowed]) -> Iterator[str]:
    """The same where connections are not tracked: answers are told by their port, and for TCP by their flags."""
    if any(not one.is_ipv6 for one in allow):
        yield "ether type arp accept"
    if any(one.is_ipv6 for one in allow):
        yield _NEIGHBOURS
    yield from _accepted(end, allow, lambda one: " tcp flags & (syn | ack) != syn" if one.protocol == "tcp" else "")


def _accepted(end: str, allow: Sequence[Allowed], answer: Callable[[Allowed], str]) -> Iterator[str]:
    """All of a network, or what goes to its port, and of what comes from that the part that `answer` says."""
    for one in allow:
        peer = f"{'ip6' if one.is_ipv6 else 'ip'} {end}addr {one.network}"
        if not one.port:
            yield f"{peer} counter accept"
            continue
        yield f"{peer} {one.protocol} dport {one.port} counter accept"
        yield f"{peer} {one.protocol} sport {one.port}{answer(one)} counter accept"


def removal_text(name: str, families: Sequence[str]) -> str:
    """What removes the tables of that name and those families, there or not."""
    check_table(name)
    return "".join(f"add table {family} {name}\ndelete table {family} {name}\n" for family in families)


def rules_text(tables: Sequence[Table]) -> str:
    """What puts these in the place of whatever stands under their names, all at once or not at all."""
    parts = []
    for family, name, chains in tables:
        parts.append(removal_text(name, [family]))
        body = "".join(_chain_text(chain) for chain in chains)
        parts.append(f"table {family} {name} {{\n{body}}}\n")
    return "".join(parts)


def _chain_text(chain: Chain) -> str:
    lines = list(chain.rules)
    if chain.hook:
        devices = ", ".join(f'"{one}"' for one in chain.devices)
        where = f" devices = {{ {devices} }}" if devices else ""
        priority = RAW if devices else FIRST
        lines.insert(0, f"type filter hook {chain.hook}{where} priority {priority}; policy accept;")
    body = "".join(f"\t\t{line}\n" for line in lines)
    return f"\tchain {chain.name} {{\n{body}\t}}\n"
