"""Tar headers as irkit writes them: PAX, names as raw bytes, times to the nanosecond, attributes, and holes.

Sparse files are in GNU's form 1.0, which GNU tar, bsdtar and Python read. What is put where is `tree_tar`'s concern.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from irkit.core.ports import Span

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
"""What stands at the end of an archive."""
FILE, HARD_LINK, LINK, CHARACTER, DEVICE, FOLDER, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_NAME: Final = 100
_SMALL: Final = 0o7777777
_LARGE: Final = 0o77777777777
_SECOND: Final = 10**9
_BLANKS: Final = b" " * 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A member. `size` are the bytes that follow; of a file with holes, `spans` says where they belong in `whole`."""

    path: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int = 0
    modified_ns: int = 0
    accessed_ns: int = 0
    changed_ns: int = 0
    link: bytes = b""
    device: int = 0
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)
    spans: Sequence[Span] | None = None
    whole: int = 0


def headers(entry: Entry) -> tuple[bytes, int]:
    """All that stands before a member's own bytes, and how many of these bytes the archive counts as content before
    them: the map of a file with holes."""
    path, size, holes = entry.path, entry.size, b""
    records: list[tuple[bytes, bytes]] = []
    if entry.spans is not None:
        holes = _map(entry.spans, entry.whole)
        size += len(holes)
        records += [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", path)]
        records.append((b"GNU.sparse.realsize", b"%d" % entry.whole))
        folder, _, name = path.rpartition(b"/")
        path = b"/".join(filter(None, (folder, b"GNUSparseFile.0", name)))
    if len(path) > _NAME:
        records.append((b"path", path))
    if len(entry.link) > _NAME:
        records.append((b"linkpath", entry.link))
    records += _numbers(entry, size) + _times(entry)
    records += [(b"SCHILY.xattr." + _keyword(name), value) for name, value in entry.xattrs.items()]
    return (_pax(records) if records else b"") + _header(entry, path, size) + holes, len(holes)


def padding(size: int) -> bytes:
    """What follows content of that many bytes."""
    return bytes(-size % BLOCK)


def _keyword(name: bytes) -> bytes:
    """The name of an attribute as GNU tar writes it, and reads it: a `=` would end the key of a record."""
    return name.replace(b"%", b"%25").replace(b"=", b"%3D")


def _map(spans: Sequence[Span], whole: int) -> bytes:
    """Where the data of a sparse file belongs, in whole blocks; a last hole is told by an empty part at the end."""
    parts = [(span.offset, span.size) for span in spans]
    if not parts or sum(parts[-1]) < whole:
        parts.append((whole, 0))
    text = b"%d\n" % len(parts) + b"".join(b"%d\n%d\n" % part for part in parts)
    return text + padding(len(text))


def _numbers(entry: Entry, size: int) -> list[tuple[bytes, bytes]]:
    """What is too large for a field of the header."""
    found = [(b"uid", entry.uid, _SMALL), (b"gid", entry.gid, _SMALL), (b"size", size, _LARGE)]
    return [(key, b"%d" % value) for key, value, most in found if value > most]


def _times(entry: Entry) -> list[tuple[bytes, bytes]]:
    times = [(b"atime", entry.accessed_ns), (b"ctime", entry.changed_ns)]
    found = [(key, _decimal(value)) for key, value in times if value]
    if entry.modified_ns % _SECOND or not 0 <= entry.modified_ns // _SECOND <= _LARGE:
        found.append((b"mtime", _decimal(entry.modified_ns)))
    return found


def _decimal(nanoseconds: int) -> bytes:
    seconds, rest = divmod(abs(nanoseconds), _SECOND)
    sign = b"-" if nanoseconds < 0 else b""
    return sign + (b"%d.%09d" % (seconds, rest) if rest else b"%d" % seconds)


def _pax(records: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(_record(key, value) for key, value in records)
    head = _block(b"PaxHeaders/irkit", b"x", 0o644, 0, 0, len(body), 0, b"", 0)
    return head + body + padding(len(body))


def _record(key: bytes, value: bytes) -> bytes:
    """A record, whose length counts its own digits."""
    length = len(key) + len(value) + 3
    total = length + len(str(length))
    if len(str(total)) > len(str(length)):
        total = length + len(str(total))
    return b"%d %b=%b\n" % (total, key, value)


def _header(entry: Entry, path: bytes, size: int) -> bytes:
    seconds = min(max(entry.modified_ns // _SECOND, 0), _LARGE)
    return _block(path, entry.kind, entry.mode, entry.uid, entry.gid, size, seconds, entry.link, entry.device)


def _block(
    path: bytes, kind: bytes, mode: int, uid: int, gid: int, size: int, seconds: int, link: bytes, device: int
) -> bytes:
    before = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        path[:_NAME].ljust(_NAME, b"\0"), mode & 0o7777, min(uid, _SMALL), min(gid, _SMALL), min(size, _LARGE), seconds,
    )  # fmt: skip
    major, minor = (os.major(device), os.minor(device)) if device else (0, 0)
    after = b"%b%bustar\x0000%64b%07o\0%07o\0" % (
        kind, link[:_NAME].ljust(_NAME, b"\0"), b"\0" * 64, min(major, _SMALL), min(minor, _SMALL),
    )  # fmt: skip
    total = sum(before) + sum(_BLANKS) + sum(after)
    return (before + b"%06o\0 " % total + after).ljust(BLOCK, b"\0")
