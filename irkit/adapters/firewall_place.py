"""Where a container's traffic can be dropped, as its host shows it: its process, its interfaces, its control group.

All of it is looked at as root by commands of the host. Rules in the wrong network namespace would cut off somebody
else, or the host: so the process is checked to be the container's own before anything is done, and again afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from irkit.adapters.host_commands import last_line
from irkit.core.container import SHORT_ID
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostCommands
from irkit.core.text import safe

_NET_ADMIN, _NET_RAW = 12, 13
"""Numbers of capabilities (capabilities(7))."""
_INNER_KINDS: Final = frozenset(
    (
        *("bond", "bridge", "dummy", "ifb", "macvlan", "veth", "vlan"),
        *("erspan", "gre", "gretap", "ip6gre", "ip6gretap", "ip6tnl", "ipip", "sit", "vti", "vti6"),
    )
)
"""Kinds of interfaces that reach nothing by themselves where their other end, if any, is in the same namespace."""
_START_TIME: Final = 19
"""Which word of /proc/PID/stat after the name of the program is the start time (proc(5), field 22)."""


@dataclass(frozen=True)
class Process:
    """A container's first process. `namespace` is its network namespace, `here` the one that commands run in.

    `hosts` is that of process 1, where that may be read: the same, but where the engine has a network of its own.
    """

    pid: int
    groups: str
    capabilities: int
    started: str
    namespace: str
    here: str
    hosts: str

    @property
    def has_own_network(self) -> bool:
        """Whether its network namespace is neither the host's nor the one that commands run in."""
        return self.namespace not in (self.here, self.hosts)

    @property
    def may_change_rules(self) -> bool:
        """Whether anything in the container can have NET_ADMIN."""
        return bool(self.capabilities >> _NET_ADMIN & 1)

    @property
    def may_go_raw(self) -> bool:
        """Whether anything in the container can have NET_RAW, and with it send frames past its own protocols."""
        return bool(self.capabilities >> _NET_RAW & 1)

    @property
    def within(self) -> tuple[str, ...]:
        """The words that run a command in its network namespace, with the host's own programs."""
        return ("nsenter", "-t", str(self.pid), "-n")


def find_process(commands: HostCommands, container: str, pid: int, deadline: Deadline) -> Process:
    """The container's process by the number that its engine told. Raises TargetError where that is not its own."""
    if pid <= 1:
        raise TargetError("it does not run: it has no process", Refusal.ABSENT)
    folder = f"/proc/{pid}"
    ran = commands.run(("cat", f"{folder}/cgroup", f"{folder}/status", f"{folder}/stat"), deadline)
    groups, _, rest = ran.out.partition("\nName:")
    if ran.status or container not in groups:
        reason = f"process {pid} on the host is not container {container[:SHORT_ID]}'s own"
        raise TargetError(f"{reason} (it may have ended, or the engine runs on another machine)", Refusal.REFUSED)
    namespaces = [f"/proc/{which}/ns/net" for which in (pid, "self", 1)]
    links = commands.run(("readlink", *namespaces), deadline).out.split()
    bounding = next((line.split()[1] for line in rest.splitlines() if line.startswith("CapBnd:")), "")
    after_name = rest.rpartition(")")[2].split()
    try:
        namespace, here, *hosts = links
        return Process(pid, groups, int(bounding, 16), after_name[_START_TIME], namespace, here, "".join(hosts))
    except (ValueError, IndexError) as error:
        raise TargetError(f"process {pid} cannot be looked at on the host", Refusal.GARBLED) from error


def check_same(commands: HostCommands, container: str, before: Process, deadline: Deadline) -> None:
    """See that a process is still what it was. Raises TargetError."""
    if find_process(commands, container, before.pid, deadline) != before:
        raise TargetError("the container was started anew, or changed its control group, meanwhile", Refusal.REFUSED)


class _Kind(msgspec.Struct):
    info_kind: str = ""


