"""Lines as wide as the window: a longer one goes on below, nothing of it is lost; a path keeps its end."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rich.cells import cell_len, chop_cells

from irkit.core.text import Safe, safe
from irkit.tui.line_view import Line, LineView

SIGN: Final = "\u21b3 "
"""What a line begins with that goes on with the one before."""
_PART: Final = 4096
_WIDEST: Final = 10
"""Characters that one character becomes at most where it is made safe."""
_NARROWEST: Final = 20
_ID: Final = re.compile(r"[0-9a-f]{40,}")
_SHORT_ID: Final = 12


def wrapped(line: Line, width: int) -> Iterator[Line]:
    """The line, or as many as it takes in that many columns."""
    width = max(width, _NARROWEST)
    text = line.text
    is_plain = text.isascii()
    if len(text) <= width and (is_plain or cell_len(text) <= width):
        yield line
        return
    value = line.value if line.value is not None else text
    first, rest = _parted(text, width, is_plain)
    yield replace(line, text=Safe(first), value=value)
    below = width - len(SIGN)
    pieces = _pieces(rest, below) if is_plain else iter(chop_cells(rest, below))
    for piece in pieces:
        yield replace(line, text=Safe(SIGN + piece), value=value, lead=len(SIGN))


def _parted(text: str, width: int, is_plain: bool) -> tuple[str, str]:
    """What fits into so many columns, and the rest."""
    first = text[:width] if is_plain else chop_cells(text[: width + 1], width)[0]
    return first, text[len(first) :]


def _pieces(text: str, width: int) -> Iterator[str]:
    for at in range(0, len(text), width):
        yield text[at : at + width]


def width_for(view: LineView) -> int:
    """The columns that a view has for lines beside its scroll bar, whether that is there yet or not."""
    return max(0, view.container_size.width - view.styles.scrollbar_size_vertical)


def whole_lines(lines: Sequence[Line], number: int) -> int:
    """Of how many whole lines that one is the last, or a part."""
    return sum(not one.lead for one in lines[: number + 1])


def piece_of(lines: Sequence[Line], count: int) -> int:
    """Where so many lines end, the last by its first part; the first where there are none."""
    starts = (number for number, one in enumerate(lines) if not one.lead)
    return next(itertools.islice(starts, max(0, count - 1), None), 0)


def whole_safe(text: str) -> Safe:
    """A line of any length made safe, without cutting anything off."""
    if len(text) <= _PART:
        return safe(text, _PART * _WIDEST)
    return Safe("".join(safe(text[at : at + _PART], _PART * _WIDEST) for at in range(0, len(text), _PART)))


def shortened(path: str, width: int) -> str:
    """A path in at most so many characters: long ids by their start, and of what is too long still the end."""
    if len(path) > width:
        path = _ID.sub(lambda found: f"{found[0][:_SHORT_ID]}\u2026", path)
    return path if len(path) <= width else f"\u2026{path[-max(1, width - 1) :]}"
