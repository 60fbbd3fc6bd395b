"""What the handlers of operations may use of a host beside its engine's API: its files, commands on it, the clock."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Clock, Deadline, FileFacts, HostCommands, HostFile, HostFiles, HostFolder, Part
from irkit.core.reach import Reached

T = TypeVar("T")
_LOOK: Final = 32
"""Small things that are read between two looks at the time."""
_OF_ROOT: Final = (b"/proc/1/environ", b"/proc/slabinfo", b"/proc/vmallocinfo")
"""What root alone may read. The first is there on every Linux, but closed to a root who may do less than process 1."""


Knock = Callable[[str, int, Deadline], Reached]
"""One TCP request from the host to an address and port. Raises TargetError where the host sends none for us."""


def no_knock(address: str, port: int, deadline: Deadline) -> Reached:
    """Of a host that there is no way to send anything from."""
    del address, port, deadline
    raise TargetError(
        "its engine is reached by TCP, which is no way to send anything from the host", Refusal.UNSUPPORTED
    )


@dataclass(frozen=True)
class HostSide:
    """A host's own side. Where it has no files or commands for us, those there are say so whenever they are asked.

    `is_here` says that it is the machine irkit runs on.
    """

    clock: Clock
    commands: HostCommands
    files: HostFiles
    knock: Knock = no_knock
    is_here: bool = False


class NoFiles:
    """The files of a host that there is no way to."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def list(self, path: bytes, deadline: Deadline) -> list[FileFacts]:
        """None: raises TargetError, as all of these."""
        self._refuse()

    def list_names(
        self, paths: Sequence[bytes], limit: int, deadline: Deadline
    ) -> Sequence[Sequence[bytes] | TargetError]:
        """None."""
        self._refuse()

    def stat(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> FileFacts:
        """None."""
        self._refuse()

    def read_link(self, path: bytes, deadline: Deadline) -> bytes:
        """None."""
        self._refuse()

    def read_links(self, paths: Sequence[bytes], deadline: Deadline) -> Sequence[bytes | TargetError]:
        """None."""
        self._refuse()

    def read_small(self, paths: Sequence[bytes], limit: int, deadline: Deadline) -> Sequence[bytes | TargetError]:
        """None."""
        self._refuse()

    def read_at(self, path: bytes, offset: int, size: int, deadline: Deadline, *, follow: bool = False) -> bytes:
        """None."""
        self._refuse()

    def stream(self, path: bytes, deadline: Deadline, *, offset: int = 0, follow: bool = False) -> Iterator[memoryview]:
        """None."""
        self._refuse()

    def open_link(self, path: bytes, deadline: Deadline) -> AbstractContextManager[HostFile]:
        """None."""
        self._refuse()

    def read_ranges(self, path: bytes, ranges: Iterable[tuple[int, int]], deadline: Deadline) -> Iterator[Part]:
        """None."""
        self._refuse()

    def folder(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> HostFolder:
        """None."""
        self._refuse()

    def is_in_memory(self, path: bytes, deadline: Deadline) -> bool | None:
        """None."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TargetError(self._reason, Refusal.UNSUPPORTED)


def one_by_one(paths: Sequence[bytes], deadline: Deadline, read: Callable[[bytes], T]) -> Sequence[T | TargetError]:
    """What is read of each path, or why it cannot be; raises where the host cannot be asked any more."""
    found: list[T | TargetError] = []
    for number, path in enumerate(paths):
        if not number % _LOOK:
            deadline.remaining()
        try:
            found.append(read(path))
        except TargetError as error:
            check_is_answer(error)
            found.append(error)
    return found


def check_is_answer(error: TargetError) -> None:
    """Raise the error where it says that the host cannot be asked, rather than what it answers."""
    if error.kind in (Refusal.TIMEOUT, Refusal.LOST, Refusal.CANCELLED, Refusal.UNREACHABLE):
        raise error


def why_no_files(files: HostFiles, deadline: Deadline) -> str:
    """Why files cannot be read as root, found out by reading one; empty where they can."""
    for path in _OF_ROOT:
        try:
            files.read_at(path, 0, 1, deadline)
        except TargetError as error:
            check_is_answer(error)
            if error.kind is Refusal.UNSUPPORTED:
                return error.reason
            if path == _OF_ROOT[0] and error.kind is Refusal.ABSENT:
                return "its /proc does not show the processes of the machine"
        else:
            return ""
    return "they are read as a user who is not root"
