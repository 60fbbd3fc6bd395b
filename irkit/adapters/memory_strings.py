"""The strings in a process's memory, as `strings` finds them, with the address of each. Memory used is bounded.

Runs of characters that can be printed, in single bytes (ASCII) and in pairs (UTF-16, little end first, as Windows and
Java write it). A string goes on over parts of memory only where these follow one another.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_PARTS: Final = frozenset((0, 9, *range(0x20, 0x7F)))
"""Bytes that a string may have: what can be printed, tabs, and the zeros of pairs."""
_MOST: Final = 4096
"""Characters after which a string is told in a further line."""


class Found(NamedTuple):
    """A string: its address, `ascii` or `utf-16`, and the text."""

    address: int
    encoding: str
    text: str


def find_strings(parts: Iterable[tuple[int, bytes]], least: int) -> Iterator[Found]:
    """The strings of at least so many characters in parts of memory (address and bytes), sorted within a part."""
    narrow = re.compile(rb"[\t\x20-\x7e]{%d,%d}" % (least, _MOST))
    wide = re.compile(rb"(?:[\t\x20-\x7e]\0){%d,%d}" % (least, _MOST))
    rest, begin = b"", 0
    for address, data in parts:
        if begin + len(rest) != address:
            yield from _found(rest, begin, narrow, wide)
            rest, begin = b"", address
        whole = rest + data
        cut = _cut(whole)
        yield from _found(whole[:cut], begin, narrow, wide)
        rest, begin = whole[cut:], begin + cut
    yield from _found(rest, begin, narrow, wide)


def _cut(data: bytes) -> int:
    """Where a string that may go on begins: after the last byte that is in none, within what is held back."""
    for at in range(len(data) - 1, max(len(data) - 2 * _MOST, -1), -1):
        byte = data[at]
        is_part = byte in _PARTS
        if not is_part or (byte == 0 and at and data[at - 1] == 0):
            return at + 1
    return max(len(data) - 2 * _MOST, 0)


def _found(data: bytes, begin: int, narrow: "re.Pattern[bytes]", wide: "re.Pattern[bytes]") -> Iterator[Found]:
    found = [Found(begin + one.start(), "ascii", one[0].decode("ascii")) for one in narrow.finditer(data)]
    found += [Found(begin + one.start(), "utf-16", one[0].decode("utf-16-le")) for one in wide.finditer(data)]
    yield from sorted(found)