class _Link(msgspec.Struct, kw_only=True):
    """An interface as `ip -j -d link` tells of it: `link_index` is the number of its other end.

    `link_netnsid` tells in which other network namespace that is, if it is in one.
    """

    ifindex: int
    ifname: str
    link_index: int = 0
    link_type: str = ""
    link_netnsid: int = -1
    linkinfo: _Kind = msgspec.field(default_factory=_Kind)

    @property
    def leads_nowhere(self) -> bool:
        """Whether all that passes it passes another interface of the same namespace too."""
        return self.link_netnsid < 0 and self.linkinfo.info_kind in _INNER_KINDS

    def is_other_end_of(self, inner: "_Link") -> bool:
        """Whether both name each other: a number alone may be that of another interface, in another namespace."""
        are_pair = self.linkinfo.info_kind == inner.linkinfo.info_kind == "veth"
        are_apart = self.link_netnsid >= 0 and inner.link_netnsid >= 0
        return are_pair and are_apart and (self.ifindex, self.link_index) == (inner.link_index, inner.ifindex)


def inner_devices(commands: HostCommands, process: Process, deadline: Deadline) -> tuple[str, ...]:
    """The interfaces of a container's network namespace, without the loopback."""
    return devices_in(commands, process.within, deadline)


def devices_in(commands: HostCommands, within: Sequence[str], deadline: Deadline) -> tuple[str, ...]:
    """The interfaces where a command runs that stands behind these words, without the loopback."""
    return tuple(one.ifname for one in _links(commands, within, deadline))


def outer_devices(commands: HostCommands, process: Process, deadline: Deadline) -> tuple[str, ...]:
    """The host's ends of all interfaces of a container. Raises TargetError where one has none: it would stay open."""
    inner = [one for one in _links(commands, process.within, deadline) if not one.leads_nowhere]
    if not inner:
        return ()
    by_number = {one.ifindex: one for one in _links(commands, (), deadline)}
    found = []
    for one in inner:
        end = by_number.get(one.link_index)
        if end is None or not end.is_other_end_of(one):
            name = f"{safe(one.ifname, 20)} ({safe(one.linkinfo.info_kind or 'of unknown kind', 20)})"
            reason = f"interface {name} has no end of its own on the host: it cannot be cut there"
            raise TargetError(reason, Refusal.UNSUPPORTED)
        found.append(end.ifname)
    return tuple(found)


def check_bridge(commands: HostCommands, device: str, deadline: Deadline) -> None:
    """That a bridge of that name is where commands of the host run. Raises TargetError: rules elsewhere cut nothing."""
    kinds = {one.ifname: one.linkinfo.info_kind for one in _links(commands, (), deadline)}
    if kinds.get(device) != "bridge":
        reason = f"bridge {safe(device, 20)} is not on the network that commands of the host run in"
        raise TargetError(reason, Refusal.UNSUPPORTED)


def _links(commands: HostCommands, within: Sequence[str], deadline: Deadline) -> list[_Link]:
    ran = commands.run((*within, "ip", "-j", "-d", "link"), deadline)
    try:
        found: list[Any] = msgspec.json.decode(ran.out or "[]")
        links = [msgspec.convert(one, _Link) for one in found if one]
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError) as error:
        reason = f"ip does not list interfaces: {last_line(ran.err) or 'what it says is no JSON'}"
        raise TargetError(reason, Refusal.GARBLED) from error
    if ran.status:
        raise TargetError(f"ip does not list interfaces: {last_line(ran.err)}", Refusal.REFUSED)
    return [one for one in links if one.link_type != "loopback"]


def control_group(process: Process, container: str) -> tuple[int, tuple[str, ...]]:
    """The container's control group of version 2: how deep it lies, and what nft may know it by, likeliest first.

    nft looks below /sys/fs/cgroup, where version 2 is mounted, or `unified` is: beside version 1. Raises TargetError
    where the container has no group of its own.
    """
    lines = [line.split(":", 2) for line in process.groups.splitlines()]
    path = next((words[2] for words in lines if words[:2] == ["0", ""] and len(words) > 2), "")  # noqa: PLR2004
    parts = path.strip("/").split("/")
    depth = next((number for number, word in enumerate(parts, start=1) if container in word), 0)
    if not depth:
        reason = "its control group of version 2 is not its own: this host tells containers apart by version 1 only"
        raise TargetError(reason, Refusal.UNSUPPORTED)
    is_beside = any(container in line and not line.startswith("0:") for line in process.groups.splitlines())
    group = "/".join(parts[:depth])
    places = (group, f"unified/{group}")
    return depth, places[::-1] if is_beside else places
