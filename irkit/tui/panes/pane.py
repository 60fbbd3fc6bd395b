"""What all tabs of a container's screen have in common: they look when shown, and can be searched and copied."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from irkit.app.one_look import Look
from irkit.core.text import safe
from irkit.tui.line_view import Line, LineView
from irkit.tui.notice import Notice

if TYPE_CHECKING:
    from irkit.app.live import LiveRow
    from irkit.tui.app import IrkitApp

T = TypeVar("T")
MOST_LINES: Final = 10_000
"""Lines of one tab that are shown at most: each costs the event loop some microseconds."""


def first_lines(lines: Iterable[Line], most: int = MOST_LINES) -> list[Line]:
    """As many as a screen shows; a word about the rest, which is not made."""
    found = list(itertools.islice(lines, most + 1))
    if len(found) > most:
        found[-1] = Line(safe(f"NOT ALL IS SHOWN: these are the first {most} lines"), "bold $warning")
    return found


class Pane(Vertical, Generic[T]):
    """One tab: a line that says what it is and as of when, and lines below it. `row` is the container as last seen."""

    title: ClassVar[str] = ""

    def __init__(self, key: str, *, id: str) -> None:
        super().__init__(id=id, classes="pane")
        self.key = key
        self.row: LiveRow | None = None
        self._look: Look[T] | None = None
        self._made: Look[list[Line]] | None = None
        self._is_told = False

    @property
    def irkit(self) -> IrkitApp:
        """The app, by its own type."""
        return cast("IrkitApp", self.app)

    @property
    def view(self) -> LineView:
        """The lines."""
        return self.query_one(LineView)

    def compose(self) -> ComposeResult:
        """The line above, and the lines."""
        yield Notice()
        yield LineView()

    def begin(self) -> Look[T] | None:
        """Look; None where there is nothing to look at but the row."""
        return None

    def lines_of(self, value: T) -> Iterable[Line]:
        """What was seen, as lines: called here, and gone through on another thread, which must not touch widgets."""
        return ()

    def entered(self) -> None:
        """It is shown: look, unless that was done."""
        self.view.focus()
        if self._look is None:
            self.action_look()

    def left(self) -> None:
        """It is not shown any more: what is under way is given up."""
        if self._look is not None and not self._look.is_over:
            self._look.cancel()
            self._look = None

    def action_look(self) -> None:
        """Look anew."""
        if self._look is not None:
            self._look.cancel()
        self._made, self._is_told = None, False
        self._look = self.begin()
        self.say("looking ...")

    def tick(self) -> None:
        """Show what came. Its lines are made on a thread of their own: there may be many, made to take long."""
        look = self._look
        if look is None or self._is_told:
            return
        if not look.is_over:
            if not look.is_begun:
                self.say("waits: earlier looks at this host have not ended")
            return
        value = look.value
        if value is None:
            self._is_told = True
            self.say(f"not seen: {look.error}", "bold $error")
            return
        if self._made is None:
            lines = self.lines_of(value)
            self._made = Look(lambda _: first_lines(lines))
        if self._made.is_over:
            self._is_told = True
            self._show(look, value, self._made)

    def again(self) -> None:
        """Show once more what was seen, as it is to be shown by now."""
        self._made, self._is_told = None, False
        self.tick()

    def _show(self, look: Look[T], value: T, made: Look[list[Line]]) -> None:
        if made.value is None:
            self.say(f"cannot be shown: {made.error}", "bold $error")
            return
        self.view.show(made.value)
        at = f"{look.as_of:%H:%M:%S}Z" if look.as_of else "?"
        source = f", from {look.source}" if look.source else ""
        self.say("; ".join([f"{self.count(value)} as of {at}{source}", *look.notes]))

    def count(self, value: T) -> str:
        """How many there are, in words."""
        return f"{len(cast('Any', value))} lines"

    def say(self, text: str, style: str = "") -> None:
        """The line above."""
        self.query_one(Notice).update(Content.styled(safe(text, 400), style) if style else Content(safe(text, 400)))
