"""collect.deleted_files on a host: files that processes hold though no name leads to them, kept whole in one tar.

They are found by what the kernel's links in /proc say, and read through these links: what is not a regular file is
never opened. Over SFTP what is looked at and what is opened just after may differ, if the process changes it in
between; locally it cannot.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from irkit.adapters.container_pids import Process, pids_of
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import HostSide, check_is_answer
from irkit.adapters.process_maps import Mapping, read_mappings
from irkit.adapters.tree_entry import text_of
from irkit.adapters.tree_tar import TreeTar, open_tree
from irkit.adapters.tree_walk import Met
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadDeletedFiles
from irkit.core.ports import (
    Deadline,
    FileFacts,
    FileKind,
    HostFile,
    HostFiles,
    HostFolder,
    Intake,
    Looked,
    Outcome,
    Span,
)

MOST_DESCRIPTORS: Final = 65_536
"""Open files that are looked at in one process."""
_MOST_HOLDS: Final = 1_000_000
_SMALL: Final = 4096
_DELETED: Final = b" (deleted)"
_MEMFD: Final = b"/memfd:"
_NO_FILES: Final = (b"/dev/zero", b"/[aio]")
"""What the kernel calls memory that is shared and of no file: it is read with the memory."""


class Hold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a process holds a file: `executable`, `mapped` (at an address) or `open` (as a descriptor)."""

    pid: int
    how: str
    descriptor: int | None = None
    address: str = ""
    permissions: str = ""


