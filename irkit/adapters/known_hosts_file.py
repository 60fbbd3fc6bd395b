"""A known_hosts file as its lines, read as sshd(8) describes it under SSH_KNOWN_HOSTS FILE FORMAT.

What the lines mean for a host is left to `known_hosts`.
"""

import base64
import binascii
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from irkit.adapters.known_hosts_names import Names, parse_names
from irkit.adapters.ssh_certificate import parse_host_key
from irkit.adapters.ssh_key_blob import KeyFormatError, PublicKey, type_of_algorithm
from irkit.core.text import safe

FILE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of a file that is read; of a larger one nothing is."""
LINE_LIMIT: Final = 64 * 1024
_NOTES: Final = 5
_BLANKS: Final = re.compile(rb"[ \t]+")


class Marker(StrEnum):
    """What a line says of its key."""

    KEY = ""  # it is the host's
    AUTHORITY = "@cert-authority"  # it may sign certificates for the host
    REVOKED = "@revoked"  # it must not be trusted


@dataclass(frozen=True, slots=True)
class Line:
    """A line that could be read: where it stands (`file:line`), which hosts it is about, and the key."""

    where: str
    marker: Marker
    names: Names
    key: PublicKey


class _BrokenLineError(Exception):
    """Why a line cannot be used."""


def read_known_hosts(path: Path) -> tuple[list[Line], list[str]]:
    """The lines of a file, and what the responder must know of what could not be read. A missing file has none."""
    name = safe(path, 200)
    try:
        content = _read(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "the path cannot be used"
        return [], [f"{name}: cannot be read ({reason}): what it knows and what it revokes does not count"]
    lines: list[Line] = []
    broken: list[tuple[bool, str]] = []
    for number, text in enumerate(content.split(b"\n"), 1):
        where = f"{name}:{number}"
        try:
            lines.extend(_parse_line(text.strip(b" \t\r"), where))
        except _BrokenLineError as error:
            broken.append((Marker.REVOKED.encode() in text, f"{where}: {error}; the line does not count"))
    return lines, list(_choose_notes(broken, name))


def _read(path: Path) -> bytes:
    """Raises OSError and ValueError. Links are followed, as ssh does; nothing is waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            if os.path.samestat(os.fstat(descriptor), Path(os.devnull).stat()):
                return b""  # how one says that there shall be no file
            raise OSError(0, "not a regular file")
        content = file.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        raise OSError(0, f"more than {FILE_LIMIT} bytes")
    return content


def _choose_notes(broken: list[tuple[bool, str]], name: str) -> Iterator[str]:
    """The first few, and all of those by which something was to be revoked."""
    kept = [note for n, (is_revocation, note) in enumerate(broken) if n < _NOTES or is_revocation]
    yield from kept
    if len(broken) > len(kept):
        yield f"{name}: {len(broken) - len(kept)} more lines cannot be read and do not count"


def _parse_line(text: bytes, where: str) -> Iterator[Line]:
    if not text or text.startswith(b"#"):
        return
    if len(text) > LINE_LIMIT or b"\0" in text:
        raise _BrokenLineError("it is too long or holds a NUL")
    words = _BLANKS.split(text, maxsplit=4)
    marker = _parse_marker(words)
    if len(words) < 3:  # noqa: PLR2004 - names, type, key
        raise _BrokenLineError("it has no names, no key type or no key")
    names = parse_names(words[0])
    if names is None:
        raise _BrokenLineError("its hashed name cannot be read")
    yield Line(where, marker, names, _parse_key(words[1], words[2], marker))


def _parse_marker(words: list[bytes]) -> Marker:
    """What the line says of its key; what says it is taken off."""
    if not words[0].startswith(b"@"):
        return Marker.KEY
    word = words.pop(0)
    if word not in (Marker.AUTHORITY.encode(), Marker.REVOKED.encode()):
        raise _BrokenLineError(f"{safe(word.decode('utf-8', 'replace'), 40)} is no marker that is known")
    return Marker(word.decode("ascii"))


def _parse_key(key_type: bytes, encoded: bytes, marker: Marker) -> PublicKey:
    try:
        blob = base64.b64decode(encoded, validate=True)
        key, certificate = parse_host_key(blob)
    except binascii.Error:
        raise _BrokenLineError("its key is not whole") from None
    except KeyFormatError as error:
        raise _BrokenLineError(f"its key cannot be used: {error}") from None
    found = certificate.type if certificate else key.type
    if type_of_algorithm(key_type.decode("ascii", "replace")) != found:
        raise _BrokenLineError("its key is of another type than it says")
    if certificate and marker is not Marker.REVOKED:
        raise _BrokenLineError("it holds a certificate in place of a key")
    return key
