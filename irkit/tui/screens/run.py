"""The run under way, or the last one: it goes on whether this screen is looked at or not."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from irkit.app.again import Again
from irkit.app.estimates import space_left
from irkit.cli.holding import holding_text
from irkit.cli.record_text import RecordText
from irkit.cli.render import run_text
from irkit.cli.table import size_text
from irkit.core.text import Safe, safe
from irkit.tui import flows
from irkit.tui.notice import Notice
from irkit.tui.run_view import GLYPHS, GOES_ON, STYLES, Line, Rates, outcome_text, run_lines
from irkit.tui.screen import IrkitScreen

if TYPE_CHECKING:
    from irkit.app.live import Changed
    from irkit.app.one_look import Look
    from irkit.app.run_service import ActiveRun
    from irkit.core.events import Record

_MOST_RECORDS = 200
_SPACE_EVERY = 25


class RunScreen(IrkitScreen[None]):
    """Step by step and container by container; `X` ends the run, which leaving the screen does not."""

    help_text = (
        "+ done, > goes on, . waits, ! failed, - skipped, ? in doubt. Bytes and rate are those of now; a total is not "
        "known, so none is shown. Leaving the screen leaves the run going."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("X", "app.end_run", "End", id="run.end-shown", tooltip="End the run under way"),
        Binding("U", "app.undo", "Undo", id="run.undo", tooltip="Plan to undo it"),
        Binding("enter", "evidence", "Evidence", id="run.evidence", tooltip="Go to what it collected"),
        Binding("j", "scroll(1)", "Down", id="run.down", show=False),
        Binding("k", "scroll(-1)", "Up", id="run.up", show=False),
        Binding("escape", "app.mode('triage')", "Back", id="run.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown: ActiveRun | None = None
        self._text = RecordText()
        self._records: list[str] = []
        self._rates = Rates()
        self._count = -1
        self._taken = 0
        self._ticks = 0
        self._room: int | None = None
        self._measuring: Again[int | None] = Again(lambda: space_left(self.services.setting))
        self._left: Look[int] | None = None
        self._counting: Again[int] = Again(self._count_left)
        self._is_summed_up = False
        self._step_seen = 0

    def compose_body(self) -> Iterable[Widget]:
        yield Notice("no run was begun here yet", id="run-title")
        with VerticalScroll(id="run-top", classes="pane"):
            yield Static(id="run-steps", markup=False)
            yield Static(id="run-items", markup=False)
        with VerticalScroll(id="run-log"):
            yield Static(id="run-records", markup=False)

    def on_screen_resume(self) -> None:
        """Show what it has come to meanwhile."""
        self._count = -1
        if self.is_ready:
            self._look()

    def tick(self, changed: Changed) -> None:
        """Show what is new."""
        self._look()

    def _look(self) -> None:
        run = self.services.runs.latest
        if run is None:
            return
        if run is not self._shown:
            self._shown, self._text, self._records, self._rates, self._taken = run, RecordText(), [], Rates(), 0
            self._left, self._count, self._step_seen = None, -1, 0
        records = run.records
        self._take(records[self._taken :])
        self._taken = len(records)
        self._ticks += 1
        self._show_title(run)
        lines = [*self._holding(run), *self._rates.lines(run.progress, time.monotonic())]
        self.query_one("#run-items", Static).update(Content("\n").join([Content(line) for line in lines]))
        if run.run.records != self._count or run.is_over != self._is_summed_up:
            self._count, self._is_summed_up = run.run.records, run.is_over
            self._show_steps(run)
            if run.is_over:
                self._counting.ask()
        if run.is_over and (counted := self._counting.take()) is not None:
            self._left = counted
            self._show_steps(run)

    def _holding(self, run: ActiveRun) -> Iterable[Safe]:
        """What is held, as the command line says it."""
        if run.holding is not None and not run.is_over:
            yield safe(holding_text(run.holding, "X"), 1000)

    def _count_left(self) -> int:
        """On another thread, as all logs are asked: what of the run is to be taken back."""
        run = self._shown
        return self.services.evidence.left_of(run.run) if run is not None else 0

    def on_unmount(self) -> None:
        """Give up what is under way."""
        self._measuring.close()
        self._counting.close()

    def _take(self, records: Iterable[Record]) -> None:
        self._records += filter(None, map(self._text.line, records))
        del self._records[:-_MOST_RECORDS]

    def _show_title(self, run: ActiveRun) -> None:
        seconds = int((self.services.clock.now() - run.begun).total_seconds())
        if run.is_over:
            outcome = outcome_text(run.run) if run.run.finished else "failed"
            bundle = run.bundle.name if run.bundle else "-"
            text = f"run {run.plan.run[:12]} of {run.plan.playbook}: {outcome}; bundle {bundle}"
        else:
            if self._ticks % _SPACE_EVERY == 1:
                self._measuring.ask()
            if (measured := self._measuring.take()) is not None:
                self._room = measured.value
            free = f", free {size_text(self._room)}" if self._room is not None else ""
            state = "ENDING" if run.is_ending else "HOLDS" if run.holding is not None else "goes on"
            text = f"run {run.plan.run[:12]} of {run.plan.playbook}: {state}, {seconds} s{free}"
        self.query_one("#run-title", Notice).update(Content(safe(text, 300)))

    def _show_steps(self, run: ActiveRun) -> None:
        lines = run_lines(run.plan, run.run, is_over=run.is_over)
        parts = [
            Content.styled(
                f"{GLYPHS[line.state]} {line.state:<8} {line.step:<12} {line.where}  {line.note}", STYLES[line.state]
            )
            for line in lines
        ]
        if run.is_over:
            parts = [*self._summary(run), Content(""), *parts]
        self.query_one("#run-steps", Static).update(Content("\n").join(parts))
        self._follow(lines, is_over=run.is_over)
        self.query_one("#run-records", Static).update(Content("\n".join(self._records)))
        self.query_one("#run-log", VerticalScroll).scroll_end(animate=False)

    def _follow(self, lines: Sequence[Line], *, is_over: bool) -> None:
        """Have the step that goes on in view, where it is another one than before; at the end, how it ended."""
        at = 0 if is_over else next((nth for nth, one in enumerate(lines) if one.state == GOES_ON), self._step_seen)
        if at != self._step_seen:
            self._step_seen = at
            self.query_one("#run-top", VerticalScroll).scroll_to(y=max(0, at - 3), animate=False)

    def _summary(self, run: ActiveRun) -> Iterable[Content]:
        """How it ended, as the command line says it."""
        if run.error:
            yield Content.styled(f"irkit: {safe(run.error, 1000)}", "bold $error")
        if run.bundle is None:
            return
        if self._left is None:
            yield Content(safe(f"bundle    {run.bundle}", 400))
            return
        if self._left.value is None:
            yield Content.styled(f"what is left to be taken back is not known: {safe(self._left.error, 400)}", "$error")
        left = self._left.value or 0
        for line in run_text(run.run, left).splitlines():
            yield Content(safe(line, 1000))
        yield Content(safe(f"bundle    {run.bundle}", 400))

    def run_in_view(self) -> str:
        """The run that is shown, once its bundle is sealed."""
        run = self.services.runs.latest
        return str(run.bundle) if run is not None and run.bundle is not None else ""

    def action_scroll(self, step: int) -> None:
        """Move over the steps."""
        self.query_one("#run-top", VerticalScroll).scroll_relative(y=step, animate=False)

    def to_copy(self) -> Safe | None:
        """The bundle's path."""
        run = self.run_in_view()
        return safe(run) if run else None

    async def action_evidence(self) -> None:
        """Go to what it collected."""
        run = self.services.runs.latest
        if run is not None and run.bundle is not None:
            await flows.show_bundle(self.irkit, run.bundle)
        else:
            self.irkit.say("there is no sealed bundle yet", "warning")
