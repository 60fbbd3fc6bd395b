"""All processes on a container's network, its own and those of containers that share it: what they may do, and where.

One process tells nothing of the others: the first may have given its capabilities up, and a thread may be in another
network namespace. So all threads of the control groups are looked at, and what cannot be looked at counts as able.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from irkit.adapters.firewall_place import ALL_CAPABILITIES, Process, capabilities_in, find_process
from irkit.adapters.kernel_processes import group_folders
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostCommands

_NET_ADMIN: Final = 12
_NET_RAW: Final = 13
_MOST: Final = 5000
"""Threads of one container that are looked at."""
_AT_ONCE: Final = 400
"""Files named in one command."""
_MOST_SHARERS: Final = 30
_FOLDER: Final = re.compile(r"/[A-Za-z0-9/_.@+:=-]{1,199}")
_LINES: Final = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True)
class Crowd:
    """What is known of all of them.

    `admin` says why rules in their network namespace may be taken away, in words; empty where nobody there can.
    `raw` says who may send frames past the protocols, or why that is not known; empty where nobody may.
    `elsewhere` says which are in another network namespace, or why that is not known; empty where none is.
    """

    admin: str = ""
    elsewhere: str = ""
    raw: str = ""


def look_at_crowd(
    commands: HostCommands, owner: Container, sharers: Sequence[Container], process: Process, deadline: Deadline
) -> Crowd:
    """Look at the container, whose first process is given, and at those that share its network."""
    found = [_look_at(commands, owner, process, deadline, "it")]
    for one in sharers[:_MOST_SHARERS]:
        name = f"container {one.id[:12]}, which shares its network,"
        try:
            first = find_process(commands, one.id, one.pid, deadline)
        except TargetError as error:
            if error.kind not in (Refusal.ABSENT, Refusal.REFUSED, Refusal.GARBLED):
                raise
            found.append(_unknown(f"{name} cannot be looked at"))
            continue
        found.append(_look_at(commands, one, first, deadline, name))
    if len(sharers) > _MOST_SHARERS:
        many = f"{len(sharers)} containers share its network"
        found.append(_unknown(many))
    admin = next((one.admin for one in found if one.admin), "")
    raw = next((one.raw for one in found if one.raw), "")
    return Crowd(admin, next((one.elsewhere for one in found if one.elsewhere), ""), raw)


def _unknown(reason: str) -> Crowd:
    return Crowd(admin=reason, elsewhere=reason, raw=reason)


def _look_at(commands: HostCommands, one: Container, process: Process, deadline: Deadline, name: str) -> Crowd:
    threads = _threads(commands, one, process, deadline)
    if threads is None:
        unknown = f"not all processes of {'it' if name == 'it' else name.strip(',')} can be looked at"
        return _unknown(unknown)
    capabilities = process.capabilities | _capabilities(commands, threads, deadline)
    admin = f"{name} has NET_ADMIN" if one.has_net_admin or capabilities >> _NET_ADMIN & 1 else ""
    stray = _first_elsewhere(commands, threads, process.namespace, deadline)
    where = "is in a network namespace of its own (CAP_SYS_ADMIN makes that possible), where nothing was done"
    raw = f"{name} has NET_RAW" if one.privileged or capabilities >> _NET_RAW & 1 else ""
    return Crowd(admin, f"process {stray} of {name} {where}" if stray else "", raw)


def _threads(commands: HostCommands, one: Container, process: Process, deadline: Deadline) -> list[int] | None:
    """All threads in its control group and in those below; None where they are too many, or not told."""
    folders = [folder for folder in group_folders(process.groups, one.id) if _FOLDER.fullmatch(folder)]
    for folder in folders:
        names = ("--include=cgroup.threads", "--include=tasks")
        lines = commands.run(("grep", "-rhs", *names, ".", folder), deadline).out.split("\n")
        found = {int(line) for line in lines if _LINES.fullmatch(line)}
        if found:
            return sorted(found) if process.pid in found and len(found) <= _MOST else None
    return None


def _capabilities(commands: HostCommands, threads: Sequence[int], deadline: Deadline) -> int:
    """The capabilities that any of them has or may get."""
    found = 0
    for some in _portions(threads):
        files = [f"/proc/{thread}/status" for thread in some]
        ran = commands.run(("grep", "-hs", "Cap", *files), deadline)
        try:
            found |= capabilities_in(ran.out)
        except ValueError:
            return ALL_CAPABILITIES
    return found


def _first_elsewhere(commands: HostCommands, threads: Sequence[int], namespace: str, deadline: Deadline) -> int:
    """The first thread that is in another network namespace; 0 where none is."""
    for some in _portions(threads):
        left: Sequence[int] = some
        if not _are_apart(commands, left, namespace, deadline):
            continue
        while len(left) > 1:
            half = left[: len(left) // 2]
            left = half if _are_apart(commands, half, namespace, deadline) else left[len(left) // 2 :]
        return left[0]
    return 0


def _are_apart(commands: HostCommands, threads: Sequence[int], namespace: str, deadline: Deadline) -> bool:
    """Whether any of them is; those that have ended meanwhile are nowhere."""
    ran = commands.run(("readlink", *(f"/proc/{thread}/ns/net" for thread in threads)), deadline)
    return any(line not in ("", namespace) for line in ran.out.split("\n"))


def _portions(threads: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(threads), _AT_ONCE):
        yield threads[at : at + _AT_ONCE]
