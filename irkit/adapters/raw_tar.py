"""A tar archive of small files as they were read, under names of irkit's own; nothing in it is a link or a device.

Any tar reads it; a responder who unpacks it gets plain files in folders and nothing that leads elsewhere.
"""

from typing import Final

from irkit.core.ports import EvidenceFile

_BLOCK: Final = 512
_HEAD: Final = 148
"""Bytes of a header before its checksum."""
_MOST_IN_NAME: Final = 100
_ZEROS: Final = bytes(_BLOCK)
_GATHER: Final = 256 * 1024
_REST: Final = (b"0".ljust(101, b"\0") + b"ustar\x0000").ljust(_BLOCK - _HEAD - 8, b"\0")
_SUM_OF_REST: Final = sum(_REST) + 8 * 32
"""What the checksum counts beside the head: a blank for each of its own eight characters."""


class RawTar:
    """Writes files to an item, one after the other. Raises StorageError."""

    def __init__(self, out: EvidenceFile) -> None:
        self._out = out
        self._waiting = bytearray()
        self.files = self.bytes = 0

    def add(self, name: str, content: bytes, *, mtime: int = 0) -> None:
        """A file; `name` is plain ASCII of at most 100 characters, `mtime` seconds since 1970."""
        self._waiting += _header(name.encode("ascii"), len(content), mtime)
        self._waiting += content
        self._waiting += _ZEROS[: -len(content) % _BLOCK]
        self.files, self.bytes = self.files + 1, self.bytes + len(content)
        if len(self._waiting) >= _GATHER:
            self._flush()

    def end(self) -> None:
        """The archive's end mark."""
        self._waiting += _ZEROS * 2
        self._flush()

    def _flush(self) -> None:
        self._out.write(self._waiting)
        self._waiting = bytearray()


def _header(name: bytes, size: int, mtime: int) -> bytes:
    if not 0 < len(name) <= _MOST_IN_NAME or size >= 1 << 33:
        raise ValueError(f"no member of a tar: {name!r} of {size} bytes")
    head = b"%b0000400\x000000000\x000000000\0%011o\0%011o\0" % (name.ljust(_MOST_IN_NAME, b"\0"), size, mtime)
    return b"%b%06o\0 %b" % (head, sum(head) + _SUM_OF_REST, _REST)
