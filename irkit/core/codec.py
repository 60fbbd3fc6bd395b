"""Values to bytes and back: canonical JSON (RFC 8785) for what is hashed, msgspec for what is read.

Raises `ValueError` for what does not decode; callers say which file and line.
"""

import hashlib
import re
from typing import Any, Final, TypeVar

import msgspec
import rfc8785

from irkit.core.events import Record

FIRST_PREVIOUS: Final = "0" * 64
T = TypeVar("T")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: object) -> Any:
    """A value as lists, dicts, numbers and text; text that is no valid Unicode gets U+FFFD for what is wrong."""
    return _clean(msgspec.to_builtins(value))


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value if value.isascii() else _LONE_SURROGATE.sub("\ufffd", value)
        case dict():
            return {_clean(key): _clean(item) for key, item in value.items()}
        case list() | tuple():
            return [_clean(item) for item in value]
        case _:
            return value


def canonical(value: object) -> bytes:
    """A value as one canonical line of JSON, without its LF. Raises ValueError for a number that JSON cannot hold."""
    return rfc8785.dumps(plain(value))


def pretty(value: object) -> bytes:
    """A value as indented JSON for people, keys sorted, with a final LF."""
    return msgspec.json.format(msgspec.json.encode(plain(value), order="sorted"), indent=2) + b"\n"


def decode(line: bytes, kind: type[T]) -> T:
    """The value of that type in a piece of JSON. Raises ValueError."""
    return msgspec.json.decode(line, type=kind)


def encode_record(record: Record) -> bytes:
    """A record as its line in the log, with its LF."""
    return canonical(record) + b"\n"


def line_digest(line: bytes) -> str:
    """The digest by which the next line refers to this one: SHA-256 of the raw line with its LF."""
    return hashlib.sha256(line).hexdigest()
