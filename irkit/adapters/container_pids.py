"""Which processes of a host are a container's, from its /proc: by control group, by descent and by namespaces.

The engine's word is used for one thing, the number of the container's first process, and that is checked: a number may
have been given to another process since, or count the processes of another machine. Whatever of the container's runs
elsewhere (`docker exec` is in its control group; nsenter is not) is found among all processes of the host, each with
why it counts. Threads may have control groups and namespaces of their own: those of a process's first thread are told.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, cached_property, partial
from types import MappingProxyType
from typing import Final

from irkit.core.container import SHORT_ID, Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostFiles

NAMESPACES: Final = ("mnt", "net", "pid", "ipc", "uts")
"""The namespaces whose sharing ties a process to a container."""
_SAID_AS: Final = {"net": "network"}
"""What the engine calls a namespace, where it is called otherwise."""
_LIMIT: Final = 64 * 1024
_MOST_NAMES: Final = 1 << 23
_ID: Final = re.compile(rb"[0-9a-f]{64}")
_MONITOR: Final = b"conmon"
"""What the control group of Podman's process beside a container has in its name; its own is named by the id, too."""
_KERNEL_THREAD: Final = 0x00200000
_PARENT, _FLAGS, _THREADS, _STARTED = 1, 6, 17, 19
"""Numbers of the columns of /proc/PID/stat, from the one after the name on."""
_INIT: Final = 1


class Tie(StrEnum):
    """Why a process counts."""

    GROUP = "in its control group"
    DESCENT = "started by one of its processes"
    JOINED = "in namespaces of it, from elsewhere"
    SHARES = "of another container that shares namespaces with it"


@dataclass(frozen=True)
class Process:
    """A process of the host. `started` is in ticks since the machine was: with the pid, it tells a process from others.

    `stat` is its line in /proc, `namespaces` has what could be read of NAMESPACES, `shared` names those of them that
    are the container's own. `other` is the id of the container whose control group it is in, where that is another.
    """

    pid: int
    parent: int
    started: int
    threads: int
    state: str
    flags: int
    groups: bytes
    namespaces: dict[str, bytes]
    stat: bytes = b""
    ties: tuple[Tie, ...] = ()
    shared: tuple[str, ...] = ()
    other: str = ""

    @property
    def name(self) -> bytes:
        """What the process calls itself, in up to fifteen bytes."""
        return self.stat.partition(b"(")[2].rpartition(b")")[0]

    @property
    def is_inside(self) -> bool:
        """Whether it is the container's own: by its control group or by descent."""
        return Tie.GROUP in self.ties or Tie.DESCENT in self.ties

    @property
    def has_ended(self) -> bool:
        """Whether only its entry is left, without memory, files or namespaces; threads may outlive the first."""
        return self.state in ("Z", "X", "x") and self.threads <= 1

    def why(self) -> str:
        """Why it counts, in words."""
        shared = f" ({', '.join(self.shared)})" if self.shared else ""
        return "; ".join(f"{tie}{shared if tie in (Tie.JOINED, Tie.SHARES) else ''}" for tie in self.ties)


@dataclass(frozen=True)
class Pids:
    """The processes of a container, by number. `every` are all processes of the host that there were.

    `main` is the first process by the engine's word, 0 where that is not the container's any more. `own` are the
    namespaces that it has for itself and not with the host. `unread` counts processes whose namespaces were not told.
    """

    main: int
    processes: tuple[Process, ...]
    own: dict[str, bytes]
    every: Mapping[int, Process]
    unread: int = 0

    @cached_property
    def inside(self) -> tuple[Process, ...]:
        """The container's own."""
        return tuple(one for one in self.processes if one.is_inside)

    @cached_property
    def joined(self) -> tuple[Process, ...]:
        """Those that are in its namespaces, and of no container that shares them by design."""
        return tuple(one for one in self.processes if not one.is_inside and Tie.JOINED in one.ties)

    @cached_property
    def sharing(self) -> tuple[Process, ...]:
        """Those of other containers."""
        return tuple(one for one in self.processes if not one.is_inside and Tie.SHARES in one.ties)

    @property
    def entry(self) -> int:
        """A process through which the container's namespaces and file system are seen; 0 where all have ended."""
        living = [one for one in self.inside if not one.has_ended and Tie.GROUP in one.ties]
        return next((one.pid for one in living if one.pid == self.main), living[0].pid if living else 0)


