"""Which hosts a line of a known_hosts file is about: patterns, or one name that was hashed. After sshd(8)."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Final, Protocol

from irkit.adapters.ssh_pattern import WILD, matches_list

DEFAULT_PORT: Final = 22
_HASHED: Final = b"|"
_SALT: Final = 20  # bytes: what SHA-1 yields
_PARTS: Final = 3  # the number of the hash, the salt, the hash


class Names(Protocol):
    """The hosts that a line is about."""

    def include(self, name: bytes) -> bool:
        """Whether a name is one of them; it is as `lookup_name` makes it."""


@dataclass(frozen=True, slots=True)
class HashedName:
    """One name, of which the file holds an HMAC-SHA1 only."""

    salt: bytes
    digest: bytes

    def include(self, name: bytes) -> bool:
        return hmac.digest(self.salt, name, "sha1") == self.digest


@dataclass(frozen=True, slots=True)
class PlainNames:
    """Names as they stand, none of them with wildcards."""

    names: frozenset[bytes]

    def include(self, name: bytes) -> bool:
        return name in self.names


@dataclass(frozen=True, slots=True)
class NamePatterns:
    """Names with wildcards, or with some that are denied."""

    patterns: tuple[bytes, ...]

    def include(self, name: bytes) -> bool:
        return matches_list(name, self.patterns)


def lookup_name(name: str, port: int) -> bytes:
    """What ssh looks up for a host: its name in small letters, with the port where that is not the usual one."""
    text = name if port == DEFAULT_PORT else f"[{name}]:{port}"
    return text.encode("utf-8", "backslashreplace").lower()


def parse_names(field: bytes) -> Names | None:
    """The hosts that the first field of a line names; None where it is hashed in a way that is not known."""
    if field.startswith(_HASHED):
        return _parse_hashed(field)
    names = tuple(field.lower().split(b","))
    return NamePatterns(names) if WILD & set(field) else PlainNames(frozenset(names))


def _parse_hashed(field: bytes) -> HashedName | None:
    parts = field[1:].split(_HASHED)
    if len(parts) != _PARTS or parts[0] != b"1":
        return None
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[1:])
    except binascii.Error:
        return None
    return HashedName(salt, digest) if len(salt) == len(digest) == _SALT else None


def hash_name(name: bytes, salt: bytes) -> str:
    """The field of a line that is about that name and does not show it, made with 20 random bytes."""
    digest = hmac.digest(salt, name, "sha1")
    return "|".join(("", "1", *(base64.b64encode(part).decode("ascii") for part in (salt, digest))))
