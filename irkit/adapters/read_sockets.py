"""A container's sockets and network into the bundle: raw as /proc has them, decoded, and joined to who holds them.

A process may be in a network namespace of its own, a thread too: each namespace is read, through whoever is in it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from irkit.adapters.container_pids import Pids, numbers_of, pids_of
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.foreign_text import put
from irkit.adapters.host_side import HostSide
from irkit.adapters.net_text import network_of, sockets_of
from irkit.adapters.proc_reads import MOST_THREADS
from irkit.adapters.proc_text import namespace_of
from irkit.adapters.raw_tar import RawTar
from irkit.adapters.read_processes import examined
from irkit.adapters.socket_holders import Holder, holders_of
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadSockets
from irkit.core.ports import Deadline, EvidenceFile, HostFiles, Intake, Outcome

FILES: Final = (
    "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "unix", "packet", "netlink",
    "ptype", "route", "ipv6_route", "fib_trie", "arp", "dev", "if_inet6", "igmp", "igmp6", "dev_mcast", "protocols",
    "sockstat", "sockstat6", "snmp", "snmp6", "netstat", "nf_conntrack", "sctp/eps", "sctp/assocs", "xfrm_stat",
)  # fmt: skip
"""What is kept of /proc/PID/net; kernels lack some of it."""
NEEDED: Final = frozenset({"tcp", "udp", "unix", "dev", "route"})
"""What every kernel with a network has."""
_USUAL: Final = 256 * 1024
MOST: Final = 64 * 1024 * 1024
"""Bytes that are read of one file at most."""
MOST_NAMESPACES: Final = 64
_UNLISTED: Final = (
    "not in /proc/PID/net: not bound yet, of a family that is not listed there,"
    " or of a network namespace that is not the container's"
)
_RAW: Final = "sockets/net.tar"
_NETWORK: Final = "sockets/network.json"
_encode = msgspec.json.Encoder().encode


@dataclass
class _Namespace:
    """A network namespace, seen through `base` (/proc/PID, or /proc/PID/task/TID)."""

    link: bytes
    base: bytes
    is_hosts: bool
    files: dict[str, bytes] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int | str:
        return namespace_of(self.link)


class ReadsSockets:
    """The handler of ReadSockets."""

    def __init__(self, side: HostSide) -> None:
        self._files = side.files

    def __call__(self, api: EngineApi, operation: ReadSockets, intake: Intake, deadline: Deadline) -> Outcome:
        """All of them, of every network namespace of the container's processes."""
        pids = pids_of(self._files, examined(api, operation.container, "", deadline), deadline)
        seen = _Seeing(self._files, pids, deadline)
        namespaces = seen.namespaces()
        if not namespaces:
            raise TargetError("no process of it is left to see its network through", Refusal.ABSENT)
        for one in namespaces:
            seen.read(one)
        return _Keeping(self._files, pids, namespaces, seen.left_out, deadline).keep(intake, operation.file)


class _Seeing:
    """Finds the network namespaces, and reads what /proc has of them."""

    def __init__(self, files: HostFiles, pids: Pids, deadline: Deadline) -> None:
        self._files, self._pids, self._deadline = files, pids, deadline
        self.left_out = 0

    def namespaces(self) -> list[_Namespace]:
        """Each that a process of the container or a thread of one is in; that of its first process comes first."""
        living = [one for one in self._pids.inside if not one.has_ended]
        ways = {self._pids.entry: b"/proc/%d" % self._pids.entry} if self._pids.entry else {}
        ways |= {one.pid: b"/proc/%d" % one.pid for one in living}
        bases = [*ways.values(), *self._threads([one.pid for one in living if one.threads > 1])]
        hosts = self._files.read_links([b"/proc/1/ns/net", b"/proc/self/ns/net"], self._deadline)
        links = self._files.read_links([base + b"/ns/net" for base in bases], self._deadline)
        found: dict[bytes, _Namespace] = {}
        for base, link in zip(bases, links, strict=True):
            if isinstance(link, bytes):
                found.setdefault(link, _Namespace(link, base, link in hosts))
        self.left_out = max(0, len(found) - MOST_NAMESPACES)
        return list(found.values())[:MOST_NAMESPACES]

    def _threads(self, pids: Sequence[int]) -> Iterator[bytes]:
        listed = self._files.list_names([b"/proc/%d/task" % pid for pid in pids], MOST_THREADS, self._deadline)
        for pid, names in zip(pids, listed, strict=True):
            if not isinstance(names, TargetError):
                yield from (b"/proc/%d/task/%s" % (pid, name) for name in names if name.isdigit())

    def read(self, one: _Namespace) -> None:
        """Its files; what was no longer there when all was read is another namespace's."""
        paths = [one.base + b"/net/" + name.encode() for name in FILES]
        for name, path, content in zip(
            FILES, paths, self._files.read_small(paths, _USUAL, self._deadline), strict=True
        ):
            if isinstance(content, TargetError):
                if name in NEEDED:
                    one.missing[name] = content.reason
                continue
            one.files[name] = content if len(content) < _USUAL else self._whole(one, name, path, content)
        (now,) = self._files.read_links([one.base + b"/ns/net"], self._deadline)
        if now != one.link:
            one.missing["namespace"] = "the process it was seen through ended or left it meanwhile"

    def _whole(self, one: _Namespace, name: str, path: bytes, start: bytes) -> bytes:
        (content,) = self._files.read_small([path], MOST, self._deadline)
        if isinstance(content, TargetError) or len(content) >= MOST:
            one.cut.append(name)
        return content if isinstance(content, bytes) else start


