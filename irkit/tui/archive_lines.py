"""The members of an archive as lines, in the manner of `ls -l`: names so that their bytes can be had back from them."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from irkit.core.listed_member import ListedMember
from irkit.core.text import escaped, safe
from irkit.core.values import size_text
from irkit.tui.line_view import Line

_LETTERS: Final = {
    "file": "-", "directory": "d", "symlink": "l", "hardlink": "h", "char": "c", "block": "b", "fifo": "p",
    "socket": "s",
}  # fmt: skip
_UNKNOWN_MODE: Final = "?????????"
_WIDE: Final = 96
_MOST: Final = 1 << 17
"""Characters of a member's line at most: as many as its names have, which are bounded where they are read."""


@dataclass(frozen=True, slots=True)
class MemberLine(Line):
    """A line about a member."""

    member: ListedMember | None = None


def member_lines(found: Sequence[ListedMember], width: int) -> Iterator[Line]:
    """A line for each member, with how it was changed where that is told, and lines for what is to be known of it."""
    change = max((len(one.change) for one in found), default=0)
    for one in found:
        name = escaped(one.name)
        link = f" -> {escaped(one.link)}" if one.link else ""
        how = f"{one.change:<{change}}  " if change else ""
        text = f"{_facts(one, width)}  {how}{name}{link}"
        style = "$warning" if one.change == "deleted" else "$primary" if one.type == "directory" else ""
        yield MemberLine(safe(text, _MOST), style, safe(name, _MOST), member=one)
        for remark in one.remarks:
            yield MemberLine(safe(f"           ! {remark}", 1000), "$warning", safe(name, _MOST), member=one)


def _facts(one: ListedMember, width: int) -> str:
    letter = _LETTERS.get(one.type, "?")
    mode = letter + (_UNKNOWN_MODE if one.mode is None else stat.filemode(one.mode)[1:])
    at = time_text(one.mtime)
    if width < _WIDE:
        return f"{mode} {size_text(one.size):>9} {at[:10]:<10}"
    return f"{mode} {_number(one.uid)}:{_number(one.gid):<6} {one.size:>12} {at[:19]:<19}"


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)


def time_text(decimal: str) -> str:
    """Seconds since 1970 as date and time in UTC, with the fraction that is told; as it is where it is no such time."""
    seconds, dot, fraction = decimal.partition(".")
    try:
        at = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return decimal or "?"
    return f"{at:%Y-%m-%d %H:%M:%S}{dot}{fraction}Z"


def about_member(one: ListedMember) -> str:
    """What the list has no room for."""
    owner = f"{_number(one.uid)}:{_number(one.gid)}" + (f" ({one.owner})" if one.owner else "")
    return f"{one.type}, {one.size} bytes, {time_text(one.mtime)}, owner {owner}"
