"""What a line of a live table is made of: columns of fixed widths, cells, and how a text is fitted into one.

Widths never follow from what is in the cells: one long name must not move everything. Leaves order, cursor and painting
to table_lines.py and live_table.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from irkit.core.text import Safe, safe

GAP = 2
"""Cells between two columns."""
_MORE = "…"
_PER_CELL = 4  # characters a cell of the terminal may hold: combining ones take no room, and must not pile up


class Cell(NamedTuple):
    """A text of one column and the name of its style (one of live_table.CELL_STYLES, or empty)."""

    text: Safe
    style: str = ""


class Row(NamedTuple):
    """How a row looks now: a cell for each column, in their order. `is_stale`: its host does not answer."""

    cells: tuple[Cell, ...]
    is_stale: bool = False


@dataclass(frozen=True)
class Column:
    """A column: `width` cells wide, shown where the table is `min_width` cells wide or wider.

    Room that is left over goes to the columns that `grow`, by their shares, until they are `max_width` wide (0: no
    limit).
    """

    id: str
    title: str
    width: int
    min_width: int = 0
    align: Literal["left", "right"] = "left"
    grow: int = 0
    max_width: int = 0


class Place(NamedTuple):
    """A column that is shown: its index among all, where it begins after the gutter, its width now, and its side."""

    column: int
    start: int
    width: int
    is_right: bool


def place_columns(columns: Sequence[Column], table: int, room: int) -> tuple[Place, ...]:
    """The columns shown in a table of that width, of which `room` cells are theirs; the last may be cut short."""
    shown = [(index, column) for index, column in enumerate(columns) if column.min_width <= table]
    widths = _grown([column for _, column in shown], room - GAP * (len(shown) - 1))
    places = []
    start = 0
    for (index, column), width in zip(shown, widths, strict=True):
        if start >= room:
            break
        places.append(Place(index, start, min(width, room - start), column.align == "right"))
        start += width + GAP
    return tuple(places)


def _grown(columns: Sequence[Column], room: int) -> list[int]:
    widths = [column.width for column in columns]
    left = room - sum(widths)
    while left > 0:
        growing = [index for index, one in enumerate(columns) if one.grow and widths[index] < (one.max_width or room)]
        if not growing:
            break
        shares = sum(columns[index].grow for index in growing)
        before = left
        for index in growing:
            most = (columns[index].max_width or room) - widths[index]
            more = min(max(1, before * columns[index].grow // shares), most, left)
            widths[index] += more
            left -= more
    return widths


def fit(text: str, width: int, is_right: bool = False) -> str:
    """A text in exactly `width` cells of the terminal, cut with an ellipsis where it is longer.

    What is no printable text is made so once more: the boundary should have done it, and a list must not break on what
    the boundary let through.
    """
    if not text.isprintable():
        text = safe(text)
    if not text.isascii():
        return _fit_wide(text, width, is_right)
    if len(text) > width:
        return text[: width - 1] + _MORE
    return text.rjust(width) if is_right else text.ljust(width)


def _fit_wide(text: str, width: int, is_right: bool) -> str:
    text = text[: width * _PER_CELL]
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + _MORE
    return " " * (width - length) + text if is_right else text + " " * (width - length)
