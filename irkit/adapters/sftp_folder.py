"""A folder of a host seen over SFTP, for reading a tree from it.

The protocol holds nothing but open files: paths are looked up anew for each request, and a link that somebody puts on
the way meanwhile is followed by the host. What is to be read is looked at right before. Extended attributes, device
numbers, inodes and holes are not told.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from irkit.adapters.file_by_path import FileByPath
from irkit.adapters.file_paths import mistaken
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, Looked, Span

if TYPE_CHECKING:
    from irkit.adapters.sftp_files import SftpFiles

_BATCH: Final = 64
"""Names that are looked at, and then read, at a time: the fewer, the sooner one is read once it was looked at."""


class SftpFolder:
    """A folder by its path."""

    def __init__(self, files: "SftpFiles", path: bytes) -> None:
        self._files, self._path = files, path.rstrip(b"/")

    @property
    def path(self) -> bytes:
        """Where it is."""
        return self._path or b"/"

    def batches(self, deadline: Deadline) -> Iterator[list[FileFacts]]:
        """What is in it."""
        yield self._files.list(self.path, deadline)

    def own(self, deadline: Deadline) -> Looked:
        """The folder itself."""
        return Looked(facts=self._files.stat(self.path, deadline))

    def look(self, listed: Sequence[FileFacts], small: int, deadline: Deadline) -> Iterator[Looked]:
        """Each of these as it is now, many under way at once."""
        for begin in range(0, len(listed), _BATCH):
            yield from self._look(listed[begin : begin + _BATCH], small, deadline)

    def _look(self, listed: Sequence[FileFacts], small: int, deadline: Deadline) -> Iterator[Looked]:
        found = self._files.stats([self._inside(one.name) for one in listed], deadline)
        there = [one for one in found if isinstance(one, FileFacts)]
        links = [one.name for one in there if one.kind is FileKind.LINK]
        files = [one.name for one in there if one.kind is FileKind.FILE and one.size <= small]
        read: dict[bytes, bytes | TargetError] = {}
        read.update(zip(links, self._files.read_links([self._inside(one) for one in links], deadline), strict=True))
        inside = [self._inside(one) for one in files]
        read.update(zip(files, self._files.read_small(inside, small + 1, deadline), strict=True))
        for one, facts in zip(listed, found, strict=True):
            if isinstance(facts, TargetError):
                yield Looked(facts=one, problem=facts.reason)
            else:
                yield _looked(facts, read.get(facts.name))

    @contextlib.contextmanager
    def open(self, name: bytes, deadline: Deadline) -> "Iterator[SftpFile]":
        """A regular file in it; no handle is kept between reads."""
        path = self._inside(name)
        yield SftpFile(self._files, path, self._files.stat(path, deadline))

    def enter(self, name: bytes, deadline: Deadline, *, across: Collection[int] = ()) -> "SftpFolder":
        """A folder in it."""
        path = self._inside(name)
        facts = self._files.stat(path, deadline)
        if facts.kind is not FileKind.DIRECTORY:
            raise mistaken(path, facts.kind, FileKind.DIRECTORY)
        return SftpFolder(self._files, path)

    def close(self) -> None:
        """Nothing: it was not held."""

    def _inside(self, name: bytes) -> bytes:
        return self._path + b"/" + name


class SftpFile(FileByPath["SftpFiles"]):
    """A regular file by its path. Raises TargetError where it is none."""

    def spans(self, deadline: Deadline) -> Sequence[Span]:
        """The whole of it: holes are not told."""
        deadline.remaining()
        return [Span(0, self._facts.size)] if self._facts.size else []


def _looked(facts: FileFacts, read: bytes | TargetError | None) -> Looked:
    if isinstance(read, TargetError):
        return Looked(facts=facts, problem=read.reason)
    if facts.kind is FileKind.LINK:
        return Looked(facts=facts, link=read or b"")
    return Looked(facts=facts, content=read if read is not None and len(read) == facts.size else None)
