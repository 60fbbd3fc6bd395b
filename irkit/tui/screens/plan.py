"""The dry run: what a plan would do, step by step, what speaks against it, and for whom it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual.widgets.option_list import Option

from irkit.app.again import Again
from irkit.app.estimates import space_left
from irkit.app.planning import Planning, hold_of, without_steps
from irkit.cli.table import estimate_text, size_text
from irkit.core.operations import Touch
from irkit.core.text import safe
from irkit.tui.choices import Choices
from irkit.tui.holds import END_KEY, HOLD_HINT, HOLDS, hold_answers, hold_text
from irkit.tui.notice import Notice
from irkit.tui.phrase import changed_by
from irkit.tui.plan_rows import StepRow, operation_lines, plan_name, step_rows
from irkit.tui.plan_text import HEAD, columns, count, note_lines, target_lines
from irkit.tui.screen import IrkitScreen
from irkit.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from irkit.app.live import Changed
    from irkit.app.one_look import Look
    from irkit.app.runs import Prepared
    from irkit.core.plan import Plan

_STYLES = {Touch.READ: "", Touch.CHANGE: "bold $warning", Touch.DESTROY: "bold $error reverse"}


class PlanScreen(IrkitScreen[None]):
    """A plan in the making, then as a dry run. Nothing has been changed, and nothing will be before it is confirmed."""

    help_text = (
        "Every step of the plan, before anything is done. CHANGES can be taken back as UNDO says; DESTROYS cannot. "
        "A step that is left out is marked with a cross, and the log will say who left it out. "
        "ESTIMATE is before compression: ~ about, + and something more, <= at most."
    )
    here: ClassVar[Mapping[str, str]] = {}
    """What a key of this screen does about findings, by their check."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "confirm", "Confirm", id="plan.confirm"),
        Binding("space", "leave_out", "Skip", id="plan.leave-out", tooltip="Leave the step out, or take it in again"),
        Binding("x", "operations", "Exact", id="plan.operations", tooltip="Show the exact operations of the step"),
        Binding(
            "f", "parameters", "Values", id="plan.parameters", tooltip="Give the parameters, or an undo, other values"
        ),
        Binding("h", "hold", "Hold", id="plan.hold", show=False, tooltip="Hold what is contained, or do not"),
        Binding("r", "again", "Plan again", id="plan.again", show=False, tooltip="Plan again, from facts of now"),
        Binding("escape", "back", "Back", id="plan.back"),
    ]

    def __init__(self, title: str, make: Callable[[], Planning], *, edit: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._title, self._make, self._edit = title, make, edit
        self._planning: Planning | None = None
        self._rows: list[StepRow] = []
        self._left_out: set[str] = set()
        self._hold_for: float | None = None
        self._is_exact = False
        self._waited = 0
        self._room: Look[int | None] | None = None
        self._measuring: Again[int | None] = Again(lambda: space_left(self.services.setting))
        self.plan: Plan | None = None
        """The plan as it would be carried out, once it is made."""
        self.is_handed_over = False
        """Whether its run was begun: then there is nothing to do here any more."""
        self._is_asked = False
        """Whether it is with the responder, or was agreed to: then no key changes it, and no second answer is asked."""

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(id="plan-title")
        with VerticalScroll(id="plan-top"):
            yield Static(id="plan-notes", markup=False)
        yield Notice(id="plan-columns")
        yield Choices(id="plan-steps", markup=False, classes="pane")
        yield Static(id="plan-note", markup=False)
        with VerticalScroll(id="plan-operations"):
            yield Static(id="plan-exact", markup=False)

    def on_mount(self) -> None:
        """Begin to plan."""
        self.query_one("#plan-operations").display = False
        self.action_again()

    def on_screen_resume(self) -> None:
        """A plan that was carried out is not shown again."""
        if self.is_handed_over:
            self.dismiss()

    def on_unmount(self) -> None:
        """Let go of what was not handed over."""
        self._measuring.close()
        if self._planning is not None:
            self._planning.close()

    def tick(self, changed: Changed) -> None:
        """Show how long it takes, and then the plan."""
        if (measured := self._measuring.take()) is not None:
            self._room = measured
            if self.plan is not None:
                self.query_one("#plan-notes", Static).update(self._notes(self.plan))
        planning = self._planning
        if planning is None or self.plan is not None:
            return
        self._waited += 1
        if planning.error:
            self._say_title(f"{self._title}: no plan can be made")
            self.query_one("#plan-notes", Static).update(Content.styled(safe(planning.error, 2000), "$error"))
        elif planning.prepared is not None:
            self.plan = planning.prepared.plan
            self._show()
        else:
            self._say_title(f"{self._title}: looking at the targets, {self._waited // 5} s")

    def _say_title(self, text: str) -> None:
        self.query_one("#plan-title", Notice).update(Content(safe(text, 300)))

    def _show(self) -> None:
        plan = self.plan
        if plan is None:
            return
        shown = without_steps(plan, self._left_out)
        self._rows = step_rows(plan)
        gist = "nothing will be changed" if shown.touch is Touch.READ else "DRY RUN: nothing has been changed"
        self._say_title(
            f"Plan {plan_name(plan)} v{plan.playbook_version}  {count(len(plan.targets), 'target')}  {gist}"
        )
        self.query_one("#plan-notes", Static).update(self._notes(plan))
        wide = self.size.width
        self.query_one("#plan-columns", Notice).update(Content(columns("#", HEAD, wide)))
        steps = self.query_one("#plan-steps", Choices)
        at = steps.highlighted
        steps.clear_options()
        steps.add_options(
            [Option(self._line(number, row, wide), id=f"step{number}") for number, row in enumerate(self._rows)]
        )
        steps.highlighted = at if at is not None and at < len(self._rows) else 0 if self._rows else None
        steps.focus()
        self._show_exact()

    def _line(self, number: int, row: StepRow, wide: int) -> Content:
        is_out = row.step in self._left_out
        sign = "x" if is_out else str(number + 1)
        estimate, note = ("", "left out") if is_out else (row.estimate, row.note)
        style = "dim strike" if is_out else _STYLES[row.touch]
        cells = (f"{row.step} ({row.containers})", row.effect, row.undo, estimate, note)
        return Content.styled(columns(sign, cells, wide), style)

    def _notes(self, plan: Plan) -> Content:
        """What was chosen, then blockers and warnings, what can be chosen, for whom it is, and the room there is."""
        here = {check: self.hint(key) for check, key in self.here.items()}
        may_hold = self._hold_for is None and self._hold_of(plan)
        holds = [Content.styled(self.hint(HOLD_HINT), "dim")] if may_hold else []
        parts = [*self.chosen_lines(plan), *note_lines(plan, here), *holds, *target_lines(plan)]
        if self._room is not None:
            room = self._room.value
            told = f"room for evidence: {size_text(room) if room is not None else 'not known'}"
            if estimate := estimate_text(without_steps(plan, self._left_out).estimate):
                told = f"estimate in all, before compression: {estimate}; {told}"
            parts.append(Content.styled(told, "dim"))
        return Content("\n").join(parts)

    def chosen_lines(self, plan: Plan) -> Iterable[Content]:
        """What was chosen of how it is done; above all else, as there is not always room for all."""
        if self._hold_for is not None and (how := self._hold_of(plan)):
            yield Content.styled(hold_text(how, self._hold_for, self.hint(END_KEY)), "bold")

    def _hold_of(self, plan: Plan) -> str:
        """How it would be held as it would be carried out, empty where nothing can be."""
        prepared = self._planning.prepared if self._planning else None
        return hold_of(prepared, without_steps(plan, self._left_out)) if prepared is not None else ""

    def _as_chosen(self, plan: Plan) -> Plan:
        """The plan without the steps that were left out, held where that was chosen."""
        how = self._hold_of(plan) if self._hold_for is not None else ""
        return replace(without_steps(plan, self._left_out), hold=how)

    # Keys ----------------------------------------------------------------------------------------------------------

    def on_option_list_option_highlighted(self) -> None:
        """The exact operations are those of the step under the cursor."""
        self._show_exact()

    def on_resize(self) -> None:
        """Other columns fit."""
        if self.plan is not None:
            self._show()

    def _row_now(self) -> StepRow | None:
        at = self.query_one("#plan-steps", Choices).highlighted
        return self._rows[at] if at is not None and at < len(self._rows) else None

    def action_leave_out(self) -> None:
        """Leave the step out, or take it in again."""
        row = self._row_now()
        if row is not None and not self._is_asked:
            self._left_out ^= {row.step}
            self._show()

    def action_operations(self) -> None:
        """Show the exact operations of the step, or hide them."""
        self._is_exact = not self._is_exact
        self.query_one("#plan-operations").display = self._is_exact
        self._show_exact()

    def _show_exact(self) -> None:
        row = self._row_now()
        parts = [f"estimate {row.estimate}" if row.estimate else "", row.note] if row is not None else []
        told = f"{row.step}: {'; '.join(filter(None, parts))}" if row is not None and any(parts) else ""
        below = self.query_one("#plan-note", Static)
        below.display = bool(told)
        below.update(Content(safe(told, 600)))
        if self._is_exact and row is not None and self.plan is not None:
            lines = list(operation_lines(self.plan, row.step)) or [safe("no operation")]
            self.query_one("#plan-exact", Static).update(Content("\n".join(lines)))

    def action_parameters(self) -> None:
        """Go to the form of parameters."""
        if self._is_asked:
            return
        if self._edit is not None:
            self._edit()
        else:
            self.irkit.say("this plan has no parameters", "warning")

    def action_hold(self) -> None:
        """Ask whether what is contained is to be held, and for how long."""
        if self._is_asked:
            return
        how = self._hold_of(self.plan) if self.plan is not None else ""
        if not how:
            self.irkit.say("there is nothing to hold: no step of the plan contains anything", "warning")
            return

        def told(answer: str | None) -> None:
            if answer is not None:
                self._hold_for = HOLDS[answer]
                self._show()

        answers = hold_answers(how, self.hint(END_KEY))
        self.irkit.push_screen(ChoiceScreen("Is what is contained to be held?", answers), told)

    def action_again(self) -> None:
        """Plan once more, from facts as they are now."""
        if self._is_asked:
            return
        if self._planning is not None:
            self._planning.close()
        self.plan, self._waited = None, 0
        self._measuring.ask()
        self._planning = self._make()
        self.query_one("#plan-steps", Choices).clear_options()
        self.query_one("#plan-notes", Static).update("")
        self._say_title(f"{self._title}: looking at the targets")

    def action_back(self) -> None:
        """Leave the plan: nothing was done."""
        if not self._is_asked:
            self.dismiss()

    def action_confirm(self) -> None:
        """Go to the confirmation, unless the plan is refused, does nothing, or changes while nothing is armed."""
        if self._is_asked:
            return
        if self.plan is None:
            self.irkit.say("the plan is not there yet", "warning")
            return
        plan = self._as_chosen(self.plan)
        if reason := self._why_not(plan):
            self.irkit.say(reason, "warning")
            return
        from irkit.tui.screens.confirm import ConfirmScreen

        self._is_asked = True
        self.irkit.push_screen(ConfirmScreen(plan, self._hold_for or 0), self._confirmed)

    def _why_not(self, plan: Plan) -> str:
        if whole := next((one for one in plan.refusals if one.is_whole), None):
            return f"refused: {whole.reason}"
        if not any(task.operations for task in plan.tasks):
            return "there is nothing to do in this plan"
        if plan.touch is not Touch.READ and not self.irkit.is_armed:
            is_fixed = self.services.opened.read_only
            how = "irkit was opened with --read-only" if is_fixed else self.hint("{arm:A} arms")
            return f"READ-ONLY, and this plan changes {count(len(changed_by(plan)), 'container')}: {how}"
        if self.services.runs.current is not None:
            return self.hint("another run goes on: wait for it, or end it ({screen.run:5}, then {run.end:X})")
        return ""

    async def _confirmed(self, plan: Plan | None) -> None:
        self._is_asked = False
        if plan is None:
            return
        if reason := self._why_not(plan):
            self.irkit.say(reason, "warning")
            return
        if moved := self.moved(plan):
            self.irkit.say(f"{moved}: planned again, look at it once more", "warning")
            self.action_again()
            return
        prepared = self._planning.hand_over() if self._planning else None
        if prepared is not None:
            prepared.plan = plan
            await self._begin(prepared)

    async def _begin(self, prepared: Prepared) -> None:
        """Have it carried out, and go to its run; keys may have led to another screen meanwhile."""
        from irkit.tui import flows

        self.is_handed_over = flows.begin(self.irkit, prepared, self._hold_for or 0)
        if not self.is_handed_over:
            self.action_again()
            return
        self.dismiss()
        await self.irkit.action_mode("run")

    def moved(self, plan: Plan) -> str:
        """Which target is not what it was when it was planned, in a line; empty where all are.

        Of one whose host does not answer just now nobody knows what it is. A host that is not in the list, as an undo
        may have it, is looked at by the run itself.
        """
        live = self.services.live
        hosts = live.hosts
        for target in plan.targets:
            name, host, row = safe(target.name, 60), hosts.get(target.host), live.row(target.key)
            if host is None:
                continue
            if not host.state.is_up:
                return f"{safe(target.host, 60)} is {host.state}: what {name} is by now is not known"
            if row is None:
                return f"{name} is gone"
            if row.facts is not None and row.facts.started_at != target.started_at:
                return f"{name} was started anew"
        return ""
