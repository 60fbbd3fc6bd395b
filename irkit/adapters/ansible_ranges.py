"""Host patterns of Ansible inventories: `web[01:20].example.org`, `db-[a:f]`, with a step, and with a port behind."""

import re
import string
from typing import Final

from irkit.core.errors import UsageError
from irkit.core.text import safe

_PORT: Final = re.compile(r"((?:[^:\[\]]|\[[^\[\]]*\])+):([0-9]{1,5})")
_BRACKETED: Final = re.compile(r"\[([^\[\]]+)\]:([0-9]{1,5})")
_RANGE: Final = re.compile(r"([^\[\]]*)\[([^\[\]]*)\](.*)", re.DOTALL)
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_HIGHEST_PORT: Final = 65535


def split_port(pattern: str) -> tuple[str, int]:
    """A pattern and the port behind it, 0 where there is none. Raises UsageError."""
    found = _BRACKETED.fullmatch(pattern) or _PORT.fullmatch(pattern)
    if not found:
        return pattern, 0
    if not 0 < int(found[2]) <= _HIGHEST_PORT:
        raise UsageError(f"{safe(pattern, 100)!r}: there is no such port")
    return found[1], int(found[2])


def expand(pattern: str, most: int) -> list[str]:
    """All names that a pattern stands for. Raises UsageError where it makes no sense or stands for more than `most`."""
    heads, rest = [""], pattern
    while "[" in rest or "]" in rest:
        found = _RANGE.fullmatch(rest)
        if not found:
            raise UsageError(f"{safe(pattern, 100)!r}: a range looks like [01:20] or [a:f]")
        values = _values(found[2], pattern, most // max(len(heads), 1))
        heads = [head + found[1] + value for head in heads for value in values]
        rest = found[3]
    return [head + rest for head in heads]


def _values(text: str, pattern: str, most: int) -> list[str]:
    shown = safe(pattern, 100)
    parts = text.split(":")
    if len(parts) not in (2, 3) or not parts[1]:
        raise UsageError(f"{shown!r}: a range is [begin:end] or [begin:end:step]")
    begin, end, step = parts[0] or "0", parts[1], parts[2] if parts[2:] else "1"
    if not _NUMBER.fullmatch(step) or int(step) < 1:
        raise UsageError(f"{shown!r}: the step of a range must be 1 or more")
    letters = string.ascii_letters
    if len(begin) == len(end) == 1 and begin in letters and end in letters:
        found = list(letters[letters.index(begin) : letters.index(end) + 1 : int(step)])
    else:
        found = _numbers(begin, end, int(step), shown, most)
    if not found:
        raise UsageError(f"{shown!r}: a range must not end before it begins")
    return _at_most(found, len(found), shown, most)


def _numbers(begin: str, end: str, step: int, shown: str, most: int) -> list[str]:
    if not (_NUMBER.fullmatch(begin) and _NUMBER.fullmatch(end)):
        raise UsageError(f"{shown!r}: a range goes from a number to a number, or from a letter to a letter")
    width = len(begin) if begin[0] == "0" and len(begin) > 1 else 0
    if width and len(end) != width:
        raise UsageError(f"{shown!r}: begin and end of a range must have as many digits, where there is a leading 0")
    numbers = range(int(begin), int(end) + 1, step)
    _at_most([], len(numbers), shown, most)
    return [str(number).zfill(width) for number in numbers]


def _at_most(found: list[str], count: int, shown: str, most: int) -> list[str]:
    if count > most:
        raise UsageError(f"{shown!r} stands for too many hosts")
    return found
