"""The ways out of the core: what adapters implement. Each has few methods, and a fake (`adapters/memory*.py`).

What a run writes to is `store`'s.
"""

from __future__ import annotations  # so that listing containers need not load every operation and event

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec

from irkit.core.finding import Finding
from irkit.core.proof import Proof

if TYPE_CHECKING:
    from datetime import datetime

    from irkit.core.container import Container, Summary
    from irkit.core.engine_event import EngineEvent
    from irkit.core.errors import TargetError
    from irkit.core.evidence import Evidence
    from irkit.core.footprint import Footprint
    from irkit.core.host import Host
    from irkit.core.kernel import KernelFacts
    from irkit.core.network import NetworkFacts
    from irkit.core.operations import BlockTraffic, Operation

LEVEL: Final = 3
"""The level that zstd compresses at where an operation says no other, and for lists made of what it read."""


class Clock(Protocol):
    """Time: the responder's wall clock in UTC, and a clock that only goes forward, in seconds."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class Deadline(Protocol):
    """How long an operation may still take, and whether it was told to stop."""

    def remaining(self) -> float:
        """Seconds that the next wait may take. Raises TargetError (timeout or cancelled) when there are none."""
        ...

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        """Have `close` called from another thread on cancelling; returns what takes that back."""
        ...


class EvidenceFile(Protocol):
    """One item being written: hashed, compressed and counted as it passes. Raises StorageError."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take in the next bytes; the caller may reuse its buffer afterwards."""
        ...

    def warn(self, text: str) -> None:
        """Say something about the item that its reader must know."""
        ...

    def finish(self, partial: str = "") -> Evidence:
        """Close, fsync and describe it; `partial` says why it is not whole. Once only."""
        ...


