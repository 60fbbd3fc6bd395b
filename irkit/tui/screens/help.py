"""The keys of a screen, and what its signs mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from irkit.core.text import safe
from irkit.tui.screen import Modal

SIGNS = (
    "Risk: C! critical, H+ high, M- medium, L. low, i. nothing found, ? not known.\n"
    "EXPOSE, by place: P privileged, N namespaces of the host, D the engine's socket, W a host folder that can be\n"
    "written, C dangerous capabilities, U root. A dot: not so.\n"
    "> the cursor, - a cursor that holds no row. * marked, + in the range being marked.\n"
    "~ what is shown is old, as its host does not answer. x gone.\n"
    "tab goes to the next part of a screen, shift+tab back: a text that is longer than its place is scrolled there.\n"
    "No key changes a container: lower case looks, upper case opens a plan, and a plan is confirmed by typing."
)


class HelpScreen(Modal[None]):
    """What can be done where it was opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "back", "Back", id="help.back")]

    def __init__(self, about: str, keys: Sequence[tuple[str, str]], ids: Sequence[str] = ()) -> None:
        super().__init__()
        self._about, self._keys, self._ids = about, keys, ids

    @property
    def lines(self) -> list[str]:
        """The keys, an action a line."""
        width = max((len(key) for key, _ in self._keys), default=0)
        return [f"{safe(key, 30):<{width}}  {safe(what, 100)}" for key, what in self._keys]

    def compose(self) -> ComposeResult:
        """Words, keys, signs."""
        with VerticalScroll(id="help-box"):
            parts = [
                Content(safe(self._about, 1000)),
                Content(""),
                Content("\n".join(self.lines)),
                Content(""),
                Content(SIGNS),
                Content(""),
                Content.styled(
                    f"For other keys in config.yml, in that order: {safe(', '.join(self._ids), 4000)}", "dim"
                ),
            ]
            yield Static(Content("\n").join(parts), markup=False)

    def action_back(self) -> None:
        """Back to where it was opened."""
        self.dismiss()