def pids_of(
    files: HostFiles, container: Container, deadline: Deadline, *, joined: bool = True, before: Pids | None = None
) -> Pids:
    """The processes that are a container's, at this moment; those that joined it only where they are wanted.

    With what was found `before`, only processes that are new since are looked at.

    Raises TargetError: UNSUPPORTED where the host's /proc cannot be read or is another machine's, ABSENT where no
    process on it is the container's.
    """
    kinds = NAMESPACES if joined else ("mnt", "pid")
    every = all_processes(files, deadline, namespaces=kinds, known=before.every if before else {})
    root = every.get(_INIT)
    if root is None:
        reason = "the host's /proc does not show the processes of the machine"
        raise TargetError(reason, Refusal.UNSUPPORTED)
    prefixes = _prefixes(every.get(container.pid), container)
    is_in = cache(partial(_is_in, prefixes=prefixes, container=container))  # many processes, few control groups
    in_group = {one.pid for one in every.values() if is_in(one.groups)}
    hosts = hosts_namespaces(files, root, deadline)
    if (first := every.get(container.pid)) and not _tells_groups(first.groups) and _is_apart(first, hosts, container):
        in_group.add(first.pid)
    if not in_group:
        reason = "no process on the host is the container's: it has ended, or the engine runs on another machine"
        raise TargetError(reason, Refusal.ABSENT)
    main = container.pid if container.pid in in_group else 0
    first = every[main or min(in_group, key=lambda pid: every[pid].started)]
    own = _own(first, hosts, container)
    inside = in_group | _descendants(in_group, every)
    other_of = cache(partial(_other, container=container))
    tied = (_tied(one, in_group, inside, own, other_of) for one in every.values())
    return Pids(
        main=main,
        processes=tuple(sorted((one for one in tied if one.ties), key=lambda one: one.pid)),
        own=own,
        every=every,
        unread=sum(not one.namespaces and not one.has_ended for one in every.values() if not _is_kernel(one)),
    )


def _own(first: Process, hosts: frozenset[tuple[str, bytes]], container: Container) -> dict[str, bytes]:
    """Its namespaces that are neither the host's nor meant to be."""
    return {
        kind: one
        for kind, one in first.namespaces.items()
        if (kind, one) not in hosts and container.namespaces.get(_SAID_AS.get(kind, kind)) != "host"
    }


def _is_apart(first: Process, hosts: frozenset[tuple[str, bytes]], container: Container) -> bool:
    """Whether it looks like the first process of a container, where no control group says so."""
    own = _own(first, hosts, container)
    return "mnt" in own and ("pid" in own or container.namespaces.get("pid") == "host")


def numbers_of(files: HostFiles, deadline: Deadline) -> list[bytes]:
    """The numbers of all processes of the host. Raises TargetError where they are not told."""
    (names,) = files.list_names([b"/proc"], _MOST_NAMES, deadline)
    if isinstance(names, TargetError):
        raise names
    return [name for name in names if name.isdigit()]


def all_processes(
    files: HostFiles,
    deadline: Deadline,
    *,
    namespaces: Sequence[str] = NAMESPACES,
    known: Mapping[int, Process] = MappingProxyType({}),
) -> dict[int, Process]:
    """Every process of the host, by number, those of the kernel included, with those namespaces; without ties.

    Of those that are `known` it is only seen whether there still are such numbers.
    """
    every = numbers_of(files, deadline)
    names = [name for name in every if int(name) not in known]
    stats = files.read_small([b"/proc/%s/stat" % name for name in names], _LIMIT, deadline)
    groups = files.read_small([b"/proc/%s/cgroup" % name for name in names], _LIMIT, deadline)
    found: dict[int, Process] = {}
    for name, stat, group in zip(names, stats, groups, strict=True):
        if isinstance(stat, bytes) and (one := parse_stat(int(name), stat, group)):
            found[one.pid] = one
    still = {pid: known[pid] for name in every if (pid := int(name)) in known}
    return still | _with_namespaces(files, found, namespaces, deadline)


def hosts_namespaces(files: HostFiles, root: Process, deadline: Deadline) -> frozenset[tuple[str, bytes]]:
    """The namespaces of the host's first process, and of what reads its files: the former need not be told to all."""
    links = files.read_links([b"/proc/self/ns/%s" % kind.encode() for kind in NAMESPACES], deadline)
    ours = {(kind, link) for kind, link in zip(NAMESPACES, links, strict=True) if isinstance(link, bytes)}
    return frozenset(ours | set(root.namespaces.items()))