class Intake(Protocol):
    """Where the evidence of one operation goes."""

    def open(self, path: str, *, source: str, compress: bool = False, level: int = LEVEL) -> EvidenceFile:
        """A new item at `path` below the operation's folder; a name taken gets a number. Raises StorageError."""
        ...

    def put(self, path: str, data: bytes, *, source: str) -> Evidence:
        """A small item at once, not compressed."""
        ...

    def name(self, evidence: Evidence, path: str) -> Evidence | None:
        """Have a finished item of this operation lie at `path`, so that items can be named by what they hold.

        None where an item lies there, of whatever operation: it holds the same, and this one is dropped.
        """
        ...

    def drop(self, evidence: Evidence) -> None:
        """Take a finished item of this operation away: one that was to be kept only as long as there is room."""
        ...


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a target says of an operation that was answered: a line for the log.

    `proof` is there for one whose effect neither the engine's facts nor the kernel's show: what was read back.
    `findings` are what was noticed of its host or container, without the names of these: a run puts them in.
    """

    detail: str = ""
    proof: Proof | None = None
    findings: tuple[Finding, ...] = ()


class Ran(msgspec.Struct, frozen=True):
    """How a command ended, and what it printed. Foreign text."""

    status: int
    out: str
    err: str = ""


class HostCommands(Protocol):
    """Commands of a host, run as root: for what neither its engine nor its files can do. docs/adr/0022 bounds them."""

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        """A command of plain words to its end. Raises TargetError, of kind unsupported where it cannot be had there."""
        ...

    def stream(
        self, argv: Sequence[str], deadline: Deadline, *, told: Callable[[str], None] | None = None
    ) -> Iterator[memoryview]:
        """What a command prints, as it comes; each piece is valid until the next is asked for. Closing it ends both.

        `told` is given what it said on its standard error, once it has ended well.
        Raises TargetError as `run` does, and where the command did not end well, once all that it printed was given.
        """
        ...

    def why_not(self, deadline: Deadline) -> str:
        """Why there are none, in a line; empty where there are. Raises TargetError where the host cannot be asked."""
        ...


class Target(Protocol):
    """The live way to one host's engine. All methods raise TargetError, and nothing else."""

    @property
    def host(self) -> Host: ...

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """All containers, running or not, in one request."""
        ...

    def examine(self, container: str, deadline: Deadline) -> Container:
        """The facts of a container, by full id, as they are now."""
        ...

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        """What the host's kernel shows of a container, by its pid; None where the host's files cannot be read."""
        ...

    def check_rules(self, operation: BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        """What is not there any more of the rules that this target put in for it, in a line; empty where all is.

        None where it put none in that it knows of, or the container has no process whose rules they were.
        """
        ...

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        """The engine's events as they come, of containers and networks, for as long as they are asked for.

        The first is of kind WATCHING and says from when on; `since` is the time of the last event seen, or empty for
        now. Events that an engine has forgotten by then are lost: facts tell what they did.
        """
        ...

    def examine_network(self, network: str, deadline: Deadline) -> NetworkFacts:
        """The facts of a network, by name or id; ABSENT where there is none."""
        ...

    def why_no_root(self, deadline: Deadline) -> str:
        """Why what needs root on the host cannot be done there, in one line; empty where it can."""
        ...

    def why_no_files(self, deadline: Deadline) -> str:
        """Why the host's files cannot be read as root, in one line; empty where they can."""
        ...

    def footprint(self) -> Footprint:
        """What was asked of the host since it was first reached; nothing where that is not counted."""
        ...

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """Carry out one operation. May also raise the intake's StorageError."""
        ...


class Ask(Protocol):
    """How the responder is asked for a secret, on the terminal: None where nobody can be asked, or they decline."""

    def __call__(self, prompt: str) -> str | None: ...


class FileKind(StrEnum):
    """What a name in a file system stands for."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    FIFO = "fifo"
    SOCKET = "socket"
    CHARACTER_DEVICE = "character device"
    BLOCK_DEVICE = "block device"
    OTHER = "other"


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A file as its host describes it: `size` in bytes, `mode` the permission bits, times in nanoseconds since 1970.

    What a way to a host does not tell is 0: over SFTP the last change of the inode, `device` and `inode`, `links` and
    what device a device file stands for (`device_number`). `allocated` are the bytes it takes on disk, or -1.
    """

    name: bytes
    kind: FileKind
    size: int
    mode: int
    uid: int
    gid: int
    modified_ns: int
    accessed_ns: int = 0
    changed_ns: int = 0
    device: int = 0
    inode: int = 0
    links: int = 0
    allocated: int = -1
    device_number: int = 0


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one name in a folder once it was looked at.

    `facts` are of what was looked at, which may be another thing than what was listed. `content` is a small file's,
    whole; of another it is None. `xattrs` is None where extended attributes are not told. `problem` says in a line what
    could not be read of it.
    """

    facts: FileFacts
    link: bytes = b""
    content: bytes | None = None
    xattrs: Mapping[bytes, bytes] | None = None
    problem: str = ""


class Span(msgspec.Struct, frozen=True):
    """A part of a file that has data: where it begins, and its length, in bytes."""

    offset: int
    size: int


class HostFile(Protocol):
    """A regular file that is held open, or, over SFTP, looked up again for each read. Raises TargetError."""

    @property
    def facts(self) -> FileFacts: ...

    def spans(self, deadline: Deadline) -> Sequence[Span]:
        """The parts that have data, in order; the whole of it where holes are not told."""
        ...

    def read(self, span: Span, deadline: Deadline) -> Iterator[memoryview]:
        """The bytes of a span, fewer at the end of the file; each piece is valid until the next is asked for."""
        ...


class HostFolder(Protocol):
    """A folder of a host that is held while what is in it is read, so that no link leads out of it.

    Over SFTP nothing can be held: paths are looked up anew, and links put in on the way meanwhile are followed.
    Names are single parts of a path. Raises TargetError, and nothing else.
    """

    @property
    def path(self) -> bytes: ...

    def batches(self, deadline: Deadline) -> Iterator[list[FileFacts]]:
        """What is in it, some at a time, in no order, without `.` and `..`; however much it is."""
        ...

    def own(self, deadline: Deadline) -> Looked:
        """The folder itself."""
        ...

    def look(self, listed: Sequence[FileFacts], small: int, deadline: Deadline) -> Iterator[Looked]:
        """Each of these as it is now: links, extended attributes, and the content of files of up to `small` bytes."""
        ...

    def open(self, name: bytes, deadline: Deadline) -> AbstractContextManager[HostFile]:
        """A regular file in it."""
        ...

    def enter(self, name: bytes, deadline: Deadline, *, across: Collection[int] = ()) -> HostFolder:
        """A folder in it, to be closed by itself.

        Where the way to the host tells mounts, one of another file system is refused but for those ids of mounts.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Part(NamedTuple):
    """What was read of a file at `offset`; or, without data, how many bytes from there are `missing`, and `why`."""

    offset: int
    data: memoryview
    missing: int = 0
    why: str = ""


class HostFiles(Protocol):
    """The files of a host, to be read and nothing else. Paths are absolute; a link as the last part is not followed.

    With `follow` it is: for the links of /proc alone (exe, fd/N, map_files/RANGE), which lead to what they stand for
    whatever their text says. All methods raise TargetError, and nothing else.
    """

    def list(self, path: bytes, deadline: Deadline) -> list[FileFacts]:
        """What is in a directory, in no order, without `.` and `..`."""
        ...

    def list_names(
        self, paths: Sequence[bytes], limit: int, deadline: Deadline
    ) -> Sequence[Sequence[bytes] | TargetError]:
        """Up to `limit` names in each of many directories as the kernel makes them, or why one cannot be listed.

        Raises where the host cannot be asked.
        """
        ...

    def stat(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> FileFacts:
        """One file, directory or link; a link itself, not what it points to."""
        ...

    def read_link(self, path: bytes, deadline: Deadline) -> bytes:
        """Where a link points."""
        ...

    def read_links(self, paths: Sequence[bytes], deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Where each of many links points, or why that cannot be told; raises where the host cannot be asked."""
        ...

    def read_small(self, paths: Sequence[bytes], limit: int, deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Many small files as the kernel makes them (/proc, /sys), each up to `limit` bytes, or why one cannot be read.

        It is not looked at first what they are: for nothing that a container can put something else in the place of.
        Raises where the host cannot be asked.
        """
        ...

    def read_at(self, path: bytes, offset: int, size: int, deadline: Deadline, *, follow: bool = False) -> bytes:
        """That many bytes from there on; fewer only at the end of the file."""
        ...

    def stream(self, path: bytes, deadline: Deadline, *, offset: int = 0, follow: bool = False) -> Iterator[memoryview]:
        """The file to its end, whatever size is told; each piece is valid until the next is asked for."""
        ...

    def read_ranges(self, path: bytes, ranges: Iterable[tuple[int, int]], deadline: Deadline) -> Iterator[Part]:
        """Ranges (offset and size) of a file, in the order asked for, each in one or more parts without gaps.

        Where some of it cannot be read, or the file ends, a part says so, and what follows is read all the same. Each
        part's data is valid until the next is asked for. `file_paths.next_try` says how far what is unreadable reaches.
        """
        ...

    def open_link(self, path: bytes, deadline: Deadline) -> AbstractContextManager[HostFile]:
        """The regular file that a link of /proc leads to, or one that is no link; it is entered once."""
        ...

    def folder(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> HostFolder:
        """A folder to read a tree from. On the way to it links are followed, as for any path; below it, none."""
        ...

    def is_in_memory(self, path: bytes, deadline: Deadline) -> bool | None:
        """Whether what a link of /proc leads to is on a tmpfs, mounted or not; None where that cannot be told."""
        ...


Targets = Mapping[str, Target]
