"""The fields of tar headers and PAX records: text, numbers and names, as POSIX, GNU tar and the rest write them.

Where headers lie in a stream is `tar_index`' concern.
"""

import struct
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

BLOCK: Final = 512
_FIELDS: Final = struct.Struct("100s24s12s12s8sc100s8s64s16s155s12x")
_POSIX_MAGIC: Final = b"ustar\x00"
_CHECKSUM: Final = 148
_BLANKS: Final = b" " * 8
_ADLER_PRIME: Final = 65521
_LENGTH_DIGITS: Final = 8


class Header(NamedTuple):
    """A header as it stands, before PAX records and long names replace parts of it. None: not a number."""

    kind: bytes
    path: bytes
    link: bytes
    size: int | None
    mtime: int | None
    owner: tuple[int | None, int | None, int | None]
    names: tuple[str, str]
    device: tuple[int | None, int | None] | None


def text_of(field: bytes) -> bytes:
    """The text in a field: up to its first NUL."""
    return field.partition(b"\0")[0]


def number_of(field: bytes) -> int | None:
    """An octal number, or a base-256 one of any sign; None for what is neither. An empty field is 0."""
    if field[0] & 0x80:
        bits = 8 * len(field) - 1
        value = int.from_bytes(field, "big") & ((1 << bits) - 1)
        return value - (1 << bits) if value >> (bits - 1) else value
    digits = field.partition(b"\0")[0].strip()
    if not digits:
        return 0
    try:
        return int(digits, 8)
    except ValueError:
        return None


def read_header(block: bytes) -> Header | None:
    """The header in a block, or None where its checksum shows that it is none."""
    path, owner, size, mtime, checksum, kind, link, magic, names, device, prefix = _FIELDS.unpack(block)
    if not _is_sum(block, _number_again(checksum)):
        return None
    path = text_of(path)
    # In GNU headers other things stand where POSIX has the prefix.
    if prefix[0] and magic[:6] == _POSIX_MAGIC:
        path = text_of(prefix) + b"/" + path
    return Header(
        kind,
        path,
        text_of(link) if link[0] else b"",
        number_of(size),
        _number_again(mtime),
        _owner(owner),
        _names(names),
        (number_of(device[:8]), number_of(device[8:])) if kind in b"34" else None,
    )


# Most members have the same few owners, modes and times, and a hundred thousand of them have to go by in a second.


_number_again: Final = lru_cache(1024)(number_of)


@lru_cache(1024)
def _owner(field: bytes) -> tuple[int | None, int | None, int | None]:
    return number_of(field[:8]), number_of(field[8:16]), number_of(field[16:])


@lru_cache(1024)
def _names(field: bytes) -> tuple[str, str]:
    uname, gname = text_of(field[:32]), text_of(field[32:])
    return uname.decode("utf-8", "backslashreplace"), gname.decode("utf-8", "backslashreplace")


def _is_sum(block: bytes, claimed: int | None) -> bool:
    """Whether that is the sum of a header's bytes, with blanks where it stands itself."""
    if claimed is None:
        return False
    before, after = block[:_CHECKSUM], block[_CHECKSUM + len(_BLANKS) :]
    # The low half of an Adler-32 is that sum and one, modulo a prime that no damage comes in multiples of.
    adler = zlib.adler32(after, zlib.adler32(_BLANKS, zlib.adler32(before)))
    if adler & 0xFFFF == (claimed + 1) % _ADLER_PRIME:
        return True
    # Some old tars took bytes to be signed.
    signed = sum(byte - 256 if byte > 127 else byte for byte in before + _BLANKS + after)  # noqa: PLR2004
    return signed == claimed


def read_pax(data: bytes) -> list[tuple[bytes, bytes]]:
    """Keys and values of a PAX record, in order. Raises ValueError for what is none."""
    pairs: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(data) and data[at]:
        space = data.find(b" ", at, at + _LENGTH_DIGITS + 1)
        length = data[at:space] if space > at else b""
        if not length.isdigit():
            raise ValueError("no length")
        end = at + int(length)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end > len(data) or not equals or data[end - 1 : end] != b"\n":
            raise ValueError("its lengths do not fit")
        pairs.append((key, value))
        at = end
    return pairs