def parse_stat(pid: int, stat: bytes, groups: bytes | TargetError = b"") -> Process | None:
    """A process by its line in /proc/PID/stat, whose second word is a name of the process's own choice."""
    words = stat.rpartition(b")")[2].split()
    if len(words) <= _STARTED or not all(words[at].isdigit() for at in (_PARENT, _FLAGS, _THREADS, _STARTED)):
        return None
    return Process(
        pid=pid,
        parent=int(words[_PARENT]),
        started=int(words[_STARTED]),
        threads=int(words[_THREADS]),
        state=words[0].decode("ascii", "replace"),
        flags=int(words[_FLAGS]),
        groups=groups if isinstance(groups, bytes) else b"",
        namespaces={},
        stat=stat,
    )


def _with_namespaces(
    files: HostFiles, found: dict[int, Process], kinds: Sequence[str], deadline: Deadline
) -> dict[int, Process]:
    """Those with their namespaces; the kernel's own threads have the host's."""
    asked = [(pid, kind) for pid, one in found.items() if not _is_kernel(one) for kind in kinds]
    links = files.read_links([b"/proc/%d/ns/%s" % (pid, kind.encode()) for pid, kind in asked], deadline)
    for (pid, kind), link in zip(asked, links, strict=True):
        if isinstance(link, bytes):
            found[pid].namespaces[kind] = link
    return found


def _is_kernel(one: Process) -> bool:
    return bool(one.flags & _KERNEL_THREAD)


def _prefixes(main: Process | None, container: Container) -> frozenset[bytes]:
    """The container's own control groups: those of its first process, down to the first part that the id names."""
    found: set[bytes] = set()
    for path in _paths(main.groups if main else b""):
        parts = path.split(b"/")
        named = [at for at, part in enumerate(parts) if _names(part, container)]
        if named:
            found.add(b"/".join(parts[: named[0] + 1]))
    return frozenset(found)


def _names(part: bytes, container: Container) -> bool:
    """Whether a part of a control group's path names the container; what watches it from beside is not in it."""
    return container.id[:SHORT_ID].encode() in part and _MONITOR not in part


def _is_in(groups: bytes, prefixes: frozenset[bytes], container: Container) -> bool:
    """Whether some control group is the container's, or below one.

    Where its first process has ended or gone elsewhere, the outermost part that names any container must name it.
    """
    for path in _paths(groups):
        if any(path == prefix or path.startswith(prefix + b"/") for prefix in prefixes):
            return True
        first = next((part for part in path.split(b"/") if _ID.search(part)), b"")
        if not prefixes and _names(first, container):
            return True
    return False


def _paths(groups: bytes) -> Sequence[bytes]:
    """The paths of the control groups, of all versions: `NUMBER:CONTROLLERS:PATH` a line."""
    return [parts[2] for line in groups.split(b"\n") if len(parts := line.split(b":", 2)) > 2]  # noqa: PLR2004


def _tells_groups(groups: bytes) -> bool:
    """Whether some control group has a name: seen from a group namespace, all may be in the root."""
    return any(path not in (b"/", b"") for path in _paths(groups))


def _descendants(begin: Iterable[int], every: dict[int, Process]) -> set[int]:
    """The processes that those started, and so on."""
    children: dict[int, list[int]] = {}
    for one in every.values():
        children.setdefault(one.parent, []).append(one.pid)
    found: set[int] = set()
    left = list(begin)
    while left:
        for child in children.get(left.pop(), ()):
            if child not in found:
                found.add(child)
                left.append(child)
    return found


def _other(groups: bytes, container: Container) -> str:
    """The id of another container that the control groups name, or empty."""
    found = next((found[0].decode() for path in _paths(groups) if (found := _ID.findall(path))), "")
    return found if found != container.id else ""


def _tied(
    one: Process, in_group: set[int], inside: set[int], own: dict[str, bytes], other_of: Callable[[bytes], str]
) -> Process:
    """The process with why it counts, if it does."""
    shared = tuple(kind for kind, namespace in own.items() if one.namespaces.get(kind) == namespace)
    if one.pid in in_group:
        return replace(one, ties=(Tie.GROUP,), shared=shared)
    ties: tuple[Tie, ...] = (Tie.DESCENT,) if one.pid in inside else ()
    if not (ties or shared):
        return one
    other = other_of(one.groups)
    if shared:
        ties += (Tie.SHARES,) if other else (Tie.JOINED,)
    return replace(one, ties=ties, shared=shared, other=other)
