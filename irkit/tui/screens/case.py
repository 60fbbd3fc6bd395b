"""The case: what was done and noted, first to last, over all its runs. Nothing here can be changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from irkit.app.again import Again
from irkit.app.case import CaseLine
from irkit.cli.record_text import RecordText
from irkit.core.events import Note, OperationFailed, RunFinished, RunStarted
from irkit.core.text import safe
from irkit.tui.line_view import Line, LineView
from irkit.tui.notice import Notice
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.searching import SearchScreen

if TYPE_CHECKING:
    from irkit.app.live import Changed

_EVERY = 10


@dataclass(frozen=True)
class CaseSeen:
    """A case as it was read: its name, what happened, as lines; and which cases there are, with how many runs."""

    case: str
    entries: int
    lines: list[Line]
    cases: dict[str, int]


class CaseScreen(SearchScreen[None]):
    """A timeline that only grows; `;` adds to it from anywhere."""

    help_text = "What was changed, noted and found in this case, by all its runs, in UTC."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "choose", "Case", id="case.choose", tooltip="Choose a case"),
        Binding("b", "name", "New", id="case.name", tooltip="Name a new case"),
        Binding("r", "responder", "Yourself", id="case.responder", tooltip="Say who is at work"),
        Binding("semicolon", "app.note", "Note", id="case.note", tooltip="Note into the log"),
        Binding("escape", "back", "Back", id="case.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._ticks = 0
        self._seen: CaseSeen | None = None
        self._reading: Again[CaseSeen] = Again(self._read)

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(id="case-title")
        yield Input(placeholder="name of the case, such as IR-2026-014", id="case-input", max_length=100)
        yield Input(placeholder="your name, as the logs are to have it", id="case-responder", max_length=100)
        yield LineView(id="case-lines")
        yield self.search_field()

    def on_mount(self) -> None:
        """The lines as they are."""
        self._end_typing()
        self._show()

    def on_unmount(self) -> None:
        """Give up what is under way."""
        self._reading.close()

    def on_screen_resume(self) -> None:
        """They may be more by now."""
        if self.is_ready:
            self._show()

    def tick(self, changed: Changed) -> None:
        """Show what was read, and have it read again now and then."""
        self._ticks += 1
        if self._ticks % _EVERY == 0:
            self._reading.ask()
        read = self._reading.take()
        if read is None:
            return
        if read.value is None:
            told = f"the case cannot be read: {read.error}"
            self.query_one("#case-title", Notice).update(Content.styled(safe(told, 300), "bold $error"))
        elif read.value.case == self.services.case:
            self._seen = read.value
            self._show_seen(read.value)
        else:
            self._reading.ask()  # another was chosen meanwhile

    def _read(self) -> CaseSeen:
        """On another thread: the case as it is now."""
        case, evidence = self.services.case, self.services.evidence
        lines, problems = evidence.case_lines(case)
        shown = [Line(safe(f"CANNOT BE BELIEVED: {one}", 600), "bold $error") for one in problems]
        return CaseSeen(case, len(lines), shown + case_text(lines), evidence.cases())

    def _show(self) -> None:
        """The title at once, and the lines once they were read."""
        seen = self._seen
        is_read = seen is not None and seen.case == self.services.case
        self._say(f"{seen.entries} entries" if seen is not None and is_read else "reading ...")
        if not is_read:
            self.query_one(LineView).show([])
        self._reading.ask()

    def _show_seen(self, seen: CaseSeen) -> None:
        view = self.query_one(LineView)
        if seen.lines != view.lines:
            view.show(seen.lines)
        self._say(f"{seen.entries} entries")

    def _say(self, what: str) -> None:
        name = self.services.case or self.hint("(no case: {case.choose:c} chooses one, {case.name:b} names one)")
        text = f"case {name}, by {self.services.responder}: {what}"
        self.query_one("#case-title", Notice).update(Content(safe(text, 300)))

    def action_choose(self) -> None:
        """One of the cases that there are."""
        if self._seen is None:
            self.irkit.say("the cases are being read still", "warning")
            return
        answers = [(f"={name}", name or "(no case)", f"{runs} runs") for name, runs in self._seen.cases.items()]
        if not answers:
            self.irkit.say(self.hint("there is no case yet: {case.name:b} names one"), "warning")
            return

        def told(answer: str | None) -> None:
            if answer is not None:
                self._set(answer.removeprefix("="))

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
        """That is the case, or who is at work."""
        event.stop()
        if event.input.id == "case-responder":
            self._end_typing()
            self.services.named = event.value.strip()
            self._show()
        elif event.input.id == "case-input":
            self._end_typing()
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
