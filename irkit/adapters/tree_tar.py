"""A tree of a host's files as evidence: one tar with what can be stored, and a line of JSON for every name.

Links are kept and never followed, special files told and never opened, sparse files stored by their data. Names are
kept byte for byte. What could not be read is in its line, and makes the items partial; so does what a bound left out.
How a tar header is written is `tar_write`'s concern; what a line holds, `tree_entry`'s; the way, `tree_walk`'s.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from irkit.adapters import tar_write
from irkit.adapters.file_kinds import START, mime_of
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.tree_content import Reading, has_grown
from irkit.adapters.tree_entry import TreeEntry, entry_of, text_of
from irkit.adapters.tree_walk import Met
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, EvidenceFile, FileFacts, FileKind, HostFile, Intake, Looked, Span

SMALL: Final = 64 * 1024
"""Bytes of a file that is read at once."""
_BUFFER: Final = 256 * 1024
_SECOND: Final = 10**9
_EXECUTABLE: Final = 0o111
_TAR_KINDS: Final = {
    FileKind.FILE: tar_write.FILE,
    FileKind.DIRECTORY: tar_write.FOLDER,
    FileKind.LINK: tar_write.LINK,
    FileKind.FIFO: tar_write.FIFO,
    FileKind.CHARACTER_DEVICE: tar_write.CHARACTER,
    FileKind.BLOCK_DEVICE: tar_write.DEVICE,
}


@dataclass
class Counts:
    """What a tree came to. `left_out` and `problems` count names, with the first reason of each.

    `bytes` are of contents in the tar, `seen` of all there were, `shared` of those that are in the image.
    """

    entries: int = 0
    files: int = 0
    bytes: int = 0
    seen: int = 0
    shared: int = 0
    left_out: int = 0
    problems: int = 0
    grown: int = 0
    why_left_out: str = ""
    first_problem: str = ""

    @property
    def partial(self) -> str:
        """Why the tree is not whole, or empty."""
        parts = []
        if self.left_out:
            parts.append(f"the content of {self.left_out} files is left out: {self.why_left_out}")
        if self.problems:
            parts.append(f"{self.problems} names could not be read: {self.first_problem}")
        return "; ".join(parts)


class Known(Protocol):
    """The contents that the bundle has already: those of the image's layers."""

    def may_have(self, size: int) -> bool:
        """Whether one of that size is there."""
        ...

    def find(self, sha256: str) -> tuple[str, int, int] | None:
        """Layer, offset and size of the one with that digest."""
        ...


