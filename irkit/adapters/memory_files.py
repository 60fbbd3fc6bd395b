"""The files of a host in memory, for tests: as strict as the real ones, with faults where they are put.

The contract suite of `HostFiles` runs against this, the local file system and a real SFTP server.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from irkit.adapters import file_paths
from irkit.adapters.file_paths import MOST_ENTRIES, check_range, show, split_path
from irkit.adapters.host_side import one_by_one
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind

PIECE = 4096
"""Bytes that a stream gives at a time: few, so that small files come in many pieces."""
_MOST_LINKS = 40
_FOLDER = FileFacts(name=b"/", kind=FileKind.DIRECTORY, size=0, mode=0o755, uid=0, gid=0, modified_ns=0)


@dataclass
class _Entry:
    facts: FileFacts
    content: bytes = b""  # of a link: where it points
    inside: dict[bytes, "_Entry"] = field(default_factory=dict)
    fault: TargetError | None = None
    intact: int = 0


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
    ) -> None:
        """Something of that kind, with the directories on the way. `size` is what is told, where that is not true."""
        *way, name = split_path(path)
        folder = self._root
        for part in way:
            made = _Entry(
                FileFacts(name=part, kind=FileKind.DIRECTORY, size=0, mode=0o755, uid=0, gid=0, modified_ns=0)
            )
            folder = folder.inside.setdefault(part, made)
        facts = FileFacts(
            name=name,
            kind=kind,
            size=len(content) if size is None else size,
            mode=mode,
            uid=uid,
            gid=gid,
            modified_ns=modified_ns,
        )
        folder.inside[name] = _Entry(facts, content)

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

    def stat(self, path: bytes, deadline: Deadline) -> FileFacts:
        """One file, directory or link."""
        deadline.remaining()
        return self._find(path).facts

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

    def read_at(self, path: bytes, offset: int, size: int, deadline: Deadline) -> bytes:
        """That many bytes from there on; fewer only at the end of the file."""
        check_range(path, offset, size)
        deadline.remaining()
        entry = self._wanted(path, FileKind.FILE)
        _raise_fault(entry, offset + size)
        return entry.content[offset : offset + size]

    def stream(self, path: bytes, deadline: Deadline, *, offset: int = 0) -> Iterator[memoryview]:
        """The file to its end as it then is."""
        check_range(path, offset)
        return self._stream(path, deadline, offset)

    def _stream(self, path: bytes, deadline: Deadline, offset: int) -> Iterator[memoryview]:
        while True:
            deadline.remaining()
            entry = self._wanted(path, FileKind.FILE)
            _raise_fault(entry, offset + 1)
            end = min(offset + PIECE, entry.intact) if entry.fault else offset + PIECE
            if not (piece := entry.content[offset:end]):
                return
            yield memoryview(piece)
            offset += len(piece)

    def _wanted(self, path: bytes, wanted: FileKind) -> _Entry:
        entry = self._find(path)
        if entry.facts.kind is not wanted:
            raise file_paths.mistaken(path, entry.facts.kind, wanted)
        return entry

    def _find(self, path: bytes) -> _Entry:
        """What a path names; links on the way to it are followed."""
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
            if entry.facts.kind is FileKind.LINK and way:
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


def _raise_fault(entry: _Entry, reached: int) -> None:
    if entry.fault is not None and reached > entry.intact:
        raise entry.fault
