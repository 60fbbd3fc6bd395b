"""What a file is by how it begins, and what its extended attributes say in words. Bytes in, words out; never an error.

The table is of what responders look for in a container's changes. Whoever made the file chose its first bytes: a kind
is a lead, and no proof.
"""

import struct
from typing import Final

from irkit.core.capabilities import names_of

START: Final = 4096
"""Bytes that are looked at."""
UNKNOWN: Final = "application/octet-stream"
_TAR_MAGIC: Final = slice(257, 262)
_ELF_KINDS: Final = {1: "x-object", 2: "x-executable", 3: "x-pie-executable", 4: "x-coredump"}
_MAGIC: Final = (
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\xfe\xed\xfa", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
    (b"\0asm", "application/wasm"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"!<arch>\n", "application/x-archive"),
    (b"%PDF-", "application/pdf"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\xd4\xc3\xb2\xa1", "application/vnd.tcpdump.pcap"),
    (b"\xa1\xb2\xc3\xd4", "application/vnd.tcpdump.pcap"),
    (b"\x0a\x0d\x0d\x0a", "application/x-pcapng"),
    (b"-----BEGIN ", "application/x-pem-file"),
    (b"<?php", "text/x-php"),
    (b"<?xml", "text/xml"),
)
_BY_FIRST: Final = {
    first: [(magic, kind) for magic, kind in _MAGIC if magic[0] == first] for first in {one[0][0] for one in _MAGIC}
}
_INTERPRETERS: Final = (
    (b"python", "text/x-script.python"),
    (b"perl", "text/x-script.perl"),
    (b"ruby", "text/x-script.ruby"),
    (b"php", "text/x-php"),
    (b"node", "text/javascript"),
    (b"sh", "text/x-shellscript"),
)
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b"))
_CAPABILITY_WORDS: Final = {1: 1, 2: 2, 3: 2}
"""Words of 32 bits that each version of the attribute has of a set."""
_EFFECTIVE: Final = 1


def mime_of(start: bytes) -> str:
    """The MIME kind of a file that begins so."""
    if not start:
        return "inode/x-empty"
    if start.startswith(b"\x7fELF"):
        return _elf_kind(start)
    for magic, kind in _BY_FIRST.get(start[0], ()):
        if start.startswith(magic):
            return kind
    if start.startswith(b"#!"):
        return _script_kind(start)
    if start[_TAR_MAGIC] == b"ustar":
        return "application/x-tar"
    return _text_kind(start)


def _elf_kind(start: bytes) -> str:
    """A library and a position-independent program are told apart by nothing near the start: both are the latter."""
    if len(start) < 18:  # noqa: PLR2004 - where the field ends
        return "application/x-elf"
    kind = int.from_bytes(start[16:18], "big" if start[5] == 2 else "little")  # noqa: PLR2004 - ELFDATA2MSB
    return f"application/{_ELF_KINDS.get(kind, 'x-elf')}"


def _script_kind(start: bytes) -> str:
    line = start[2:200].partition(b"\n")[0]
    words = [word.rpartition(b"/")[2] for word in line.split()]
    name = next((word for word in words if word != b"env" and not word.startswith(b"-")), b"")
    return next((kind for part, kind in _INTERPRETERS if part in name), "text/x-script")


def _text_kind(start: bytes) -> str:
    if start.translate(None, _CONTROLS) != start:
        return UNKNOWN
    try:
        start.decode()
    except UnicodeDecodeError as error:
        # A letter may be cut at the end of what was looked at.
        if error.start < len(start) - 3 or error.reason != "unexpected end of data":
            return UNKNOWN
    return "text/x-php" if b"<?php" in start else "text/plain"


def capabilities_of(raw: bytes) -> str:
    """The file capabilities in `security.capability`, as getcap writes them; in hexadecimal where they are none."""
    try:
        (head,) = struct.unpack_from("<I", raw)
        version = head >> 24
        words = _CAPABILITY_WORDS[version]
        sets = struct.unpack_from(f"<{2 * words}I", raw, 4)
        root = struct.unpack_from("<I", raw, 20)[0] if version == 3 else 0  # noqa: PLR2004 - the one with an owner
    except (struct.error, KeyError):
        return f"not decoded: {raw[:64].hex()}"
    permitted = sum(word << 32 * number for number, word in enumerate(sets[::2]))
    inheritable = sum(word << 32 * number for number, word in enumerate(sets[1::2]))
    effective = "e" if head & _EFFECTIVE else ""
    parts = [
        f"{','.join(names_of(mask))}={effective}{flags}"
        for mask, flags in (
            (permitted & inheritable, "ip"),
            (permitted & ~inheritable, "p"),
            (inheritable & ~permitted, "i"),
        )
        if mask
    ]
    return " ".join(parts or ["="]) + (f" [rootid={root}]" if root else "")
