"""A question with a few answers, each of which says what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.widgets.option_list import Option

from irkit.core.text import safe
from irkit.tui.choices import Choices
from irkit.tui.screen import Modal


class ChoiceScreen(Modal["str | None"]):
    """Gives the id of the answer, or None. `answers` are id, title and what comes of it; the first is the mildest."""

    help_text = "Choose with the arrows and Enter. Esc changes nothing."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", "Back", id="choice.back"),
        Binding("enter", "choose", "Choose", id="choice.choose"),
    ]

    def __init__(self, question: str, answers: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._question, self._answers = safe(question, 600), answers

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        with Vertical(id="choice-box"):
            yield Static(Content(self._question), markup=False)
            yield Choices(*(Option(_line(one), id=one[0]) for one in self._answers), id="choice", markup=False)

    def on_mount(self) -> None:
        """The first answer is under the cursor."""
        self.query_one(Choices).focus()

    def action_choose(self) -> None:
        """The one under the cursor."""
        self.query_one(Choices).action_select()

    def on_option_list_option_selected(self, event: Choices.OptionSelected) -> None:
        """This one."""
        event.stop()
        self.dismiss(event.option_id)

    def action_no(self) -> None:
        """None of them."""
        self.dismiss(None)


def _line(answer: tuple[str, str, str]) -> Content:
    _, title, outcome = answer
    return Content.assemble((safe(title, 80), "bold"), f"  {safe(outcome, 300)}")