class _Keeping:
    """Keeps what was read, with who holds each socket."""

    def __init__(
        self, files: HostFiles, pids: Pids, namespaces: Sequence[_Namespace], left_out: int, deadline: Deadline
    ) -> None:
        self._files, self._pids, self._deadline = files, pids, deadline
        self._namespaces, self._left_out = namespaces, left_out
        self._names: dict[int, bytes] = {}
        self._own = {one.pid for one in (*pids.inside, *pids.joined) if not one.has_ended}
        self._unread = 0

    def keep(self, intake: Intake, file: str) -> Outcome:
        raw = intake.open(_RAW, source="/proc/PID/net of the host", compress=True)
        tar = RawTar(raw)
        for one in self._namespaces:
            for name, content in one.files.items():
                tar.add(f"{one.number}/{name}", content)
        tar.end()
        raw.finish(self._partial())
        sockets = [(one, socket) for one in self._namespaces for socket in sockets_of(one.files)]
        holders = self._holders({socket["inode"] for _, socket in sockets})
        out = intake.open(file, source=f"made from {_RAW} and /proc/PID/fd of the host", compress=True)
        unknown = self._write(out, sockets, holders)
        partial = self._partial()
        out.finish(partial)
        self._describe(intake.open(_NETWORK, source=f"made from {_RAW}"), partial)
        return Outcome(detail=_detail(len(sockets), unknown, len(self._namespaces), partial))

    def _partial(self) -> str:
        """Why it is not whole, or empty."""
        reasons = [f"{name} of namespace {one.number} was cut" for one in self._namespaces for name in one.cut]
        reasons += [f"{name}: {why}" for one in self._namespaces for name, why in one.missing.items()]
        if self._left_out:
            reasons.append(f"{self._left_out} more network namespaces were not read")
        if self._unread:
            reasons.append(f"of {self._unread} processes not all descriptors are known")
        return "; ".join(reasons[:10])

    def _holders(self, inodes: set[int]) -> dict[int, list[Holder]]:
        """Who holds these and any other socket of the container's; others on the host are asked where it needs them."""
        found, self._unread = holders_of(self._files, sorted(self._own), self._deadline)
        if inodes - set(found) - {0}:
            others = [int(name) for name in numbers_of(self._files, self._deadline) if int(name) not in self._own]
            elsewhere, _ = holders_of(self._files, others, self._deadline)
            found |= {inode: who for inode, who in elsewhere.items() if inode in inodes and inode not in found}
        self._learn_names(one.pid for who in found.values() for one in who)
        return found

    def _learn_names(self, pids: Iterable[int]) -> None:
        wanted = sorted(set(pids))
        names = self._files.read_small([b"/proc/%d/comm" % pid for pid in wanted], _USUAL, self._deadline)
        for pid, name in zip(wanted, names, strict=True):
            self._names[pid] = name.removesuffix(b"\n") if isinstance(name, bytes) else b""

    def _write(
        self, out: EvidenceFile, sockets: Sequence[tuple[_Namespace, dict[str, Any]]], holders: dict[int, list[Holder]]
    ) -> int:
        """The lines; how many sockets are held that no file of /proc has."""
        for namespace, socket in sockets:
            self._deadline.remaining()
            line = {"namespace": namespace.number, **socket, **self._held(holders.get(socket["inode"], []))}
            out.write(_encode(line) + b"\n")
        listed = {socket["inode"] for _, socket in sockets}
        unknown = [(inode, who) for inode, who in sorted(holders.items()) if inode not in listed]
        for inode, who in unknown:
            line = {"namespace": None, "protocol": "", "inode": inode, **self._held(who)}
            line["note"] = _UNLISTED
            out.write(_encode(line) + b"\n")
        return len(unknown)

    def _held(self, who: Sequence[Holder]) -> dict[str, Any]:
        processes: list[dict[str, Any]] = []
        for one in who:
            process: dict[str, Any] = {"pid": one.pid, "fd": one.fd}
            put(process, "name", self._names.get(one.pid, b""))
            processes.append(process)
        return {"held_by_container": any(one.pid in self._own for one in who), "processes": processes}

    def _describe(self, out: EvidenceFile, partial: str) -> None:
        namespaces = [
            {
                "namespace": one.number,
                "is_hosts": one.is_hosts,
                "seen_through": one.base.decode("ascii"),
                **network_of(one.files),
            }
            for one in self._namespaces
        ]
        out.write(pretty({"source": "/proc/PID/net of the host", "namespaces": namespaces}))
        out.finish(partial)


def _detail(listed: int, unknown: int, namespaces: int, partial: str) -> str:
    parts = [
        f"{listed} sockets",
        f"{unknown} held that /proc does not list" if unknown else "",
        f"in {namespaces} network namespaces" if namespaces > 1 else "",
        partial,
    ]
    return ", ".join(filter(None, parts))
