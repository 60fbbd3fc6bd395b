"""The content of one file on its way into an archive: digests with and without its holes, and how it begins."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from irkit.adapters.file_kinds import START
from irkit.adapters.host_side import check_is_answer
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, HostFile, Span

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

_MOST_ZEROS: Final = 1 << 30
"""Bytes of holes in a file up to which its digest counts them in: a second's work."""
_ZEROS: Final = bytes(1 << 20)


@dataclass
class Content:
    """What came of a file's content."""

    sha256: str = ""
    sha256_data: str = ""
    start: bytes = b""
    problem: str = ""


def has_grown(file: HostFile, deadline: Deadline) -> bool:
    """Whether there is more of a file by now than when it was opened."""
    try:
        return any(len(piece) for piece in file.read(Span(file.facts.size, 1), deadline))
    except TargetError as error:
        check_is_answer(error)
        return False


class Reading:
    """Reads a file span by span and passes its data on. What cannot be read is filled with zeros, and said."""

    def __init__(self, file: HostFile, write: Callable[[memoryview], None]) -> None:
        self._file, self._write = file, write
        self._found = Content()
        self._at = self._zeros = 0
        self._all: Digest | None = hashlib.sha256()
        self._data: Digest = hashlib.sha256()
        self._is_sparse = False

    def take(self, span: Span, deadline: Deadline) -> None:
        """The bytes of the next span."""
        self._skip(span.offset)
        left = span.size
        try:
            for piece in self._file.read(span, deadline):
                self._put(piece)
                left -= len(piece)
        except TargetError as error:
            check_is_answer(error)
            self._found.problem = self._found.problem or error.reason
        if left:
            self._found.problem = self._found.problem or f"it was cut while it was read: zeros stand for {left} bytes"
        while left:
            count = min(left, len(_ZEROS))
            self._put(memoryview(_ZEROS)[:count])
            left -= count

    def end(self, whole: int) -> Content:
        """How it went, with a file of so many bytes in all."""
        self._skip(whole)
        found = self._found
        if not found.problem:
            found.sha256 = self._all.hexdigest() if self._all is not None else ""
            found.sha256_data = self._data.hexdigest() if self._is_sparse else ""
        return found

    def _put(self, piece: memoryview) -> None:
        if len(self._found.start) < START:
            self._found.start += bytes(piece[: START - len(self._found.start)])
        if self._all is not None:
            self._all.update(piece)
        if self._is_sparse:
            self._data.update(piece)
        self._at += len(piece)
        self._write(piece)

    def _skip(self, to: int) -> None:
        """A hole up to there."""
        hole = to - self._at
        if hole <= 0:
            return
        if not self._is_sparse:
            self._is_sparse = True
            if self._all is not None and self._at:
                self._data = self._all.copy()
        self._zeros += hole
        if self._zeros > _MOST_ZEROS:
            self._all = None
        start = self._found.start
        self._found.start = start + bytes(min(hole, START - len(start)))
        while hole and self._all is not None:
            count = min(hole, len(_ZEROS))
            self._all.update(memoryview(_ZEROS)[:count])
            hole -= count
        self._at = to
