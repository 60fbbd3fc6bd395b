"""A table of many rows that change all the time: rows by key, painted line by line, and only lines that changed.

Textual's DataTable loses its cursor when rows come, go or are sorted, and costs too much at thousands of rows. Here the
cursor and the marks are keys. What the lines are and where the cursor stays is in table_lines.py; how a text fits into
a column in table_columns.py. Nothing here reads markup, and no click runs anything.

    table = LiveTable(columns, look)        # look(key) -> Row, asked for seen rows only
    table.show(keys)                        # at each tick: the keys in the order wanted, filtered; looks are asked anew
    table.show(keys, at_once=True)          # the responder changed filter or order
    table.forget(keys)                      # these containers are no more: their marks go, and MarksChanged tells of it
    table.cursor_key                        # what a key acts on: None where the cursor holds no row
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from irkit.tui import table_keys, table_messages
from irkit.tui.table_columns import Cell, Column, Row, place_columns
from irkit.tui.table_lines import Lines
from irkit.tui.table_marks import Marks
from irkit.tui.table_paint import (
    CELL_STYLES,
    CSS,
    EMPTY,
    GUTTER,
    LINE_STYLES,
    NO_LINE,
    Line,
    Standing,
    changed_part,
    compose_line,
    paint_head,
    paint_line,
)

__all__ = ["CELL_STYLES", "Cell", "Column", "LiveTable", "Row"]

QUIET = 1.0
"""Seconds without a key before lines move again."""
_MARKING = frozenset({"mark", "mark_range", "mark_all", "unmark"})


class LiveTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows by key. The first line is the head of the columns, and stays."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"live-table--{name}" for name in (*CELL_STYLES, *LINE_STYLES)}
    DEFAULT_CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = table_keys.BINDINGS
    # As in Widget, but neither lays the screen out anew nor paints every line anew when rows come or go.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    CursorMoved = table_messages.CursorMoved
    CursorGone = table_messages.CursorGone
    Opened = table_messages.Opened
    MarksChanged = table_messages.MarksChanged

    def __init__(
        self,
        columns: Sequence[Column],
        look: Callable[[str], Row],
        *,
        id: str | None = None,
        marks: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(id=id)
        self.columns, self._look = tuple(columns), look
        self._clock, self._has_marks = clock, marks
        self.is_frozen = False
        """Whether no line moves until the responder says so. See `freeze`."""
        self._lines, self._marks = Lines(), Marks()
        self._painted: list[Line] = []
        self._places = place_columns(self.columns, 0, 0)
        self._styles_known: dict[tuple[str, ...], Style] = {}
        self._last_key_at = -QUIET
        self._is_timed = False

    # What the screen does

    def show(self, keys: Sequence[str], *, at_once: bool = False) -> None:
        """Take the keys in the order that is wanted, each once, and look anew at all rows that are seen.

        `at_once`: the responder asked for it (a filter, an order), so nothing waits for the cursor.
        """
        held = self._lines.held
        lost = self._lines.want(keys)
        if at_once:
            self._marks.range_from = None
        self._bring(at_once=at_once)
        if lost is not None:
            self.post_message(self.CursorGone(self, lost))
        self._tell(held)
        self._follow()

    def look_again(self) -> None:
        """Look anew at the rows that are seen: keys and order are as they were. Costs what the screen has lines."""
        held = self._lines.held
        self._bring()
        self._tell(held)
        self._follow()

    def forget(self, keys: Iterable[str]) -> None:
        """These rows are no more, whatever a filter shows: their marks go, and they are not looked at again."""
        gone = frozenset(keys)
        self.drop_marks(gone)
        self.show([key for key in self._lines.wanted if key not in gone])

    def drop_marks(self, gone: Collection[str]) -> None:
        """The marks of rows that are no more go; `show` follows, without these rows."""
        if dropped := self._marks.drop(gone):
            self.post_message(self.MarksChanged(self, dropped))

    def move_to(self, key: str) -> bool:
        """Put the cursor on the row of a key. Whether it is shown."""
        held = self._lines.held
        found = self._lines.hold(key)
        self._tell(held)
        self._follow()
        return found

    def release(self) -> None:
        """Let the cursor hold nothing, so that every order is taken at once."""
        held = self._lines.held
        self._lines.release()
        self._tell(held)
        self._repaint()

    def freeze(self, frozen: bool) -> None:
        """Let no line move from now on, or let them move again."""
        self.is_frozen = frozen
        if not frozen and self._lines.is_waiting:
            self._settle_later()

    def touch(self) -> None:
        """The responder is at the keys: no line moves for a moment."""
        self._last_key_at = self._clock()

    @property
    def cursor_key(self) -> str | None:
        """The key of the row that the cursor holds: None until it was moved first, and after its row vanished."""
        return self._lines.held

    @property
    def in_view(self) -> list[str]:
        """The keys of the rows that are seen."""
        return self._lines.keys[self._lines.top : self._lines.top + self._lines.height]

    @property
    def is_busy(self) -> bool:
        """Whether the lines stay where they are: frozen, a range being marked, or a key pressed just now."""
        return self.is_frozen or self._marks.range_from is not None or self._clock() - self._last_key_at < QUIET

    @property
    def is_order_kept(self) -> bool:
        """Whether the lines are not what was asked for: keys are being pressed, or the cursor would have to move."""
        return self._lines.is_waiting

    @property
    def marked(self) -> tuple[str, ...]:
        """The keys marked, in the order of marking, hidden ones too."""
        return self._marks.keys

    @property
    def hidden_marks(self) -> int:
        """How many rows are marked and not let through by the filter."""
        return self._marks.count(self._lines.is_gone)

    @property
    def is_marking_range(self) -> bool:
        """Whether a range was begun and not ended."""
        return self._marks.range_from is not None

    @property
    def unseen(self) -> tuple[int, int]:
        """How many lines are above what is seen, and how many below."""
        lines = self._lines
        return lines.top, max(0, len(lines.keys) - lines.top - lines.height)

    # What keys and the mouse do

    def on_key(self) -> None:
        """A key means that the responder is there."""
        self.touch()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the line clicked, and nothing else."""
        self.touch()
        index = self._lines.top + event.y - 1
        if event.y > 0 and index < len(self._lines.keys):
            self._move(lambda: self._lines.hold(self._lines.keys[index]))

    def action_step(self, lines: int) -> None:
        """Move the cursor by lines, or let it take hold."""
        self._move(lambda: self._lines.step(lines))

    def action_page(self, pages: int) -> None:
        """Move the cursor by what is seen at a time, less one line."""
        lines = self._lines

        def turn() -> None:
            far = pages * max(1, lines.height - 1)
            lines.top = min(max(0, lines.top + far), lines.max_top)
            lines.move_to(lines.cursor + far, pages)

        self._move(turn)

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._move(lambda: self._lines.move_to(0))

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._move(lambda: self._lines.move_to(len(self._lines.keys) - 1, -1))

    def action_open(self) -> None:
        """Tell the screen to open the row of the cursor."""
        if (key := self._asked()) is not None:
            self.post_message(self.Opened(self, key))

    def action_mark(self) -> None:
        """Mark the row of the cursor, or take its mark away."""
        if (key := self._asked()) is not None:
            self._marks.toggle(key)
            self._tell_marks()

    def action_mark_range(self) -> None:
        """Begin a range at the cursor; or mark all from where it began to the cursor."""
        if (key := self._asked()) is None:
            return
        if self._marks.range_from is None:
            self._marks.range_from = key
            self._repaint()
            return
        self._marks.add(self._lines.between(self._marks.range_from, key))
        self._marks.range_from = None
        self._tell_marks()

    def action_mark_all(self) -> None:
        """Mark all rows the table has lines for, those out of sight too."""
        self._marks.add(self._lines.present)
        self._tell_marks()

    def action_unmark(self) -> None:
        """Take all marks away, those of hidden rows too."""
        self._marks.clear()
        self._tell_marks()

    def action_cancel_range(self) -> None:
        """Give up the range that was begun."""
        self._marks.range_from = None
        self._repaint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the table's only while a range is being marked; and a table may have no marks at all."""
        if action == "cancel_range":
            return self.is_marking_range
        return self._has_marks or action not in _MARKING

    def _asked(self) -> str | None:
        """The key to act on; where there is none, the screen is told so."""
        if self._lines.held is None:
            self.post_message(self.CursorGone(self, self._lines.lost))
        return self._lines.held

    def _move(self, change: Callable[[], object]) -> None:
        held = self._lines.held
        change()
        self._tell(held)
        self._follow()

    def _tell(self, held: str | None) -> None:
        if self._lines.held != held:
            self.post_message(self.CursorMoved(self, self._lines.held))

    def _tell_marks(self) -> None:
        self.post_message(self.MarksChanged(self))
        self._repaint()

    def _bring(self, *, at_once: bool = False) -> None:
        """Bring the lines to what is wanted, now or once the keys rest."""
        if at_once or not self.is_busy or not self._lines.keys:
            self._lines.settle(at_once=at_once)
        elif self._lines.is_waiting:
            self._settle_later()

    def _settle_later(self) -> None:
        if not self._is_timed:
            self._is_timed = True
            self.set_timer(QUIET, self._settle)

    def _settle(self) -> None:
        """Bring the lines to what is wanted once the keys rest."""
        self._is_timed = False
        if self.is_busy:
            self._settle_later()
            return
        held = self._lines.held
        self._lines.settle()
        self._tell(held)
        self._follow()

    # Painting

    def on_resize(self) -> None:
        """Other lines and columns fit."""
        self._lines.resize(self.size.height - 1)
        room = self.scrollable_content_region.width - GUTTER
        self._places = place_columns(self.columns, self.size.width, room)
        self._painted = []
        self._follow()
        self.refresh()

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor looks different."""
        super().watch_has_focus(has_focus)
        self._repaint()

    def notify_style_update(self) -> None:
        """Another theme, or another class."""
        self._styles_known.clear()
        super().notify_style_update()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel or the bar scrolls: the cursor comes along. Lines are painted anew where they differ only."""
        if self._lines.height != max(1, self.size.height - 1):  # nobody scrolled: what can be seen was bounded anew
            self._lines.resize(self.size.height - 1)
            self._follow()
        elif round(new_value) != self._lines.top:
            self.touch()
            self._move(lambda: self._lines.scroll(round(new_value)))

    def _follow(self) -> None:
        """Let the scroll bar tell where the lines are, and paint."""
        total = len(self._lines.keys) + 1
        if total != self.virtual_size.height or self.virtual_size.width != self.size.width:
            self.virtual_size = Size(self.size.width, total)
            self.vertical_scrollbar.window_virtual_size = total
            self.vertical_scrollbar.window_size = self.size.height
        self.set_scroll(None, self._lines.top)
        self.scroll_target_y = self._lines.top
        self.vertical_scrollbar.position = self._lines.top
        self._repaint()

    def _repaint(self) -> None:
        """Have those parts of lines painted that look different from what was painted last."""
        lines, width = self._lines_now(), self.size.width
        regions = []
        for y, line in enumerate(lines):
            old = self._painted[y] if y < len(self._painted) else None
            part = (0, width) if old is None else changed_part(old, line, self._places, width)
            if part is not None:
                regions.append(Region(part[0], y + 1, part[1] - part[0], 1))
        self._painted = lines
        if regions:
            self.refresh(*regions)

    def _lines_now(self) -> list[Line]:
        lines, marks = self._lines, self._marks
        known = {line.key: line.row for line in self._painted}
        spanned: frozenset[str] = frozenset()
        if marks.range_from is not None and lines.held is not None:
            spanned = frozenset(lines.between(marks.range_from, lines.held))
        composed = []
        for index in range(lines.top, lines.top + lines.height):
            if index >= len(lines.keys):
                composed.append(NO_LINE)
                continue
            key = lines.keys[index]
            gone = lines.is_gone(key)
            row = known.get(key, EMPTY) if gone else self._look(key)
            at = index == lines.cursor
            standing = Standing(at, at and lines.held == key, self.has_focus, key in marks, key in spanned, gone)
            composed.append(compose_line(key, row, standing))
        return composed

    def _style_of(self, names: tuple[str, ...]) -> Style:
        if (style := self._styles_known.get(names)) is None:
            style = self.rich_style
            for name in names:
                style += self.get_component_rich_style(f"live-table--{name}", partial=True)
            self._styles_known[names] = style
        return style

    def render_line(self, y: int) -> Strip:
        """One line of the screen: the head, or a row as it was when it was last looked at."""
        width = self.size.width
        if y == 0:
            return paint_head(self.columns, self._places, width, self._style_of)
        line = self._painted[y - 1] if y <= len(self._painted) else NO_LINE
        return paint_line(line, self._places, width, self._style_of)
