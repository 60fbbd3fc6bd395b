"""Compressed items: zstd in independent frames of 4 MiB with a seek table, so that any part can be read by itself.

`zstd -d` reads the result as it is. Who compresses what, and when, is the evidence file's concern.
"""

import io
import struct
import sys
import threading
from array import array
from typing import IO, Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FRAME: Final = 4 << 20
VERSION: Final = zstd.zstd_version
NAME: Final = "zstd"
SUFFIX: Final = ".zst"
_SKIPPABLE: Final = 0x184D2A5E
_SEEKABLE: Final = 0x8F92EAB1
# What no frame of ours needs more of: a hostile one could ask for much memory.
_WINDOW_LOG: Final = 23
_FOREIGN_WINDOW_LOG: Final = 27
Decompressor = zstd.ZstdDecompressor
UNREADABLE: Final = (zstd.ZstdError, EOFError)
_HEADER: Final = struct.Struct("<II")
_FOOTER: Final = struct.Struct("<IBI")
_kept = threading.local()


def compress_frame(data: bytes | memoryview, level: int) -> bytes:
    """One frame, with its content size. The same bytes come out in any thread."""
    # A compressor's tables take longer to set up than to clear: each thread keeps its latest.
    if getattr(_kept, "level", None) != level:
        _kept.level, _kept.compressor = level, zstd.ZstdCompressor(level)
    compressor: zstd.ZstdCompressor = _kept.compressor
    return compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)


class SeekTable:
    """Sizes of the frames, stored and source, as the last (skippable) frame of a file."""

    def __init__(self) -> None:
        self._sizes = array("I")

    def __len__(self) -> int:
        return len(self._sizes) // 2

    def add(self, stored: int, source: int) -> None:
        """Note the next frame."""
        self._sizes.append(stored)
        self._sizes.append(source)

    def render(self) -> bytes:
        """The table in the zstd seekable format."""
        sizes = array("I", self._sizes)
        if sys.byteorder == "big":
            sizes.byteswap()
        entries = sizes.tobytes()
        footer = _FOOTER.pack(len(self), 0, _SEEKABLE)
        return _HEADER.pack(_SKIPPABLE, len(entries) + len(footer)) + entries + footer


def open_frames(file: IO[bytes]) -> io.BufferedIOBase:
    """The source bytes of a compressed file. Reading raises one of UNREADABLE where they are torn or no zstd."""
    return zstd.ZstdFile(file, options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


def decompressor() -> Decompressor:
    """What unpacks a foreign stream piece by piece, in bounded memory. Raises one of UNREADABLE as it goes."""
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _FOREIGN_WINDOW_LOG})
