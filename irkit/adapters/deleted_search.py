"""The search for files that processes hold though no name leads to them: by what the kernel's links in /proc say.

A container may hold one file a million times to hide another, or to have the time run out: a file is looked at once
where its number and mount are told, holds of one file are listed up to a bound and counted beyond, and the search ends
with half of the time left for reading what it found.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from irkit.adapters.host_side import check_is_answer
from irkit.adapters.process_maps import Mapping, read_mappings
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFiles

MOST_DESCRIPTORS: Final = 65_536
"""Open files that are looked at in one process."""
MOST_LOOKS: Final = 1_000_000
"""Links that are followed in all to see what they lead to."""
MOST_HOLDS: Final = 1000
"""Holds of one file that are listed."""
_AT_ONCE: Final = 1024
_MOST_TOLD: Final = 10
_SMALL: Final = 4096
_DELETED: Final = b" (deleted)"
MEMFD: Final = b"/memfd:"
_NO_FILES: Final = (b"/dev/zero", b"/[aio]")
"""What the kernel calls memory that is shared and of no file: it is read with the memory."""


class Hold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a process holds a file: `executable`, `mapped` (at an address) or `open` (as a descriptor)."""

    pid: int
    how: str
    descriptor: int | None = None
    address: str = ""
    permissions: str = ""


@dataclass
class Found:
    """A file that was found, and the links of /proc that lead to it: the first of them, and how many there were."""

    name: bytes
    facts: FileFacts
    inode: int
    paths: list[bytes] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    count: int = 0

    def add(self, path: bytes, hold: Hold) -> None:
        """One more link."""
        self.count += 1
        if self.count <= MOST_HOLDS:
            self.paths.append(path)
            self.holds.append(hold)


@dataclass
class _Link:
    """A link of /proc that says that what it leads to was deleted. All links with the same `key` lead to one file."""

    path: bytes
    text: bytes
    hold: Hold
    inode: int = 0
    key: Hashable = None


class _EnoughError(Exception):
    """The search is at its bounds."""


