"""Lines to scroll through, with a cursor and a search: logs, processes, files. Only what is in view is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style as TextualStyle

from irkit.core.text import Safe

MOST: Final = 20_000
"""Lines that are kept at most; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its text, a style, and what copying it gives, where that is another text.

    `lead`: it goes on with the line before; so many characters at its start are signs, and no part of the text.
    """

    text: Safe
    style: str = ""
    value: Safe | None = None
    path: Safe | None = None
    lead: int = 0


class LineView(ScrollView, can_focus=True):
    """Lines of text. Where the end is in view, what is appended is followed, unless `is_frozen`."""

    DEFAULT_CSS = "LineView { height: 1fr; background: $background; } LineView > .line--cursor { background: $panel; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line--cursor", "line--found"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "cursor(1)", "Down", id="lines.down", show=False),
        Binding("k,up", "cursor(-1)", "Up", id="lines.up", show=False),
        Binding("g,home", "edge(False)", "First", id="lines.first", show=False),
        Binding("G,end", "edge(True)", "Last, and follow", id="lines.last", show=False),
        Binding("pagedown", "page(1)", "Page down", id="lines.page-down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="lines.page-up", show=False),
        Binding("left", "shift(-20)", "Left", id="lines.left", show=False),
        Binding("right", "shift(20)", "Right", id="lines.right", show=False),
    ]

    # As in Widget, but the screen is not laid out anew whenever lines come: only the scroll bars follow.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    class Moved(Message):
        """The cursor stands elsewhere."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: list[Line] = []
        self.cursor = 0
        self.is_following = True
        self.is_frozen = False
        self.dropped = 0
        self._wanted = ""
        self._styles: dict[tuple[str, str], Style] = {}
        self._base: Style | None = None
        self._width = 0

    # What it shows ---------------------------------------------------------------------------------------------------

    def show(self, lines: Iterable[Line]) -> None:
        """These lines and no others; the cursor stays on its number."""
        self.lines = list(lines)[-MOST:]
        self._width = 0
        self.cursor = max(0, min(self.cursor, len(self.lines) - 1))
        self._resize(self.lines)

    def append(self, lines: Sequence[Line]) -> None:
        """More lines at the end."""
        self.lines += lines
        over = max(0, len(self.lines) - MOST)
        if over:
            del self.lines[:over]
            self.dropped += over
            self.cursor = max(0, self.cursor - over)
        if self.is_following and not self.is_frozen:
            self.cursor = max(0, len(self.lines) - 1)
        self._resize(lines)

    def _resize(self, new: Sequence[Line]) -> None:
        """As wide as the longest line was since all were shown anew: only what is new is looked at."""
        self._width = max(self._width, max((len(one.text) for one in new), default=0))
        size = Size(self._width, len(self.lines))
        if size != self.virtual_size:
            self.virtual_size = size
            self._scroll_update(size)
        if self.is_following and not self.is_frozen:
            self.scroll_end(animate=False, immediate=True)
        self.refresh()

    @property
    def line(self) -> Line | None:
        """The line under the cursor."""
        return self.lines[self.cursor] if self.cursor < len(self.lines) else None

    def render_line(self, y: int) -> Strip:
        """One line of the window."""
        left, top = self.scroll_offset
        number, width = top + y, self.size.width
        base = self._base = self._base or self.rich_style
        if number >= len(self.lines):
            return Strip.blank(width, base)
        one = self.lines[number]
        style = base + self._style(one.style)
        if number == self.cursor and self.has_focus:
            style += self.get_component_rich_style("line--cursor")
        if self._wanted and self._begins(number):
            style += Style(underline=True, bold=True)
        strip = Strip([Segment(one.text or " ", style)])
        return strip.crop(left, left + width).extend_cell_length(width, style)

    def notify_style_update(self) -> None:
        """Another theme, or the focus."""
        self._base = None
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        """A style by name, in the colours of the theme; parsed once."""
        if not name:
            return Style.null()
        known = self._styles.get((self.app.theme, name))
        if known is None:
            known = TextualStyle.parse(name, self.app.theme_variables).rich_style
            self._styles[self.app.theme, name] = known
        return known

    # Search ----------------------------------------------------------------------------------------------------------

    def search(self, wanted: str, *, backwards: bool = False, again: bool = False) -> bool:
        """Go to the next line with that text, round the end; whether there is one. Empty marks nothing."""
        self._wanted = wanted.casefold()
        self.refresh()
        if not self._wanted or not self.lines:
            return not self._wanted
        count, step = len(self.lines), -1 if backwards else 1
        first = step if again else 0
        for away in range(first, first + step * count, step):
            number = (self.cursor + away) % count
            if self._begins(number):
                self._go(number)
                return True
        return False

    def _begins(self, number: int) -> bool:
        """Whether what is searched for begins in a line; where that goes on in the next ones, it may end there."""
        one = self.lines[number]
        text = one.text[one.lead :].casefold()
        longest, more = len(text) + len(self._wanted) - 1, number + 1
        whole = text
        while len(whole) < longest and more < len(self.lines) and self.lines[more].lead:
            whole += self.lines[more].text[self.lines[more].lead :].casefold()
            more += 1
        return 0 <= whole.find(self._wanted) < len(text)

    # Keys ------------------------------------------------------------------------------------------------------------

    def _go(self, number: int) -> None:
        self.cursor = max(0, min(number, len(self.lines) - 1))
        self.is_following = self.cursor >= len(self.lines) - 1
        top, height = self.scroll_offset.y, self.size.height
        if not top <= self.cursor < top + height:
            self.scroll_to(y=max(0, self.cursor - (height - 1 if self.cursor >= top + height else 0)), animate=False)
        self.refresh()
        self.post_message(self.Moved())

    def action_cursor(self, step: int) -> None:
        """Move by lines."""
        self._go(self.cursor + step)

    def action_page(self, step: int) -> None:
        """Move by windows."""
        self._go(self.cursor + step * max(1, self.size.height - 1))

    def action_edge(self, last: bool) -> None:
        """Go to the first line, or to the last."""
        self._go(len(self.lines) - 1 if last else 0)

    def action_shift(self, columns: int) -> None:
        """Move sideways in long lines."""
        self.scroll_relative(x=columns, animate=False)

    def on_click(self, event: Click) -> None:
        """A click moves the cursor, and does nothing else."""
        event.stop()
        self._go(self.scroll_offset.y + event.y)
