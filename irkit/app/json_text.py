"""The text of an item as lines to read: JSON is laid out anew, all else is as it stands.

JSON is laid out by its own signs, without being taken apart: numbers, escapes and names told twice stay as they are.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Final

import msgspec

_TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\],:]|[^\s"{}\[\],:]++', re.DOTALL)
_FIT: Final = 72
"""Characters of a list or an object that stay on one line."""
_SHORT: Final = 120
"""Characters of a record that stay on one line, in a file of many."""
_DEEPEST: Final = 40
_TRUNCATED: Final = "truncated"


def readable_lines(name: str, data: bytes) -> Iterator[str]:
    """The lines of an item of that name; each is made as it is asked for. U+FFFD stands for what is no UTF-8."""
    if name.endswith(".json") and is_json(data):
        yield from json_lines(data.decode("utf-8", "replace"))
        return
    is_many = name.endswith(".jsonl")
    for line in text_lines(data):
        if is_many and len(line) > _SHORT and is_json(line.encode("utf-8", "replace")):
            yield from json_lines(line)
        else:
            yield line


def text_lines(data: bytes) -> Iterator[str]:
    """Bytes as lines of text, with U+FFFD for what is no UTF-8; none is made before it is asked for."""
    for line in io.BytesIO(data):
        yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")


def is_json(data: bytes) -> bool:
    """Whether it is one list or object, or the beginning of one."""
    if data.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return _TRUNCATED in str(error)
    except (UnicodeDecodeError, RecursionError):
        return False
    return True


def json_lines(text: str) -> Iterator[str]:
    """JSON a value a line, indented; what is short stays together. What is no JSON loses its blanks alone."""
    depth, line, at = 0, "", 0
    while found := _TOKEN.search(text, at):
        sign, at = found[0], found.end()
        if sign in "{[":
            together, after = _together(text, found.start())
            if together:
                line, at = line + together, after
                continue
            yield _indented(depth, line + sign)
            depth, line = depth + 1, ""
        elif sign in "}]":
            if line:
                yield _indented(depth, line)
            depth, line = max(0, depth - 1), sign
        elif sign == ",":
            yield _indented(depth, line + sign)
            line = ""
        else:
            line += f"{sign} " if sign == ":" else sign
    if line:
        yield _indented(depth, line)


def _indented(depth: int, line: str) -> str:
    return "  " * min(depth, _DEEPEST) + line


def _together(text: str, start: int) -> tuple[str, int]:
    """A list or an object that is short, in one line, and where it ends; nothing where it is long."""
    depth, parts = 0, []
    at, end = start, start + _FIT
    while (found := _TOKEN.search(text, at, end)) and found.end() < end:
        sign, at = found[0], found.end()
        depth += (sign in "{[") - (sign in "}]")
        parts.append(f"{sign} " if sign in ",:" else sign)
        if depth == 0:
            return "".join(parts), at
    return "", start
