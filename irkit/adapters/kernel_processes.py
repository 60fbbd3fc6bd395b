"""Whether all processes of a container are in its network namespace, as the host's /proc and control groups show it.

One that is not has interfaces of its own, which nobody looks at. A thread may be in another namespace than its process,
where it may make one (CAP_SYS_ADMIN): threads are looked at where the container may have moved an interface there.
"""

from typing import Final, NamedTuple

from irkit.adapters.proc_reading import ProcReading
from irkit.core.container import SHORT_ID, Container

_CGROUPS: Final = b"/sys/fs/cgroup"
_MOST: Final = 1000
"""Processes or threads that are looked at."""
_MOST_GROUPS: Final = 200
_TOLD: Final = 5
"""Processes elsewhere that are named: the first is enough, and each is looked at over the network."""
_ENDED: Final = ("Z", "X")
"""States of what is in no namespace any more (proc(5))."""


class Elsewhere(NamedTuple):
    """Processes in other network namespaces; `is_whole` says whether all were looked at."""

    found: tuple[int, ...]
    is_whole: bool


def find_elsewhere(reading: ProcReading, container: Container, groups: str, namespace: str) -> Elsewhere:
    """The processes of a container that are not in that network namespace. `groups` are those of its first process."""
    numbers = _numbers(reading, container, groups) if namespace else None
    if numbers is None:
        return Elsewhere((), False)
    found: list[int] = []
    is_whole = len(numbers) <= _MOST
    for number in sorted(numbers)[:_MOST]:
        there = reading.link(f"/proc/{number}/ns/net")
        if not there and not _has_ended(reading, number):
            return Elsewhere(tuple(found), False)  # of others there is no more to be read either
        if there and there != namespace:
            found.append(number)
            if len(found) == _TOLD:
                return Elsewhere(tuple(found), False)
    return Elsewhere(tuple(found), is_whole)


def _has_ended(reading: ProcReading, number: int) -> bool:
    text = reading.text(f"/proc/{number}/stat")
    return text is None or text.rpartition(")")[2].strip(" ")[:1] in _ENDED


def _numbers(reading: ProcReading, container: Container, groups: str) -> set[int] | None:
    """The processes of its control group and of all groups below; None where they are not told."""
    names = (b"cgroup.threads", b"tasks") if container.may_change_network else (b"cgroup.procs",)
    for folder in group_folders(groups, container.id):
        found = _in_group(reading, folder.encode("utf-8", "surrogateescape"), names)
        if found:
            return found
    return None


def _in_group(reading: ProcReading, folder: bytes, names: tuple[bytes, ...]) -> set[int] | None:
    found: set[int] = set()
    waiting, seen = [folder], 0
    while waiting:
        reading.check_time()
        one = waiting.pop()
        seen += 1
        numbers = next((got for name in names if (got := reading.numbers(one + b"/" + name)) is not None), None)
        if numbers is None or seen > _MOST_GROUPS:
            return None
        found.update(number for number in numbers if number > 0)
        waiting += [one + b"/" + name for name in reading.folders(one)]
    return found


def group_folders(groups: str, container: str) -> list[str]:
    """Where a container's own control group may be, likeliest first: of version 2, else of one hierarchy of version 1.

    `groups` is a /proc/PID/cgroup. What lies below the container's own group, it may have made itself.
    """
    found: list[str] = []
    for line in groups.split("\n"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        words = path.split("/")
        depth = next((at for at, word in enumerate(words, 1) if container in word or container[:SHORT_ID] in word), 0)
        if not depth or ".." in words or "/" in controllers:
            continue
        own = "/".join(words[:depth])
        root = _CGROUPS.decode()
        if controllers:
            found.append(f"{root}/{controllers.removeprefix('name=')}{own}")
        else:
            found[:0] = [f"{root}{own}", f"{root}/unified{own}"]
    return found