class Held(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of `deleted/held.jsonl`: a file, by the number that is its name in the tar and in the index.

    `name` is what the kernel still calls it, exact where `name_b64` is empty. Where `links` is not 0, another name
    leads to it yet.
    """

    file: str
    name: str
    name_b64: str = ""
    is_memfd: bool = False
    size: int = 0
    inode: int = 0
    links: int | None = None
    held: list[Hold] = []


@dataclass
class _Found:
    """A file that was found, and the links of /proc that lead to it."""

    name: bytes
    facts: FileFacts
    inode: int
    paths: list[bytes] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)


@dataclass
class _Link:
    """A link of /proc that says that what it leads to was deleted."""

    path: bytes
    text: bytes
    hold: Hold
    inode: int = 0


class ReadsDeleted:
    """The handler."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: ReadDeletedFiles, intake: Intake, deadline: Deadline) -> Outcome:
        body = api.read(f"/containers/{part(operation.container)}/json", deadline)
        container = container_of(body, "", podman=api.is_podman(deadline))
        pids = pids_of(self._side.files, container, deadline)
        processes = [one for one in (*pids.inside, *pids.joined) if not one.has_ended]
        search = _Search(self._side.files, deadline)
        for process in processes:
            search.look_at(process)
        folder = operation.file
        source = "host files /proc/PID/exe, map_files and fd"
        tree = open_tree(
            intake, f"{folder}/files.tar", f"{folder}/files.index.jsonl", source=source, limit=operation.limit
        )
        lines: list[Held] = []
        for number, found in enumerate(search.found.values(), start=1):
            lines.append(self._keep(tree, f"{number:05d}", found, deadline))
        missed = "; ".join(search.missed)
        partial = tree.finish(missed)
        intake.put(f"{folder}/held.jsonl", bytes(msgspec.json.Encoder().encode_lines(lines)), source=source)
        detail = f"{len(lines)} deleted files held by {len(processes)} processes, {tree.counts.bytes} bytes"
        return Outcome(detail=f"{detail}; not whole: {partial}" if partial else detail)

    def _keep(self, tree: TreeTar, name: str, found: _Found, deadline: Deadline) -> Held:
        facts = msgspec.structs.replace(found.facts, name=name.encode(), links=1)
        folder = _Links(self._side.files, found, facts)
        tree.add(Met(facts.name, Looked(facts=facts), folder), deadline)
        text, raw = text_of(found.name)
        return Held(
            file=name,
            name=text,
            name_b64=raw,
            is_memfd=found.name.startswith(_MEMFD),
            size=found.facts.size,
            inode=found.inode,
            links=found.facts.links if found.facts.inode else None,
            held=found.holds,
        )


class _Search:
    """Goes through processes one by one. What is held in more than one way, or by more than one, is found once."""

    def __init__(self, files: HostFiles, deadline: Deadline) -> None:
        self._files, self._deadline = files, deadline
        self.found: dict[object, _Found] = {}
        self.missed: list[str] = []
        self._holds = 0

    def look_at(self, process: Process) -> None:
        """All that a process holds."""
        try:
            mappings = read_mappings(self._files, process.pid, self._deadline)
        except TargetError as error:
            self._miss(process.pid, error)
            mappings = []
        for link in (*self._executable(process.pid, mappings), *_mapped(process.pid, mappings)):
            self._take(link)
        for link in self._descriptors(process.pid):
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
            self.missed.append(f"process {pid} has more than {MOST_DESCRIPTORS} open files")
        numbers = [name for name in names if name.isdigit()]
        texts = self._files.read_links([b"/proc/%d/fd/%b" % (pid, one) for one in numbers], self._deadline)
        kept = [
            (int(one), text)
            for one, text in zip(numbers, texts, strict=True)
            if isinstance(text, bytes) and _is_deleted(text)
        ]
        told = self._files.read_small([b"/proc/%d/fdinfo/%d" % (pid, one) for one, _ in kept], _SMALL, self._deadline)
        for (number, text), info in zip(kept, told, strict=True):
            hold = Hold(pid=pid, how="open", descriptor=number)
            yield _Link(b"/proc/%d/fd/%d" % (pid, number), text, hold, _inode_of(info))

    def _take(self, link: _Link) -> None:
        """What a link leads to, if that is a regular file."""
        try:
            facts = self._files.stat(link.path, self._deadline, follow=True)
        except TargetError as error:
            self._miss(link.hold.pid, error)
            return
        if facts.kind is not FileKind.FILE:
            return
        self._holds += 1
        if self._holds > _MOST_HOLDS:
            raise TargetError(f"deleted files are held more than {_MOST_HOLDS} times", Refusal.REFUSED)
        inode = facts.inode or link.inode
        if facts.inode:
            key: object = (facts.device, facts.inode)
        elif inode:
            key = (link.text, inode, facts.size, facts.modified_ns)
        else:
            key = link.path
        found = self.found.setdefault(key, _Found(link.text.removesuffix(_DELETED), facts, inode))
        found.paths.append(link.path)
        found.holds.append(link.hold)

    def _miss(self, pid: int, error: TargetError) -> None:
        """A process that ended meanwhile holds nothing any more; what else cannot be read is told."""
        check_is_answer(error)
        if error.kind is not Refusal.ABSENT and len(self.missed) < 10:  # noqa: PLR2004
            self.missed.append(f"process {pid}: {error.reason}")


class _Links:
    """A deleted file by whichever of its links still leads to it: as much of a folder as a tree needs."""

    def __init__(self, files: HostFiles, found: _Found, facts: FileFacts) -> None:
        self._files, self._found, self._facts = files, found, facts

    @property
    def path(self) -> bytes:
        """A link to it."""
        return self._found.paths[0]

    @contextlib.contextmanager
    def open(self, name: bytes, deadline: Deadline) -> Iterator[HostFile]:
        """The file, through the first link that leads to it yet. Raises TargetError."""
        last: TargetError | None = None
        for path in self._found.paths:
            try:
                now = self._files.stat(path, deadline, follow=True)
            except TargetError as error:
                check_is_answer(error)
                last = error
                continue
            is_same = (now.device, now.inode, now.kind) == (
                self._found.facts.device,
                self._found.facts.inode,
                FileKind.FILE,
            )
            if is_same:
                yield _LinkedFile(self._files, path, msgspec.structs.replace(self._facts, size=now.size))
                return
        raise last or TargetError("another file has taken its place", Refusal.REFUSED)

    def batches(self, deadline: Deadline) -> Iterator[list[FileFacts]]:
        """Nothing: it is no folder."""
        return iter(())

    def own(self, deadline: Deadline) -> Looked:
        """The file."""
        return Looked(facts=self._facts)

    def look(self, listed: Sequence[FileFacts], small: int, deadline: Deadline) -> Iterator[Looked]:
        """Nothing."""
        return iter(())

    def enter(self, name: bytes, deadline: Deadline, *, across: Collection[int] = ()) -> HostFolder:
        """Nothing."""
        raise TargetError("it is no folder", Refusal.REFUSED)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True)
class _LinkedFile:
    files: HostFiles
    link: bytes
    facts: FileFacts

    def spans(self, deadline: Deadline) -> Sequence[Span]:
        return [Span(0, self.facts.size)] if self.facts.size else []

    def read(self, span: Span, deadline: Deadline) -> Iterator[memoryview]:
        left = span.size
        for piece in self.files.stream(self.link, deadline, offset=span.offset, follow=True):
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return


def _mapped(pid: int, mappings: Sequence[Mapping]) -> Iterator[_Link]:
    for one in mappings:
        if one.inode and _is_deleted(one.name):
            path = b"/proc/%d/map_files/%x-%x" % (pid, one.start, one.end)
            hold = Hold(pid=pid, how="mapped", address=hex(one.start), permissions=one.permissions)
            yield _Link(path, one.name, hold, one.inode)


def _is_deleted(text: bytes) -> bool:
    return (text.endswith(_DELETED) or text.startswith(_MEMFD)) and not text.startswith(_NO_FILES)


def _inode_of(info: bytes | TargetError) -> int:
    """The number of an open file's inode, which kernels tell since 5.14; 0 where it is not told."""
    lines = info.splitlines() if isinstance(info, bytes) else []
    word = next((line.partition(b":")[2].strip() for line in lines if line.startswith(b"ino:")), b"")
    return int(word) if word.isdigit() else 0
