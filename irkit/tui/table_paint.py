"""How a line of a live table looks: signs before styles, and a strip of segments. Leaves what is shown to others."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from irkit.core.text import Safe
from irkit.tui.table_columns import GAP, Cell, Column, Place, Row, fit

CELL_STYLES = ("critical", "high", "medium", "low", "none", "good", "bad", "dim", "strong")
"""The names a cell's style may have; each is a component class, `live-table--critical` and so on."""
LINE_STYLES = ("head", "cursor", "cursor-away", "cursor-empty", "marked", "stale", "gone")
CSS = """
LiveTable {
    overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1;
    & > .live-table--head { text-style: bold; }
    & > .live-table--cursor { text-style: bold reverse; }
    & > .live-table--cursor-away { text-style: bold; }
    & > .live-table--cursor-empty { text-style: underline; }
    & > .live-table--marked { text-style: bold; }
    & > .live-table--stale { text-style: dim; }
    & > .live-table--gone { text-style: dim strike; }
    & > .live-table--critical { color: $error; text-style: bold; }
    & > .live-table--high { color: $warning; text-style: bold; }
    & > .live-table--medium { color: #F0E442; }
    & > .live-table--low { color: $primary; }
    & > .live-table--none { color: $secondary; }
    &:light > .live-table--medium { color: #8A6D00; }
    &:ansi > .live-table--medium { color: ansi_yellow; }
    &:ansi:light > .live-table--medium { color: ansi_magenta; }
    &:ansi > .live-table--low { color: ansi_cyan; }
    &:ansi > .live-table--none { color: ansi_default; }
    & > .live-table--good { text-style: none; }
    & > .live-table--bad { text-style: bold; }
    & > .live-table--dim { text-style: dim; }
    & > .live-table--strong { text-style: bold; }
}
"""
"""What the styles are unless the style sheet of the app says otherwise. Severity is a letter first, a colour last."""
GUTTER = 3
"""Cells before the first column: the cursor's sign, the mark's, and that of a row that is stale or gone."""
SIGNS = {
    ">": "the cursor, on the row that keys act on",
    "-": "the cursor, holding no row: move it first",
    "*": "marked",
    "+": "in the range that is being marked",
    "~": "stale: its host does not answer",
    "x": "gone",
}
"""What the signs in the gutter mean, for a help screen."""
EMPTY = Row(())
NO_CELL = Cell(Safe(""))

StyleOf = Callable[[tuple[str, ...]], Style]


class Line(NamedTuple):
    """All that a painted line depends on, beside the columns: two that are equal look the same."""

    key: str
    row: Row
    signs: str
    styles: tuple[str, ...]


NO_LINE = Line("", EMPTY, " " * GUTTER, ())


class Standing(NamedTuple):
    """What a row is beside its cells."""

    is_cursor: bool = False
    is_held: bool = False
    has_focus: bool = False
    is_marked: bool = False
    is_in_range: bool = False
    is_gone: bool = False


def compose_line(key: str, row: Row, one: Standing) -> Line:
    """A line: `>` is the cursor, `-` a cursor that holds nothing, `*` a mark, `+` a range, `~` stale, `x` gone."""
    cursor = (">" if one.is_held else "-") if one.is_cursor else " "
    mark = "+" if one.is_in_range else "*" if one.is_marked else " "
    state = "x" if one.is_gone else "~" if row.is_stale else " "
    styles = [
        name for name, holds in (("gone", one.is_gone), ("stale", row.is_stale), ("marked", one.is_marked)) if holds
    ]
    if one.is_cursor:
        styles.append("cursor-empty" if not one.is_held else "cursor" if one.has_focus else "cursor-away")
    return Line(key, row, cursor + mark + state, tuple(styles))


def paint_line(line: Line, places: Sequence[Place], width: int, style_of: StyleOf) -> Strip:
    """The strip of a line, `width` cells wide."""
    parts = [(line.signs, line.styles)]
    for nth, place in enumerate(places):
        cell = line.row.cells[place.column] if place.column < len(line.row.cells) else NO_CELL
        parts.append((fit(cell.text, place.width, place.is_right), _cell_styles(cell, line.styles)))
        if nth < len(places) - 1:
            parts.append((" " * GAP, line.styles))
    return _strip(parts, line.styles, width, style_of)


def changed_part(old: Line, new: Line, places: Sequence[Place], width: int) -> tuple[int, int] | None:
    """Where a line looks different from what it was, from and to; None where it does not."""
    before, after = old.row.cells, new.row.cells
    if (old.signs, old.styles, len(before)) != (new.signs, new.styles, len(after)):
        return 0, width
    shown = [place for place in places if place.column < len(after)]
    changed = [place for place in shown if before[place.column] != after[place.column]]
    if not changed:
        return None
    return GUTTER + changed[0].start, GUTTER + changed[-1].start + changed[-1].width


def paint_head(columns: Sequence[Column], places: Sequence[Place], width: int, style_of: StyleOf) -> Strip:
    """The strip with the columns' titles."""
    titles = [fit(columns[place.column].title, place.width, place.is_right) for place in places]
    text = " " * GUTTER + (" " * GAP).join(titles)
    return _strip([(text, ("head",))], ("head",), width, style_of)


def _cell_styles(cell: Cell, line: tuple[str, ...]) -> tuple[str, ...]:
    """A cursor, a stale and a gone row look as such all along: colours of cells would break them up."""
    plain = not cell.style or cell.style not in CELL_STYLES or (line and line != ("marked",))
    return line if plain else (*line, cell.style)


def _strip(parts: Iterable[tuple[str, tuple[str, ...]]], rest: tuple[str, ...], width: int, style_of: StyleOf) -> Strip:
    """Neighbours of the same style become one segment: fewer bytes to the terminal."""
    joined: list[tuple[list[str], tuple[str, ...]]] = []
    for text, styles in parts:
        if joined and joined[-1][1] == styles:
            joined[-1][0].append(text)
        else:
            joined.append(([text], styles))
    segments = [Segment("".join(texts), style_of(styles)) for texts, styles in joined]
    return Strip(segments).adjust_cell_length(width, style_of(rest))
