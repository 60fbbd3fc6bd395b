"""Who has a socket open: processes of a host by the numbers of the sockets that their descriptors stand for."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from irkit.adapters.proc_reads import MOST_DESCRIPTORS
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostFiles

_AT_ONCE: Final = 100
_QUESTIONS: Final = 5000
_SOCKET: Final = re.compile(rb"socket:\[([0-9]{1,19})\]")
T = TypeVar("T")


class Holder(NamedTuple):
    """A process that has a socket open, as which of its descriptors."""

    pid: int
    fd: int


def holders_of(files: HostFiles, pids: Sequence[int], deadline: Deadline) -> tuple[dict[int, list[Holder]], int]:
    """The holders of each socket among those processes, and how many of these could not be asked in full."""
    found: dict[int, list[Holder]] = {}
    unread = 0
    for some in _in_parts(pids, _AT_ONCE):
        listed = files.list_names([b"/proc/%d/fd" % pid for pid in some], MOST_DESCRIPTORS, deadline)
        unread += sum(_is_lacking(names) for names in listed)
        asked = [
            (pid, name)
            for pid, names in zip(some, listed, strict=True)
            if not isinstance(names, TargetError)
            for name in names
            if name.isdigit()
        ]
        for part in _in_parts(asked, _QUESTIONS):
            links = files.read_links([b"/proc/%d/fd/%s" % one for one in part], deadline)
            for (pid, name), link in zip(part, links, strict=True):
                if isinstance(link, bytes) and (match := _SOCKET.fullmatch(link)):
                    found.setdefault(int(match[1]), []).append(Holder(pid, int(name)))
    return found, unread


def _is_lacking(names: Sequence[bytes] | TargetError) -> bool:
    """Whether there is more to know; a process that has ended holds nothing any more."""
    if isinstance(names, TargetError):
        return names.kind is not Refusal.ABSENT
    return len(names) == MOST_DESCRIPTORS


def _in_parts(asked: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (asked[at : at + most] for at in range(0, len(asked), most))
