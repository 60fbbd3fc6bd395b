"""The index of a layer's files, made while the layer passes, packed (gzip, zstd) or not: nothing of it is kept.

What a layer claims is not believed: unpacking is bounded, and what cannot be unpacked ends the index alone.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from irkit.adapters import zstd_frames
from irkit.adapters.image_digests import MOST, WORTH
from irkit.adapters.tar_index import TarIndex

TAR, GZIP, ZSTD, JSON, OTHER = "tar", "tar.gz", "tar.zstd", "json", "bin"
"""Kinds of content, as ends of names. Not `.zst`: that is the end of what irkit itself has compressed."""
ENOUGH: Final = 512
"""Bytes of a content by which its kind is told."""
_MAGICS: Final = ((b"\x1f\x8b", GZIP), (b"\x28\xb5\x2f\xfd", ZSTD), (b"{", JSON), (b"[", JSON))
_USTAR: Final = slice(257, 262)
_PIECE: Final = 1 << 20
_MOST_UNPACKED: Final = 1 << 40
_GZIP_WINDOW: Final = 31


def kind_of(start: bytes) -> str:
    """What a content is, by its first bytes."""
    found = next((kind for magic, kind in _MAGICS if start.startswith(magic)), "")
    is_tar = start[_USTAR] == b"ustar" or (len(start) >= ENOUGH and not start.strip(b"\0"))
    return found or (TAR if is_tar else OTHER)


class _Stream(Protocol):
    """What unpacks one stream, as zlib's objects and zstd's do. `unused_data` is what came after the stream's end."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class _Kind(NamedTuple):
    """A kind of packing: what begins a stream, and what has it unpack more, in bounded pieces."""

    begin: Callable[[], _Stream]
    unpack: Callable[[Any, bytes], Iterator[bytes]]


def _gunzip(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    while True:
        piece = stream.decompress(data, _PIECE)
        yield piece
        data = stream.unconsumed_tail
        if stream.eof or (not data and len(piece) < _PIECE):
            return


def _unpack_zstd(stream: zstd_frames.Decompressor, data: bytes) -> Iterator[bytes]:
    yield stream.decompress(data, _PIECE)
    while not stream.eof and not stream.needs_input:
        yield stream.decompress(b"", _PIECE)


_PACKED: Final = {
    GZIP: _Kind(lambda: zlib.decompressobj(_GZIP_WINDOW), _gunzip),
    ZSTD: _Kind(zstd_frames.decompressor, _unpack_zstd),
}


class _Line(msgspec.Struct):
    """What is needed here of a line of the index."""

    type: str
    size: int
    data: int
    sha256: str = ""


class LayerIndex:
    """Takes in a layer of that kind; lines of the index go to `emit`."""

    def __init__(self, kind: str, emit: Callable[[bytes], Any]) -> None:
        self._emit = emit
        self._packed = _PACKED.get(kind)
        self._stream: _Stream | None = None
        self._tar = TarIndex(self._take_lines)
        self._decoder = msgspec.json.Decoder(_Line)
        self._digest = hashlib.sha256() if self._packed else None
        self._unpacked = 0
        self._problem = ""
        self.contents: list[tuple[bytes, int, int]] = []
        """Digest, offset and size of every file that is worth a reference."""

    @property
    def diff_id(self) -> str:
        """The SHA-256 of the layer unpacked; empty where it was not packed, or could not be unpacked to its end."""
        return self._digest.hexdigest() if self._digest and not self._problem else ""

    def feed(self, data: bytes | memoryview) -> None:
        """Take in the next bytes. Raises only what `emit` raises."""
        if self._packed is None:
            self._tar.feed(data)
            return
        if self._problem:
            return
        try:
            for piece in self._pieces(bytes(data)):
                if not self._take(piece):
                    break
        except (zlib.error, *zstd_frames.UNREADABLE) as error:
            self._problem = f"it cannot be unpacked: {error}"

    def _take(self, piece: bytes) -> bool:
        """Whether it may go on."""
        self._unpacked += len(piece)
        if self._unpacked > _MOST_UNPACKED:
            self._problem = f"more than {_MOST_UNPACKED} bytes unpacked"
            return False
        if self._digest is not None:
            self._digest.update(piece)
        self._tar.feed(piece)
        return True

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """What the bytes unpack to, in bounded pieces; one stream may follow another."""
        while data and self._packed is not None:
            if self._stream is None or self._stream.eof:
                self._stream = self._packed.begin()
            yield from self._packed.unpack(self._stream, data)
            data = self._stream.unused_data if self._stream.eof else b""

    def close(self) -> tuple[int, str]:
        """It is over: how many files were listed, and why they are not all, or empty."""
        summary = self._tar.close()
        cut = "" if summary.ended else "it ends before its end mark"
        return summary.entries, self._problem or summary.problem or cut

    def _take_lines(self, lines: bytes) -> None:
        self._emit(lines)
        for line in lines.splitlines():
            one = self._decoder.decode(line)
            is_worth = one.type == "file" and one.size >= WORTH and one.sha256
            if is_worth and len(self.contents) < MOST:
                self.contents.append((bytes.fromhex(one.sha256), one.data, one.size))
