"""What is shown where the terminal is too small for anything else. Runs go on behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from irkit.core.text import safe
from irkit.tui.screen import Modal

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from irkit.tui.app import IrkitApp


class SmallScreen(Modal[None]):
    """Says so. No key does anything unseen here but to leave, and that only while no run goes on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q,ctrl+c", "leave", "Leave irkit", id="small.leave"),
    ]

    def __init__(self, smallest: tuple[int, int]) -> None:
        super().__init__()
        self._smallest = smallest
        self._told = ""

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="small-text", markup=False)

    def on_mount(self) -> None:
        """From the beginning, and as a run goes on."""
        self._say()
        self.set_interval(1, self._say)

    def on_resize(self) -> None:
        """It is another size now, and too small still."""
        self._say()

    def _say(self) -> None:
        app = cast("IrkitApp", self.app)
        run = app.services.runs.current
        size, (width, height) = app.size, self._smallest
        text = f"irkit needs {width}x{height}: this is {size.width}x{size.height}"
        if run is not None:
            text += f"\nrun {safe(run.plan.playbook, 40)} goes on"
        if text != self._told:
            self._told = text
            self.query_one("#small-text", Static).update(Content(text))

    def action_leave(self) -> None:
        """Leave, where nobody has to be asked first."""
        app = cast("IrkitApp", self.app)
        if app.services.runs.current is None:
            app.exit(0)
