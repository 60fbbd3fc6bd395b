"""The interfaces of a container and their ends on the host, as `ip` and `tc` of the host list them."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from irkit.adapters.firewall_place import Process
from irkit.adapters.host_commands import last_line
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostCommands
from irkit.core.text import safe

_INNER_KINDS: Final = frozenset(
    (
        *("bond", "bridge", "dummy", "ifb", "macvlan", "veth", "vlan"),
        *("erspan", "gre", "gretap", "ip6gre", "ip6gretap", "ip6tnl", "ipip", "sit", "vti", "vti6"),
    )
)
"""Kinds of interfaces that reach nothing by themselves where their other end, if any, is in the same namespace."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_MOST_FILTERED: Final = 64
_NO_TC: Final = ("there is no tc on the host", "tc cannot be run here: No such file or directory")


class _Kind(msgspec.Struct):
    info_kind: str = ""
    info_slave_kind: str = ""


class _Program(msgspec.Struct):
    mode: int = 0


class Link(msgspec.Struct, kw_only=True):
    """An interface as `ip -j -d link` tells of it: `link_index` is the number of its other end.

    `link_netnsid` tells in which other network namespace that is, if it is in one.
    """

    ifindex: int
    ifname: str
    link_index: int = 0
    link_type: str = ""
    link_netnsid: int = -1
    linkinfo: _Kind = msgspec.field(default_factory=_Kind)
    xdp: _Program | None = None

    @property
    def leads_nowhere(self) -> bool:
        """Whether all that passes it passes another interface of the same namespace too."""
        return self.link_netnsid < 0 and self.linkinfo.info_kind in _INNER_KINDS

    @property
    def is_on_bridge(self) -> bool:
        """Whether it is a port of a bridge of the kernel's, which is where ebtables sees frames."""
        return self.linkinfo.info_slave_kind == "bridge"

    @property
    def has_program(self) -> bool:
        """Whether a program (XDP) sees what comes in before anything else does."""
        return self.xdp is not None and self.xdp.mode > 0

    def is_other_end_of(self, inner: "Link") -> bool:
        """Whether both name each other: a number alone may be that of another interface, in another namespace."""
        are_pair = self.linkinfo.info_kind == inner.linkinfo.info_kind == "veth"
        are_apart = self.link_netnsid >= 0 and inner.link_netnsid >= 0
        return are_pair and are_apart and (self.ifindex, self.link_index) == (inner.link_index, inner.ifindex)

    @property
    def shown(self) -> str:
        """Its name and kind, safe to show."""
        return f"{safe(self.ifname, 20)} ({safe(self.linkinfo.info_kind or 'of unknown kind', 20)})"


class Outer(NamedTuple):
    """The host's ends of a container's interfaces, and those of its interfaces that have none, as they are shown."""

    devices: tuple[Link, ...]
    open: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the host's ends."""
        return tuple(one.ifname for one in self.devices)


def inner_devices(commands: HostCommands, process: Process, deadline: Deadline) -> tuple[str, ...]:
    """The interfaces of a container's network namespace, without the loopback."""
    return devices_in(commands, process.within, deadline)


def devices_in(commands: HostCommands, within: Sequence[str], deadline: Deadline) -> tuple[str, ...]:
    """The interfaces where a command runs that stands behind these words, without the loopback."""
    return tuple(one.ifname for one in _links(commands, within, deadline))


def outer_devices(commands: HostCommands, process: Process, deadline: Deadline) -> Outer:
    """The host's ends of all interfaces of a container that lead out of it."""
    inner = [one for one in _links(commands, process.within, deadline) if not one.leads_nowhere]
    by_number = {one.ifindex: one for one in _links(commands, (), deadline)} if inner else {}
    found, still_open = [], []
    for one in inner:
        end = by_number.get(one.link_index)
        if end is None or not end.is_other_end_of(one):
            still_open.append(one.shown)
        else:
            found.append(end)
    return Outer(tuple(found), tuple(still_open))


def who_is_before(commands: HostCommands, outer: Outer, deadline: Deadline) -> str:
    """What may take packets away at those devices before the rules see them, in words; empty where nothing is known.

    Programs of XDP, and filters of tc, as Cilium has them, come before the ingress hook of nft.
    """
    for one in outer.devices:
        if one.has_program:
            return f"a program (XDP) at {safe(one.ifname, 20)} gets what it sends before the rules do"
    for one in outer.devices[:_MOST_FILTERED]:
        if kinds := _filters(commands, one.ifname, deadline):
            return f"a filter of tc ({kinds}) at {safe(one.ifname, 20)} may pass its traffic on before the rules see it"
    return ""


def _filters(commands: HostCommands, device: str, deadline: Deadline) -> str:
    """The kinds of filters at a device; empty where it has none, or the host has no tc, which makes them."""
    if not _PLAIN.fullmatch(device):
        return ""
    found: list[Any] = []
    for side in ("ingress", "egress"):
        try:
            ran = commands.run(("tc", "-j", "filter", "show", "dev", device, side), deadline)
        except TargetError as error:
            if error.kind is not Refusal.UNSUPPORTED:
                raise
            return "" if error.reason in _NO_TC else "which cannot be listed"
        if ran.status:
            continue  # a device without a place for filters
        try:
            found += msgspec.json.decode(ran.out.strip() or "[]", type=list[Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            return "which are not understood"
    kinds = {str(one.get("kind", "?")) if isinstance(one, dict) else "?" for one in found}
    return safe(", ".join(sorted(kinds)), 80)


def check_bridge(commands: HostCommands, device: str, deadline: Deadline) -> None:
    """That a bridge of that name is where commands of the host run. Raises TargetError: rules elsewhere cut nothing."""
    kinds = {one.ifname: one.linkinfo.info_kind for one in _links(commands, (), deadline)}
    if kinds.get(device) != "bridge":
        reason = f"bridge {safe(device, 20)} is not on the network that commands of the host run in"
        raise TargetError(reason, Refusal.UNSUPPORTED)


def _links(commands: HostCommands, within: Sequence[str], deadline: Deadline) -> list[Link]:
    ran = commands.run((*within, "ip", "-j", "-d", "link"), deadline)
    try:
        found: list[Any] = msgspec.json.decode(ran.out or "[]")
        links = [msgspec.convert(one, Link) for one in found if one]
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError) as error:
        reason = f"ip does not list interfaces: {last_line(ran.err) or 'what it says is no JSON'}"
        raise TargetError(reason, Refusal.GARBLED) from error
    if ran.status:
        raise TargetError(f"ip does not list interfaces: {last_line(ran.err)}", Refusal.REFUSED)
    return [one for one in links if one.link_type != "loopback"]
