"""The members of an engine's archive, as what a walk through the files themselves would have met.

The archive is the engine's own work, in the form its language writes; names in it are the container's.
"""

import os
import tarfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final, NamedTuple

from irkit.adapters.engine_http import Answer
from irkit.adapters.tree_tar import SMALL
from irkit.adapters.tree_walk import Met
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFolder, Looked, Span

_PIECE: Final = 1 << 20
_START: Final = 2048
"""Bytes that are read at a time where the headers alone are wanted."""
_MOST_HEADERS: Final = 1 << 20
_SECOND: Final = 10**9
_XATTR: Final = "SCHILY.xattr."
_KINDS: Final = {
    tarfile.REGTYPE: FileKind.FILE,
    tarfile.AREGTYPE: FileKind.FILE,
    tarfile.LNKTYPE: FileKind.FILE,
    tarfile.SYMTYPE: FileKind.LINK,
    tarfile.DIRTYPE: FileKind.DIRECTORY,
    tarfile.FIFOTYPE: FileKind.FIFO,
    tarfile.CHRTYPE: FileKind.CHARACTER_DEVICE,
    tarfile.BLKTYPE: FileKind.BLOCK_DEVICE,
}


class Member(NamedTuple):
    """A member; one that is one more name of another has that one's path as `hard_link`."""

    path: bytes
    looked: Looked
    met: Met
    hard_link: bytes = b""


class Members:
    """Reads an archive, up to `most` bytes of it; `taken` are those read, `is_cut` says that there were more."""

    def __init__(self, answer: Answer, most: int) -> None:
        self._answer, self._most = answer, most
        self.taken = 0
        self.is_cut = False

    def each(self, above: bytes) -> Iterator[Member]:
        """The members in order, their paths below `above`. Raises TargetError, TarError."""
        body: Any = self
        with tarfile.open(fileobj=body, mode="r|", encoding="utf-8", errors="surrogateescape", bufsize=_PIECE) as tar:
            kept: Any = tar
            while (one := self._next(tar)) is not None:
                yield _member(tar, one, above)
                kept.members.clear()  # it would keep them all

    def _next(self, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
        try:
            return tar.next()
        except _EnoughError:
            self.is_cut = True
            return None

    def read(self, size: int) -> bytes:
        """The next bytes, for tarfile."""
        if self.taken > self._most:
            raise _EnoughError
        data = self._answer.read_start(size)
        self.taken += len(data)
        return data


def look_at_first(answer: Answer) -> Looked | None:
    """What the headers of an archive's first member say of it, without its content; None where there is none.

    Raises TargetError.
    """
    body: Any = Members(answer, _MOST_HEADERS)
    try:
        with tarfile.open(fileobj=body, mode="r|", encoding="utf-8", errors="surrogateescape", bufsize=_START) as tar:
            one = tar.next()
            return None if one is None else Looked(facts=_facts(one, b""), link=_raw(one.linkname), xattrs=_xattrs(one))
    except (tarfile.TarError, _EnoughError) as error:
        raise TargetError(f"the engine's archive cannot be read: {error}", Refusal.GARBLED) from error


class _EnoughError(Exception):
    """More was sent than is wanted."""


def _member(tar: tarfile.TarFile, one: tarfile.TarInfo, above: bytes) -> Member:
    path = above + _raw(one.name).strip(b"/")
    facts = _facts(one, path.rpartition(b"/")[2])
    content: bytes | None = None
    held = tar.extractfile(one) if one.isreg() else None
    if held is not None and one.size <= SMALL:
        content = held.read()
        if len(content) != one.size:
            raise tarfile.ReadError("unexpected end of data")
    link = _raw(one.linkname) if one.issym() else b""
    looked = Looked(facts=facts, link=link, content=content, xattrs=_xattrs(one))
    hard_link = above + _raw(one.linkname).strip(b"/") if one.islnk() else b""
    return Member(path, looked, Met(path, looked, _Only(path, facts, held)), hard_link)


def _facts(one: tarfile.TarInfo, name: bytes) -> FileFacts:
    return FileFacts(
        name=name,
        kind=_KINDS.get(one.type, FileKind.OTHER),
        size=one.size if one.isreg() else 0,
        mode=one.mode & 0o7777,
        uid=one.uid,
        gid=one.gid,
        modified_ns=_nanoseconds(one.pax_headers.get("mtime", ""), one.mtime),
        device_number=os.makedev(one.devmajor, one.devminor) if one.isdev() and not one.isfifo() else 0,
    )


def _xattrs(one: tarfile.TarInfo) -> dict[bytes, bytes]:
    records = one.pax_headers.items()
    return {_raw(key.removeprefix(_XATTR)): _raw(value) for key, value in records if key.startswith(_XATTR)}


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _nanoseconds(exact: str, seconds: float) -> int:
    whole, _, rest = exact.partition(".")
    if whole.isdecimal() and len(whole) < 20 and (not rest or rest.isdecimal()):  # noqa: PLR2004 - a sane length
        return int(whole) * _SECOND + int(rest[:9].ljust(9, "0"))
    return int(seconds) * _SECOND


class _Only:
    """The one file of an archive that is being read, as if it were in a folder."""

    def __init__(self, path: bytes, facts: FileFacts, held: IO[bytes] | None) -> None:
        self._path, self._facts, self._held = path, facts, held

    @property
    def path(self) -> bytes:
        return self._path.rpartition(b"/")[0]

    @property
    def facts(self) -> FileFacts:
        return self._facts

    def batches(self, deadline: Deadline) -> Iterator[list[FileFacts]]:
        yield [self._facts]

    def own(self, deadline: Deadline) -> Looked:
        raise TargetError("it is in an archive", Refusal.UNSUPPORTED)

    def look(self, listed: Sequence[FileFacts], small: int, deadline: Deadline) -> Iterator[Looked]:
        raise TargetError("it is in an archive", Refusal.UNSUPPORTED)

    @contextmanager
    def open(self, name: bytes, deadline: Deadline) -> Iterator["_Only"]:
        yield self

    def enter(self, name: bytes, deadline: Deadline, *, across: Collection[int] = ()) -> HostFolder:
        raise TargetError("it is in an archive", Refusal.UNSUPPORTED)

    def close(self) -> None:
        """Nothing."""

    def spans(self, deadline: Deadline) -> Sequence[Span]:
        return [Span(0, self._facts.size)] if self._facts.size else []

    def read(self, span: Span, deadline: Deadline) -> Iterator[memoryview]:
        left = span.size
        while left and self._held is not None and (piece := self._held.read(min(left, _PIECE))):
            yield memoryview(piece)
            left -= len(piece)