@dataclass
class TreeTar:
    """Takes in what a walk meets, and writes it into two items.

    `limit` bounds the bytes of content in all; without `reads`, none is read. What `image` has is not stored again.
    """

    tar: EvidenceFile
    index: EvidenceFile
    limit: int
    reads: bool = True
    image: Known | None = None
    counts: Counts = field(default_factory=Counts)
    _position: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _lines: bytearray = field(default_factory=bytearray)
    _first: dict[tuple[int, int], tuple[bytes, TreeEntry]] = field(default_factory=dict)
    _encoder: msgspec.json.Encoder = field(default_factory=msgspec.json.Encoder)

    def add(self, met: Met, deadline: Deadline, *, change: str = "", opaque: bool = False) -> TreeEntry:
        """Store one name. Raises TargetError where the host cannot be asked any more, and StorageError."""
        entry = entry_of(met.path, met.looked, change=change, opaque=opaque)
        entry.engine_told, entry.note = list(met.told.what), met.told.note
        facts = met.looked.facts
        if facts.kind is FileKind.FILE and not met.looked.problem:
            self._add_file(met, entry, deadline)
        elif facts.kind in _TAR_KINDS and facts.kind is not FileKind.FILE and not met.again:
            self._put_header(entry, _member(met.path, facts, met.looked.link, met.looked.xattrs))
        self.put(entry)
        return entry

    def add_link(
        self, path: bytes, facts: FileFacts, to: bytes, *, change: str = "", first: TreeEntry | None = None
    ) -> None:
        """Store one more name of a file that has another one, `first`, as an archive tells of it."""
        entry = entry_of(path, Looked(facts=facts), change=change)
        self._put_link(path, entry, facts, to)
        if first is not None:
            _copy_content(entry, first)
        self.put(entry)

    def add_bare(self, met: Met, *, why: str, change: str = "") -> None:
        """List a name whose content is not here to be had, which is no loss."""
        entry = entry_of(met.path, met.looked, change=change)
        entry.note = why
        self.put(entry)

    def put(self, entry: TreeEntry) -> None:
        """A line of the index."""
        counts = self.counts
        counts.entries += 1
        if entry.problem:
            counts.problems += 1
            counts.first_problem = counts.first_problem or entry.problem
        if entry.left_out:
            counts.left_out += 1
            counts.why_left_out = counts.why_left_out or entry.left_out
        self._lines += self._encoder.encode(entry)
        self._lines += b"\n"
        if len(self._lines) >= _BUFFER:
            self._flush_lines()

    def finish(self, partial: str = "") -> str:
        """End both items; what is said to be missing of them, or empty."""
        self._write(tar_write.END)
        self._flush()
        self._flush_lines()
        reason = "; ".join(filter(None, (partial, self.counts.partial)))
        if self.counts.grown:
            self.tar.warn(f"{self.counts.grown} files grew while they were read: each is kept as long as it had been")
        self.index.finish(reason)
        self.tar.finish(reason)
        return reason

    def flush(self) -> None:
        """Pass on what waits, so that it is kept should the reading fail."""
        self._flush()
        self._flush_lines()

    # Files.

    def _add_file(self, met: Met, entry: TreeEntry, deadline: Deadline) -> None:
        facts, content = met.looked.facts, met.looked.content
        known = self._first.get((facts.device, facts.inode)) if facts.inode and facts.links > 1 else None
        if known is not None:
            path, first = known
            self._put_link(met.path, entry, facts, path)
            _copy_content(entry, first)
            return
        self.counts.files += 1
        entry.executable = bool(facts.mode & _EXECUTABLE)
        if not self.reads:
            self.counts.seen += facts.size
        elif content is not None:
            if not self._is_known(entry, len(content), lambda: [content]) and self._has_room(len(content), entry):
                self._add_small(met, entry, content)
        else:
            try:
                with met.folder.open(facts.name, deadline) as file:
                    whole = Span(0, file.facts.size)
                    if not self._is_known(entry, whole.size, lambda: file.read(whole, deadline)):
                        self._add_large(met, entry, file, deadline)
            except TargetError as error:
                check_is_answer(error)
                entry.problem = error.reason
        if facts.inode and facts.links > 1 and entry.offset is not None:
            self._first[facts.device, facts.inode] = (met.path, entry)

    def _put_link(self, path: bytes, entry: TreeEntry, facts: FileFacts, to: bytes) -> None:
        entry.type = "hardlink"
        entry.link, entry.link_b64 = text_of(to)
        member = tar_write.Entry(
            path, tar_write.HARD_LINK, facts.mode, facts.uid, facts.gid, modified_ns=facts.modified_ns, link=to
        )
        self._put_header(entry, member)

    def _add_small(self, met: Met, entry: TreeEntry, content: bytes) -> None:
        entry.sha256 = hashlib.sha256(content).hexdigest()
        entry.mime = mime_of(content[:START])
        self._put_header(entry, _member(met.path, met.looked.facts, b"", met.looked.xattrs, size=len(content)))
        self._write(content)
        self._write(tar_write.padding(len(content)))

    def _add_large(self, met: Met, entry: TreeEntry, file: HostFile, deadline: Deadline) -> None:
        """A file by its data, as large as it was when it was opened: what it grows by is not waited for."""
        facts, spans = _as_told(met, file.facts), file.spans(deadline)
        size = sum(span.size for span in spans)
        entry.size = facts.size
        if not self._has_room(size, entry):
            return
        is_sparse = size < facts.size
        entry.data_size = size if is_sparse else None
        member = _member(
            met.path, facts, b"", met.looked.xattrs, size=size, spans=spans if is_sparse else None, whole=facts.size
        )
        holes = self._put_header(entry, member)
        reading = Reading(file, self._write)
        for span in spans:
            reading.take(span, deadline)
        found = reading.end(facts.size)
        self._write(tar_write.padding(size + holes))
        entry.grew = not found.problem and has_grown(file, deadline)
        self.counts.grown += entry.grew
        entry.sha256, entry.sha256_data, entry.mime = found.sha256, found.sha256_data, mime_of(found.start)
        entry.problem, entry.truncated = found.problem, bool(found.problem)

    def _is_known(self, entry: TreeEntry, size: int, read: Callable[[], Iterable[bytes | memoryview]]) -> bool:
        """Whether the image has that content, which is read for its digest only where it may."""
        if self.image is None or not self.image.may_have(size):
            return False
        digest, start, count = hashlib.sha256(), b"", 0
        for piece in read():
            digest.update(piece)
            start = start or bytes(piece[:START])
            count += len(piece)
        place = self.image.find(digest.hexdigest()) if count == size else None
        if place is None:
            return False
        entry.in_image, entry.sha256, entry.mime = place, digest.hexdigest(), mime_of(start)
        self.counts.seen += size
        self.counts.shared += size
        return True

    def _has_room(self, size: int, entry: TreeEntry) -> bool:
        self.counts.seen += size
        if self.counts.bytes + size > self.limit:
            entry.left_out = f"more than the {self.limit} bytes asked for"
            return False
        self.counts.bytes += size
        return True

    # Writing.

    def _put_header(self, entry: TreeEntry, member: tar_write.Entry) -> int:
        """The headers of a member; how many bytes of a map follow them."""
        entry.offset = self._position
        block, holes = tar_write.headers(member)
        self._write(block)
        entry.data = self._position - holes
        return holes

    def _write(self, data: bytes | memoryview) -> None:
        self._position += len(data)
        if len(data) >= _BUFFER:
            self._flush()
            self.tar.write(data)
            return
        self._buffer += data
        if len(self._buffer) >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        if self._buffer:
            self.tar.write(self._buffer)
            self._buffer.clear()

    def _flush_lines(self) -> None:
        if self._lines:
            self.index.write(self._lines)
            self._lines.clear()