class DeletedSearch:
    """Goes through processes. What is held in more than one way, or by more than one, is found once."""

    def __init__(self, files: HostFiles, deadline: Deadline) -> None:
        self._files, self._deadline = files, deadline
        self._reserve = deadline.remaining() / 2
        self._found: dict[Hashable, Found] = {}
        self._known: dict[Hashable, Found] = {}
        self._looks = 0
        self.missed: list[str] = []

    @property
    def found(self) -> list[Found]:
        """What was found, the smallest on disk first: a large one is not to take the place of the others."""
        return sorted(self._found.values(), key=lambda one: _weight(one.facts))

    def look_at(self, pids: Sequence[int]) -> None:
        """All that these processes hold, within bounds: executables and mappings of all come before open files."""
        try:
            for pid in pids:
                self._take_mapped(pid)
            for pid in pids:
                for link in self._descriptors(pid):
                    self._take(link)
        except _EnoughError as error:
            self.missed.append(f"the search for deleted files ended early: {error}")

    def _take_mapped(self, pid: int) -> None:
        self._check()
        try:
            mappings = read_mappings(self._files, pid, self._deadline)
        except TargetError as error:
            self._miss(pid, error)
            mappings = []
        for link in (*self._executable(pid, mappings), *_mapped(pid, mappings)):
            self._take(link)

    def _executable(self, pid: int, mappings: Sequence[Mapping]) -> Iterator[_Link]:
        path = b"/proc/%d/exe" % pid
        (text,) = self._files.read_links([path], self._deadline)
        if isinstance(text, bytes) and _is_deleted(text):
            inode = next((one.inode for one in mappings if one.name == text), 0)
            yield _Link(path, text, Hold(pid=pid, how="executable"), inode)

    def _descriptors(self, pid: int) -> Iterator[_Link]:
        (names,) = self._files.list_names([b"/proc/%d/fd" % pid], MOST_DESCRIPTORS, self._deadline)
        if isinstance(names, TargetError):
            self._miss(pid, names)
            return
        if len(names) >= MOST_DESCRIPTORS:
            self._tell(f"process {pid} has more than {MOST_DESCRIPTORS} open files")
        numbers = [name for name in names if name.isdigit()]
        for begin in range(0, len(numbers), _AT_ONCE):
            self._check()
            yield from self._opened(pid, numbers[begin : begin + _AT_ONCE])

    def _opened(self, pid: int, numbers: Sequence[bytes]) -> Iterator[_Link]:
        texts = self._files.read_links([b"/proc/%d/fd/%b" % (pid, one) for one in numbers], self._deadline)
        kept = [
            (int(one), text)
            for one, text in zip(numbers, texts, strict=True)
            if isinstance(text, bytes) and _is_deleted(text)
        ]
        told = self._files.read_small([b"/proc/%d/fdinfo/%d" % (pid, one) for one, _ in kept], _SMALL, self._deadline)
        for (number, text), info in zip(kept, told, strict=True):
            hold = Hold(pid=pid, how="open", descriptor=number)
            inode, mount = _number(info, b"ino:"), _number(info, b"mnt_id:")
            key = (text, "mount", mount, inode) if inode and mount else None
            yield _Link(b"/proc/%d/fd/%d" % (pid, number), text, hold, inode, key)

    def _take(self, link: _Link) -> None:
        """What a link leads to, if that is a regular file."""
        if link.key in self._known:
            self._known[link.key].add(link.path, link.hold)
            return
        self._looks += 1
        if self._looks % _AT_ONCE == 0:
            self._check()
        try:
            facts = self._files.stat(link.path, self._deadline, follow=True)
        except TargetError as error:
            self._miss(link.hold.pid, error)
            return
        if facts.kind is not FileKind.FILE:
            return
        inode = facts.inode or link.inode
        key: Hashable = link.path
        if facts.inode:
            key = (facts.device, facts.inode)
        elif inode:
            key = (link.text, inode, facts.size, facts.modified_ns)
        found = self._found.setdefault(key, Found(link.text.removesuffix(_DELETED), facts, inode))
        found.add(link.path, link.hold)
        if link.key is not None:
            self._known[link.key] = found

    def _check(self) -> None:
        """Raises _EnoughError at a bound; TargetError where there is no time at all, or the run was told to stop."""
        if self._deadline.remaining() < self._reserve:
            raise _EnoughError("half of its time was used up")
        if self._looks > MOST_LOOKS:
            raise _EnoughError(f"more than {MOST_LOOKS} links lead to some")

    def _miss(self, pid: int, error: TargetError) -> None:
        """A process that ended meanwhile holds nothing any more; what else cannot be read is told."""
        check_is_answer(error)
        if error.kind is not Refusal.ABSENT:
            self._tell(f"process {pid}: {error.reason}")

    def _tell(self, text: str) -> None:
        if len(self.missed) < _MOST_TOLD:
            self.missed.append(text)


def leads_to(files: HostFiles, path: bytes, opened: FileFacts, found: Found, deadline: Deadline) -> bool:
    """Whether what was opened by that link of /proc is what was found, by what the kernel says of the link now: its
    name, and of an open file its number; by size and time where the process has let go of it since.

    For ways to a host that tell no inodes: whoever owns the process may put another file there.
    """
    (text,) = files.read_links([path], deadline)
    if isinstance(text, TargetError):
        return (opened.size, opened.modified_ns) == (found.facts.size, found.facts.modified_ns)
    if not _is_deleted(text) or text.removesuffix(_DELETED) != found.name:
        return False
    folder, _, number = path.rpartition(b"/")
    if not folder.endswith(b"/fd"):
        return True
    (info,) = files.read_small([folder + b"info/" + number], _SMALL, deadline)
    return _number(info, b"ino:") in (0, found.inode)


def _weight(facts: FileFacts) -> int:
    return facts.size if facts.allocated < 0 else min(facts.size, facts.allocated)


def _mapped(pid: int, mappings: Sequence[Mapping]) -> Iterator[_Link]:
    for one in mappings:
        if one.inode and _is_deleted(one.name):
            path = b"/proc/%d/map_files/%x-%x" % (pid, one.start, one.end)
            hold = Hold(pid=pid, how="mapped", address=hex(one.start), permissions=one.permissions)
            yield _Link(path, one.name, hold, one.inode, (one.name, "device", one.device, one.inode))


def _is_deleted(text: bytes) -> bool:
    return (text.endswith(_DELETED) or text.startswith(MEMFD)) and not text.startswith(_NO_FILES)


def _number(info: bytes | TargetError, name: bytes) -> int:
    """What is told of an open file: its mount, and since Linux 5.14 its inode; 0 where that is not told."""
    lines = info.splitlines() if isinstance(info, bytes) else []
    word = next((line.partition(b":")[2].strip() for line in lines if line.startswith(name)), b"")
    return int(word) if word.isdigit() else 0
