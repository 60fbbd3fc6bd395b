"""A line to type: what the responder wants to have in the log."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from irkit.core.text import safe
from irkit.tui.screen import Modal

_LONGEST = 2000


class NoteScreen(Modal["str | None"]):
    """Gives the note, or None. It is written with the time and the responder's name, and cannot be taken back."""

    help_text = "Enter writes the note into the log, with the time and your name. It cannot be changed afterwards."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "no", "Back", id="note.back", priority=True)]

    def __init__(self, is_running: bool, case: str) -> None:
        super().__init__()
        where = "the log of the run under way" if is_running else f"the notes of case {case or '(none)'}"
        self._where = safe(f"Note into {where}:", 200)

    def compose(self) -> ComposeResult:
        """One line to type."""
        with Vertical(id="note-box"):
            yield Static(Content(self._where), markup=False)
            yield Input(id="note", max_length=_LONGEST)

    def on_mount(self) -> None:
        """It is typed at once."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """That is the note."""
        event.stop()
        self.dismiss(event.value.strip() or None)

    def action_no(self) -> None:
        """No note."""
        self.dismiss(None)