def _as_told(met: Met, opened: FileFacts) -> FileFacts:
    """A file as it was opened, with the time that was told of it elsewhere where it is still of that second."""
    told = met.looked.facts.modified_ns
    if met.told.what and told - told % _SECOND == opened.modified_ns:
        return msgspec.structs.replace(opened, modified_ns=told)
    return opened


def _copy_content(entry: TreeEntry, first: TreeEntry) -> None:
    entry.size, entry.sha256, entry.mime, entry.executable = first.size, first.sha256, first.mime, first.executable


def open_tree(intake: Intake, tar: str, index: str, *, source: str, limit: int, reads: bool = True) -> TreeTar:
    """The two items of a tree, begun."""
    written = intake.open(tar, source=source, compress=True)
    return TreeTar(written, intake.open(index, source=f"made from {source}", compress=True), limit, reads)


def _member(
    path: bytes,
    facts: FileFacts,
    link: bytes,
    xattrs: Mapping[bytes, bytes] | None,
    *,
    size: int = 0,
    spans: Sequence[Span] | None = None,
    whole: int = 0,
) -> tar_write.Entry:
    is_folder = facts.kind is FileKind.DIRECTORY
    return tar_write.Entry(
        path + b"/" if is_folder else path,
        _TAR_KINDS[facts.kind],
        facts.mode,
        facts.uid,
        facts.gid,
        size,
        facts.modified_ns,
        facts.accessed_ns,
        facts.changed_ns,
        link,
        facts.device_number,
        xattrs or {},
        spans,
        whole,
    )
