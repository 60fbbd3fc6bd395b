"""The case: what was done and noted, first to last, over all its runs. Nothing here can be changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from irkit.app.case import CaseLine, case_lines, known_cases
from irkit.cli.record_text import RecordText
from irkit.core.events import Note, OperationFailed, RunFinished, RunStarted
from irkit.core.text import safe
from irkit.tui.line_view import Line, LineView
from irkit.tui.notice import Notice
from irkit.tui.screen import IrkitScreen
from irkit.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from irkit.app.live import Changed

_EVERY = 10


class CaseScreen(IrkitScreen[None]):
    """A timeline that only grows; `;` adds to it from anywhere."""

    help_text = "What was changed, noted and found in this case, by all its runs, in UTC. c chooses or names the case."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "choose", "Case", id="case.choose", tooltip="Choose a case"),
        Binding("b", "name", "New case", id="case.name", tooltip="Name a new case"),
        Binding("r", "responder", "Yourself", id="case.responder", tooltip="Say who is at work"),
        Binding("semicolon", "app.note", "Note", id="case.note", tooltip="Note into the log"),
        Binding("escape", "back", "Back", id="case.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._ticks = 0

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(id="case-title")
        yield Input(placeholder="name of the case, such as IR-2026-014", id="case-input", max_length=100)
        yield Input(placeholder="your name, as the logs are to have it", id="case-responder", max_length=100)
        yield LineView(id="case-lines")

    def on_mount(self) -> None:
        """The lines as they are."""
        self._end_typing()
        self._show()

    def on_screen_resume(self) -> None:
        """They may be more by now."""
        if self.is_ready:
            self._show()

    def tick(self, changed: Changed) -> None:
        """Look again now and then."""
        self._ticks += 1
        if self._ticks % _EVERY == 0:
            self._show()

    def _show(self) -> None:
        case = self.services.case
        lines, problems = case_lines(self.services.setting, case)
        shown = [Line(safe(f"CANNOT BE READ: {one}", 600), "bold $error") for one in problems]
        shown += case_text(lines)
        view = self.query_one(LineView)
        if shown != view.lines:
            view.show(shown)
        name = case or "(no case: c chooses one, b names one)"
        text = f"case {name}, by {self.services.responder}: {len(lines)} entries"
        self.query_one("#case-title", Notice).update(Content(safe(text, 300)))

    def action_choose(self) -> None:
        """One of the cases that there are."""
        cases = known_cases(self.services.setting)
        answers = [(name or "-", name or "(no case)", f"{len(runs)} runs") for name, runs in cases.items()]
        if not answers:
            self.irkit.say("there is no case yet: b names one", "warning")
            return

        def told(answer: str | None) -> None:
            if answer is not None:
                self._set("" if answer == "-" else answer)

        self.irkit.push_screen(ChoiceScreen("Which case is worked on?", answers), told)

    def action_name(self) -> None:
        """Type the name of a case."""
        self._type(self.query_one("#case-input", Input), self.services.case)

    def action_responder(self) -> None:
        """Type who is at work."""
        self._type(self.query_one("#case-responder", Input), self.services.responder)

    def _type(self, field: Input, value: str) -> None:
        field.display = True
        field.value = value
        field.focus()

    def _end_typing(self) -> None:
        for field in self.query(Input):
            field.display = False
        self.query_one(LineView).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """That is the case."""
        event.stop()
        self._end_typing()
        if event.input.id == "case-responder":
            self.services.named = event.value.strip()
            self._show()
        else:
            self._set(event.value.strip())

    async def action_back(self) -> None:
        """End the typing, or go back to the list."""
        if self.query_one(LineView).has_focus:
            await self.irkit.action_mode("triage")
        else:
            self._end_typing()

    def _set(self, case: str) -> None:
        self.services.case = case
        self._show()


def case_text(lines: Iterable[CaseLine]) -> list[Line]:
    """The lines of a case: date and time, the run, and what happened."""
    texts: dict[str, RecordText] = {}
    found = []
    for one in lines:
        said = texts.setdefault(one.bundle, RecordText()).line(one.record)
        if not said:
            continue
        event = one.record.event
        style = (
            "bold"
            if isinstance(event, RunStarted | RunFinished)
            else "$error"
            if isinstance(event, OperationFailed)
            else ""
        )
        style = "italic" if isinstance(event, Note) else style
        found.append(Line(safe(f"{one.at[:10]} {said}", 700), style))
    return found
