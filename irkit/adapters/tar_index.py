"""An index of a tar stream as it passes: a line of JSON for each member, with digest and place; nothing is unpacked.

Bytes are pushed in, in pieces of any size; memory does not depend on what the stream claims. What can't be read ends
the index and is told by its summary: it never raises, and storing the stream goes on. How fields are written is
`tar_fields`' concern, and what they say of a member `tar_member`'s.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from irkit.adapters.tar_fields import BLOCK, Header, read_header, read_pax, text_of
from irkit.adapters.tar_member import WITHOUT_DATA, Member, apply_pax, member_of, type_of

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

_RECORD_LIMIT: Final = 1 << 20
_PATH_LIMIT: Final = 1 << 16
_SIZE_LIMIT: Final = 1 << 53
_MOST_ENTRIES: Final = 20_000_000
_MOST_WARNINGS: Final = 20
_MOST_GLOBALS: Final = 1000
_GLOBALS_LIMIT: Final = 4096
"""Bytes of global PAX records: what they say stands in the line of every member."""
_BATCH: Final = 256
_BATCH_SIZE: Final = 1 << 20
"""Lines that wait for others, in number and bytes."""
_ZEROS: Final = bytes(BLOCK)
_NOTHING: Final = hashlib.sha256().hexdigest()


class IndexSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How it went. `problem` says why the index stops early; `ended` that the archive's own end mark was seen."""

    entries: int
    bytes: int
    ended: bool
    problem: str
    warnings: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether all of the archive was there and is in the index."""
        return self.ended and not self.problem


class Part(Protocol):
    """Where the content of one member goes, if anywhere by itself."""

    def write(self, data: memoryview, /) -> None: ...

    def end(self) -> None:
        """All of it has come."""
        ...


class TarIndex:
    """A push parser. Without `emit` it makes no lines and no digests, and only follows the stream to its end.

    `route` is asked for each file with content whether that goes somewhere by itself; all else of the stream goes to
    `rest`, so that both together are the stream. `met` is given each member once the stream is past it.
    """

    def __init__(
        self,
        emit: Callable[[bytes], None] | None,
        *,
        route: Callable[[Member], Part | None] | None = None,
        rest: Callable[[memoryview], None] | None = None,
        met: Callable[[Member], None] | None = None,
    ) -> None:
        self._emit, self._route, self._rest, self._met = emit, route, rest, met
        self._content: Part | None = None  # of the member whose content the stream is in
        self._step = self._take_header
        self._part = bytearray()  # what came of a header or record that is not all there yet
        self._position = 0  # of what follows in the stream
        self._left = 0  # of the content or padding that the stream is in
        self._padding = 0
        self._wanted = 0
        self._first: int | None = None  # where the first of a member's headers began
        self._kind = b""
        self._pax: list[tuple[bytes, bytes]] = []
        self._pending = 0  # bytes of records that wait for their member
        self._globals: dict[bytes, bytes] = {}
        self._long: dict[bytes, bytes] = {}
        self._member: Member | None = None
        self._digest: Digest | None = None
        self._zero_blocks = 0
        self._ended = self._warned_of_rest = False
        self._entries = 0
        self._problem = ""
        self._warnings: list[str] = []
        self._lines: list[bytes] = []
        self._waiting = 0  # bytes of these
        self._encoder = msgspec.json.Encoder()

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take in the next bytes of the stream. Raises only what `emit` raises."""
        with memoryview(data) as view:
            at, size = 0, len(view)
            rest = self._rest
            while at < size:
                content = self._content  # the step may end it
                taken = self._step(view, at)
                if rest is not None and content is None:
                    rest(view[at : at + taken])
                at += taken

    def close(self) -> IndexSummary:
        """The stream is over: how it went."""
        if self._member is not None:
            self._member.truncated = True
            self._put(self._member)
            self._member = None
        self._flush()
        return IndexSummary(
            entries=self._entries,
            bytes=self._position,
            ended=self._ended,
            problem=self._problem,
            warnings=tuple(self._warnings),
        )

    # Steps: each takes some of the view from `at` on, and says how much.

    def _take_header(self, view: memoryview, at: int) -> int:
        taken = min(BLOCK - len(self._part), len(view) - at)
        if taken == BLOCK:
            block = bytes(view[at : at + BLOCK])
        else:
            self._part += view[at : at + taken]
            if len(self._part) < BLOCK:
                self._position += taken
                return taken
            block = bytes(self._part)
            self._part.clear()
        self._position += taken
        self._read_block(block)
        return taken

    def _take_record(self, view: memoryview, at: int) -> int:
        taken = min(self._wanted - len(self._part), len(view) - at)
        self._part += view[at : at + taken]
        self._position += taken
        if len(self._part) == self._wanted:
            record = bytes(self._part)
            self._part.clear()
            self._skip(-self._wanted % BLOCK)
            self._read_record(record)
        return taken

    def _take_data(self, view: memoryview, at: int) -> int:
        taken = min(self._left, len(view) - at)
        self._position += taken
        self._left -= taken
        if self._emit is not None:
            piece = view[at : at + taken]
            # Most files pass in one piece: one call for their digest.
            if self._digest is None:
                self._digest = hashlib.sha256(piece)
            else:
                self._digest.update(piece)
        if self._content is not None:
            self._content.write(view[at : at + taken])
        if self._left == 0:
            self._end_member(self._digest.hexdigest() if self._digest is not None else "")
            self._skip(self._padding)
        return taken

    def _take_skipped(self, view: memoryview, at: int) -> int:
        taken = min(self._left, len(view) - at)
        self._position += taken
        self._left -= taken
        if self._left == 0:
            self._step = self._take_header
        return taken

    def _take_sparse_map(self, view: memoryview, at: int) -> int:
        """Further blocks of an old GNU sparse map: their last but 8th byte says whether another follows."""
        taken = min(BLOCK - len(self._part), len(view) - at)
        self._part += view[at : at + taken]
        self._position += taken
        if len(self._part) == BLOCK:
            more = self._part[504]
            self._part.clear()
            if not more and self._member is not None:
                self._member.data = self._position
                self._begin_data(self._member)
        return taken

    def _take_rest(self, view: memoryview, at: int) -> int:
        taken = len(view) - at
        if self._ended and not self._warned_of_rest and bytes(view[at:]).strip(b"\0"):
            self._warned_of_rest = True
            self._warn(f"there is more after the end of the archive, from byte {self._position} on")
        self._position += taken
        return taken

    # What the steps found.

    def _read_block(self, block: bytes) -> None:
        if block == _ZEROS:
            self._zero_blocks += 1
            if self._zero_blocks == 2:  # noqa: PLR2004 - two blocks of zeros are the end mark
                self._ended, self._step = True, self._take_rest
            return
        place = self._position - BLOCK
        if self._zero_blocks:
            self._warn(f"a lone block of zeros before byte {place}")
            self._zero_blocks = 0
        header = read_header(block)
        if header is None:
            self._stop(f"no valid header at byte {place}")
        elif header.size is None or not 0 <= header.size <= _SIZE_LIMIT:
            self._stop(f"an impossible size at byte {place}")
        else:
            if self._first is None and header.kind != b"g":
                self._first = place
            self._read_kind(header, header.size, block)

    def _read_kind(self, header: Header, size: int, block: bytes) -> None:
        if header.kind not in b"xXgLK":
            self._begin_member(header, size, block)
        elif self._pending + size > _RECORD_LIMIT:
            self._warn(f"a record of {size} bytes at byte {self._position}: not read")
            self._skip(size + -size % BLOCK)
        elif size:
            self._kind, self._wanted, self._step = header.kind, size, self._take_record
            self._pending += 0 if header.kind == b"g" else size

    def _read_record(self, record: bytes) -> None:
        if self._kind in b"LK":
            self._long[self._kind] = text_of(record)
            return
        try:
            pairs = read_pax(record)
        except ValueError as error:
            self._warn(f"a PAX record before byte {self._position} can't be read: {error}")
            return
        if self._kind != b"g":
            self._pax += pairs
            return
        told = {**self._globals, **dict(pairs)}
        if len(told) <= _MOST_GLOBALS and sum(len(key) + len(value) for key, value in told.items()) <= _GLOBALS_LIMIT:
            self._globals = told
        else:
            self._warn(f"too many global PAX values before byte {self._position}: not read")

    def _begin_member(self, header: Header, size: int, block: bytes) -> None:
        values = {**self._globals, **dict(self._pax)} if self._pax or self._globals else {}
        if b"size" in values:
            claimed = values[b"size"]
            size = int(claimed) if claimed.isdigit() and len(claimed) <= 20 else -1  # noqa: PLR2004
            if not 0 <= size <= _SIZE_LIMIT:
                self._stop(f"an impossible size before byte {self._position}")
                return
        self._entries += 1
        if self._entries > _MOST_ENTRIES:
            self._stop(f"more than {_MOST_ENTRIES} entries")
            return
        member = self._member_of(header, size, values)
        self._first, self._pending, self._pax, self._long = None, 0, [], {}
        self._member = member
        if header.kind == b"S" and block[482]:
            self._step = self._take_sparse_map
        else:
            self._begin_data(member)

    def _begin_data(self, member: Member) -> None:
        size = 0 if member.type in WITHOUT_DATA else member.size
        self._padding = -size % BLOCK
        self._left, self._digest = size, None
        if size:
            self._step = self._take_data
            if self._route is not None and member.type == "file":
                self._content = self._route(member)
        else:
            self._step = self._take_header
            self._end_member(_NOTHING)

    def _end_member(self, digest: str) -> None:
        member, self._member = self._member, None
        content, self._content = self._content, None
        if content is not None:
            content.end()
        if member is not None:
            if member.type == "file":
                member.sha256 = digest
            self._put(member)

    def _skip(self, size: int) -> None:
        self._left = size
        self._step = self._take_skipped if size else self._take_header

    def _stop(self, problem: str) -> None:
        self._problem = problem
        self._step = self._take_rest

    def _warn(self, text: str) -> None:
        if len(self._warnings) < _MOST_WARNINGS:
            self._warnings.append(text)

    # Lines.

    def _member_of(self, header: Header, size: int, values: dict[bytes, bytes]) -> Member:
        path = self._long.get(b"L") or values.get(b"path") or header.path
        link = self._long.get(b"K") or values.get(b"linkpath") or header.link
        kind = type_of(header, size, path)
        path, link = self._cut(path), self._cut(link)
        member = member_of(header, size, kind, path, link, offset=self._first or 0, data=self._position)
        if values:
            apply_pax(member, values, self._pax)
        return member

    def _cut(self, name: bytes) -> bytes:
        if len(name) > _PATH_LIMIT:
            self._warn(f"a name of {len(name)} bytes before byte {self._position}: cut")
        return name[:_PATH_LIMIT]

    def _put(self, member: Member) -> None:
        if self._met is not None:
            self._met(member)
        if self._emit is None:
            return
        line = self._encoder.encode(member)
        self._lines.append(line)
        self._waiting += len(line)
        if len(self._lines) >= _BATCH or self._waiting >= _BATCH_SIZE:
            self._flush()

    def _flush(self) -> None:
        if self._lines and self._emit is not None:
            self._lines.append(b"")
            self._emit(b"\n".join(self._lines))
        self._lines.clear()
        self._waiting = 0
