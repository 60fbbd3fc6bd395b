"""The confirmation: what will be done is said once more, and what it takes to agree grows with what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from irkit.core.operations import Touch
from irkit.core.text import safe
from irkit.tui.holds import END_KEY, hold_text
from irkit.tui.phrase import changed_by, phrase_for
from irkit.tui.plan_rows import plan_name
from irkit.tui.plan_text import count
from irkit.tui.screen import Modal

if TYPE_CHECKING:
    from irkit.core.plan import Plan

_MOST = 8
"""Containers that are named, where there is room: what is to be typed must never be out of view."""
_SHARE, _OTHERS, _HOLD = 0.9, 9, 3
"""How much of the terminal's height the question may take, the lines of it beside names, and those of a hold."""


class ConfirmScreen(Modal["Plan | None"]):
    """Gives the plan where the responder agreed, and None where they did not."""

    help_text = "Type what is asked for, and press Enter. Nothing is done before. Esc goes back to the plan."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", "Back", id="confirm.back", priority=True),
        Binding("enter", "yes", "Agree", id="confirm.agree"),
    ]

    def __init__(self, plan: Plan, hold_for: float = 0) -> None:
        super().__init__()
        self._plan, self._hold_for, self.phrase = plan, hold_for, phrase_for(plan)

    def compose(self) -> ComposeResult:
        """What will be done, and where to type."""
        with Vertical(id="confirm-box"):
            yield Static(self._gist(), id="confirm-gist", markup=False)
            if self.phrase:
                yield Static(Content.assemble("Type  ", (self.phrase, "bold"), "  and Enter:"), markup=False)
                yield Input(id="confirm-input", select_on_focus=False)
            yield Static("", id="confirm-told", markup=False)

    def on_resize(self) -> None:
        """Other lines fit."""
        self.query_one("#confirm-gist", Static).update(self._gist())

    def on_mount(self) -> None:
        """The typing begins at once."""
        if self.phrase:
            self.query_one("#confirm-input", Input).focus()

    def _gist(self) -> Content:
        plan = self._plan
        word = {Touch.READ: "read from", Touch.CHANGE: "CHANGE", Touch.DESTROY: "DESTROY"}[plan.touch]
        changed = changed_by(plan)
        room = int(self.app.size.height * _SHARE) - _OTHERS - (_HOLD if plan.hold else 0)
        most = max(1, min(_MOST, room))
        named = [f"{safe(one.host, 40)}/{safe(one.name, 60)}" for one in changed[:most]]
        more = [f"and {len(changed) - most} more"] if len(changed) > most else []
        style = {Touch.READ: "bold", Touch.CHANGE: "bold $warning", Touch.DESTROY: "bold $error reverse"}[plan.touch]
        end = self.hint(END_KEY)
        lines = [
            Content.styled(f"{plan_name(plan)}: this will {word} {count(len(changed), 'container')}", style),
            *(Content(f"  {one}") for one in [*named, *more]),
            *(Content.styled(hold_text(plan.hold, self._hold_for, end), "bold") for _ in range(bool(plan.hold))),
            Content(f"case {safe(plan.case or '-', 60)}, by {safe(plan.responder, 60)}"),
        ]
        if not self.phrase:
            lines.append(Content("Enter begins it."))
        return Content("\n").join(lines)

    def action_no(self) -> None:
        """Back to the plan: nothing was done."""
        self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the line that is typed comes after all that was typed before it."""
        event.stop()
        self._agree(event.value)

    def action_yes(self) -> None:
        """Agree, where the line that is typed has no say in it."""
        self._agree(self.query_one("#confirm-input", Input).value if self.phrase else "")

    def _agree(self, typed: str) -> None:
        """Agree, where what was typed is what was asked for."""
        if typed != self.phrase:
            self.query_one("#confirm-told", Static).update("not yet: it must be exactly what is asked for")
            return
        self.dismiss(self._plan)
