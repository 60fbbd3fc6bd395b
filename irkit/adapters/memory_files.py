"""The files of a host in memory, for tests: as strict as the real ones, with faults where they are put.

The contract suite of `HostFiles` runs against this, the local file system and a real SFTP server.
"""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from irkit.adapters import file_paths
from irkit.adapters.file_by_path import FileByPath
from irkit.adapters.file_paths import ENDED, MOST_ENTRIES, check_range, next_try, show, split_path
from irkit.adapters.host_side import one_by_one
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, Looked, Part, Span

PIECE = 4096
"""Bytes that a stream gives at a time: few, so that small files come in many pieces."""
_MOST_LINKS = 40
_BATCH = 3
_FOLDER = FileFacts(name=b"/", kind=FileKind.DIRECTORY, size=0, mode=0o755, uid=0, gid=0, modified_ns=0)


@dataclass
class _Entry:
    facts: FileFacts
    content: bytes = b""  # of a link: where it points
    inside: dict[bytes, "_Entry"] = field(default_factory=dict)
    fault: TargetError | None = None
    intact: int = 0
    xattrs: Mapping[bytes, bytes] | None = None
    spans: Sequence[Span] | None = None


class MemoryFiles:
    """A tree of files. What is put into it takes the place of what had the name."""

    def __init__(self) -> None:
        self._root = _Entry(_FOLDER)

    def put(
        self,
        path: bytes,
        content: bytes = b"",
        *,
        kind: FileKind = FileKind.FILE,
        size: int | None = None,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        modified_ns: int = 0,
        device_number: int = 0,
        inode: int = 0,
        links: int = 1,
        xattrs: Mapping[bytes, bytes] | None = None,
        spans: Sequence[Span] | None = None,
    ) -> None:
        """Something of that kind, with the directories on the way. `size` is what is told, where that is not true.

        `spans` are the parts of a file that have data, where it has holes.
        """
        *way, name = split_path(path)
        folder = self._root
        for part in way:
            made = _Entry(msgspec.structs.replace(_FOLDER, name=part))
            folder = folder.inside.setdefault(part, made)
        facts = FileFacts(
            name=name,
            kind=kind,
            size=len(content) if size is None else size,
            mode=mode,
            uid=uid,
            gid=gid,
            modified_ns=modified_ns,
            device_number=device_number,
            inode=inode,
            links=links,
            allocated=-1 if spans is None else sum(span.size for span in spans),
        )
        folder.inside[name] = _Entry(facts, content, xattrs=xattrs, spans=spans)

    def deny(self, path: bytes) -> None:
        """Have reading what is there refused."""
        self.fail(path, file_paths.denied(path))

    def fail(self, path: bytes, fault: TargetError, *, after: int = 0) -> None:
        """Have reading what is there fail, once `after` bytes of it were given."""
        entry = self._find(path)
        entry.fault, entry.intact = fault, after

    def list(self, path: bytes, deadline: Deadline) -> list[FileFacts]:
        """What is in a directory."""
        deadline.remaining()
        entry = self._wanted(path, FileKind.DIRECTORY)
        _raise_fault(entry, 1)
        if len(entry.inside) > MOST_ENTRIES:
            raise file_paths.overflowing(path, MOST_ENTRIES)
        return [one.facts for one in entry.inside.values()]

    def list_names(
        self, paths: Sequence[bytes], limit: int, deadline: Deadline
    ) -> Sequence[Sequence[bytes] | TargetError]:
        """Up to `limit` names in each of many directories, or why one cannot be listed."""
        return one_by_one(paths, deadline, lambda path: [one.name for one in self.list(path, deadline)][:limit])

    def stat(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> FileFacts:
        """One file, directory or link."""
        deadline.remaining()
        return self._find(path, follow=follow).facts

    def read_link(self, path: bytes, deadline: Deadline) -> bytes:
        """Where a link points."""
        deadline.remaining()
        return self._wanted(path, FileKind.LINK).content

    def read_links(self, paths: Sequence[bytes], deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Where each of many links points, or why that cannot be told."""
        return one_by_one(paths, deadline, lambda path: self.read_link(path, deadline))

    def read_small(self, paths: Sequence[bytes], limit: int, deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Many small files, each up to `limit` bytes, or why one cannot be read."""
        return one_by_one(paths, deadline, lambda path: self.read_at(path, 0, limit, deadline))

    def read_at(self, path: bytes, offset: int, size: int, deadline: Deadline, *, follow: bool = False) -> bytes:
        """That many bytes from there on; fewer only at the end of the file."""
        check_range(path, offset, size)
        deadline.remaining()
        entry = self._wanted(path, FileKind.FILE, follow=follow)
        _raise_fault(entry, offset + size)
        return entry.content[offset : offset + size]

    def stream(self, path: bytes, deadline: Deadline, *, offset: int = 0, follow: bool = False) -> Iterator[memoryview]:
        """The file to its end as it then is."""
        check_range(path, offset)
        return self._stream(path, deadline, offset, follow)

    @contextlib.contextmanager
    def open_link(self, path: bytes, deadline: Deadline) -> "Iterator[MemoryFile]":
        """The regular file that a link leads to."""
        yield MemoryFile(self, path, self.stat(path, deadline, follow=True), follow=True)

    def is_in_memory(self, path: bytes, deadline: Deadline) -> bool | None:
        """Not told."""
        del path
        deadline.remaining()
        return None

    def folder(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> "MemoryFolder":
        """A folder to read a tree from."""
        deadline.remaining()
        if follow:
            self._wanted(path, FileKind.DIRECTORY, follow=True)
            return MemoryFolder(self, path)
        self._wanted(path, FileKind.DIRECTORY)
        return MemoryFolder(self, path)

    def xattrs_of(self, path: bytes) -> Mapping[bytes, bytes] | None:
        """What it has of extended attributes; None where it was not told."""
        return self._find(path).xattrs

    def spans_of(self, path: bytes, *, follow: bool = False) -> Sequence[Span]:
        """The parts of a file that have data."""
        entry = self._wanted(path, FileKind.FILE, follow=follow)
        if entry.spans is not None:
            return entry.spans
        return [Span(0, entry.facts.size)] if entry.facts.size else []

    def read_ranges(self, path: bytes, ranges: Iterable[tuple[int, int]], deadline: Deadline) -> Iterator[Part]:
        """Ranges of a file; what is put there to fail cannot be read from where it fails on, page by page."""
        entry = self._wanted(path, FileKind.FILE)
        for begin, size in ranges:
            offset, end, failed = begin, begin + size, 0
            while offset < end:
                deadline.remaining()
                limit = min(end, offset + PIECE, entry.intact if entry.fault else end)
                if piece := entry.content[offset:limit]:
                    yield Part(offset, memoryview(piece))
                    offset, failed = offset + len(piece), 0
                    continue
                failed += 1
                after = min(end, next_try(offset, failed)) if entry.fault else end
                yield Part(offset, memoryview(b""), after - offset, entry.fault.reason if entry.fault else ENDED)
                offset = after

    def _stream(self, path: bytes, deadline: Deadline, offset: int, follow: bool) -> Iterator[memoryview]:
        while True:
            deadline.remaining()
            entry = self._wanted(path, FileKind.FILE, follow=follow)
            _raise_fault(entry, offset + 1)
            end = min(offset + PIECE, entry.intact) if entry.fault else offset + PIECE
            if not (piece := entry.content[offset:end]):
                return
            yield memoryview(piece)
            offset += len(piece)

    def _wanted(self, path: bytes, wanted: FileKind, *, follow: bool = False) -> _Entry:
        entry = self._find(path, follow=follow)
        if entry.facts.kind is not wanted:
            raise file_paths.mistaken(path, entry.facts.kind, wanted)
        return entry

    def _find(self, path: bytes, *, follow: bool = False) -> _Entry:
        """What a path names; links on the way to it are followed, and the last one where that is wanted."""
        way, entry, links = split_path(path), self._root, 0
        trail: list[_Entry] = []
        while way:
            part = way.pop(0)
            if entry.facts.kind is not FileKind.DIRECTORY:
                raise file_paths.absent(path)
            if part == b"..":
                entry = trail.pop() if trail else entry
            elif part != b".":
                trail, entry = [*trail, entry], self._inside(entry, part, path)
            if entry.facts.kind is FileKind.LINK and (way or follow):
                links += 1
                if links > _MOST_LINKS:
                    raise TargetError(f"{show(path)}: links on the way go in a circle", Refusal.REFUSED)
                way = [*(one for one in entry.content.split(b"/") if one), *way]
                trail, entry = ([], self._root) if entry.content.startswith(b"/") else (trail[:-1], trail[-1])
        return entry

    def _inside(self, entry: _Entry, part: bytes, path: bytes) -> _Entry:
        if part not in entry.inside:
            raise file_paths.absent(path)
        return entry.inside[part]


class MemoryFolder:
    """A folder by its path."""

    def __init__(self, files: MemoryFiles, path: bytes) -> None:
        self._files, self._path = files, path.rstrip(b"/")

    @property
    def path(self) -> bytes:
        """Where it is."""
        return self._path or b"/"

    def batches(self, deadline: Deadline) -> Iterator[list[FileFacts]]:
        """What is in it, a few at a time."""
        listed = self._files.list(self.path, deadline)
        for begin in range(0, len(listed), _BATCH):
            yield listed[begin : begin + _BATCH]

    def own(self, deadline: Deadline) -> Looked:
        """The folder itself."""
        return Looked(facts=self._files.stat(self.path, deadline), xattrs=self._files.xattrs_of(self.path))

    def look(self, listed: Sequence[FileFacts], small: int, deadline: Deadline) -> Iterator[Looked]:
        """Each of these as it is now."""
        for one in listed:
            try:
                yield self._look(self._inside(one.name), small, deadline)
            except TargetError as error:
                yield Looked(facts=one, problem=error.reason)

    def _look(self, path: bytes, small: int, deadline: Deadline) -> Looked:
        facts, xattrs = self._files.stat(path, deadline), self._files.xattrs_of(path)
        if facts.kind is FileKind.LINK:
            return Looked(facts=facts, link=self._files.read_link(path, deadline), xattrs=xattrs)
        if facts.kind is FileKind.FILE and facts.size <= small:
            content = self._files.read_at(path, 0, small + 1, deadline)
            return Looked(facts=facts, content=content if len(content) == facts.size else None, xattrs=xattrs)
        return Looked(facts=facts, xattrs=xattrs)

    @contextlib.contextmanager
    def open(self, name: bytes, deadline: Deadline) -> "Iterator[MemoryFile]":
        """A regular file in it."""
        path = self._inside(name)
        yield MemoryFile(self._files, path, self._files.stat(path, deadline))

    def enter(self, name: bytes, deadline: Deadline, *, across: Collection[int] = ()) -> "MemoryFolder":
        """A folder in it."""
        return self._files.folder(self._inside(name), deadline)

    def close(self) -> None:
        """Nothing: it was not held."""

    def _inside(self, name: bytes) -> bytes:
        return self._path + b"/" + name


class MemoryFile(FileByPath[MemoryFiles]):
    """A regular file by its path. Raises TargetError where it is none."""

    def spans(self, deadline: Deadline) -> Sequence[Span]:
        """The parts that have data."""
        deadline.remaining()
        return self._files.spans_of(self._path, follow=self._follow)


def _raise_fault(entry: _Entry, reached: int) -> None:
    if entry.fault is not None and reached > entry.intact:
        raise entry.fault
