"""The app: its modes, the keys that work everywhere, the tick that brings news, and the way out."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.screen import ModalScreen, Screen

from irkit.app.case import take_note
from irkit.app.one_look import Look
from irkit.core.text import Safe, safe
from irkit.tui import flows, going
from irkit.tui.asking import SuspendedAsk
from irkit.tui.header import HeaderLine, header_line
from irkit.tui.keys import hint, told_keys
from irkit.tui.safe_text import NoControls
from irkit.tui.saving import see_to_exports
from irkit.tui.screen import IrkitScreen, Palette
from irkit.tui.standing import SMALL, SMALLEST, StandingApp
from irkit.tui.themes import THEMES, USUAL_THEME, severity_colours

if TYPE_CHECKING:
    from pathlib import Path

    from textual.filter import LineFilter
    from textual.notifications import SeverityLevel

    from irkit.app.live import LiveHost
    from irkit.app.run_service import ActiveRun
    from irkit.tui.services import Services

T = TypeVar("T")
_SWITCH: Final = 0.001
"""Seconds that a thread at work keeps the interpreter from another; Python's own is five times that."""
MOST_COPIED: Final = 74_994
"""Bytes that go to a clipboard at most: of more, terminals take a part, or nothing, without a word."""
TICK: Final = 0.2
"""Seconds between two looks at what is new."""


def _triage() -> Screen[None]:
    from irkit.tui.screens.triage import TriageScreen

    return TriageScreen()


def _playbooks() -> Screen[None]:
    from irkit.tui.screens.playbooks import PlaybooksScreen

    return PlaybooksScreen()


def _run() -> Screen[None]:
    from irkit.tui.screens.run import RunScreen

    return RunScreen()


def _evidence() -> Screen[None]:
    from irkit.tui.screens.evidence import EvidenceScreen

    return EvidenceScreen()


def _hosts() -> Screen[None]:
    from irkit.tui.screens.hosts import HostsScreen

    return HostsScreen()


def _case() -> Screen[None]:
    from irkit.tui.screens.case import CaseScreen

    return CaseScreen()


def _small() -> Screen[None]:
    from irkit.tui.screens.small import SmallScreen

    return SmallScreen(SMALLEST)


class IrkitApp(StandingApp):
    """The terminal interface. Its screens are modes, so that each stays as it was left."""

    CSS_PATH = "irkit.tcss"
    TITLE = "irkit"
    ENABLE_COMMAND_PALETTE = True
    ALLOW_SELECT = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (140, "-extra-wide")]  # noqa: RUF012 - as Textual has it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "triage": _triage,
        "playbooks": _playbooks,
        "run": _run,
        "evidence": _evidence,
        "hosts": _hosts,
        "case": _case,
        SMALL: _small,
    }
    DEFAULT_MODE = "triage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "list", "Triage", id="screen.triage", show=False),
        Binding("2", "container", "Container", id="screen.container", show=False),
        Binding("3", "mode('playbooks')", "Playbooks", id="screen.playbooks", show=False),
        Binding("4", "confirm", "Plan to be confirmed", id="screen.confirm", show=False),
        Binding("5", "mode('run')", "Run", id="screen.run", show=False),
        Binding("6", "mode('evidence')", "Evidence", id="screen.evidence", show=False),
        Binding("7", "mode('hosts')", "Hosts", id="screen.hosts", show=False),
        Binding("8", "mode('case')", "Case", id="screen.case", show=False),
        Binding("question_mark", "help", "Help", id="help"),
        Binding(
            "colon,ctrl+p", "command_palette", "All", id="palette", tooltip="Every action that works here, by its words"
        ),
        Binding("A", "arm", "Arm: allow plans that change, or not any more", id="arm", show=False),
        Binding("P", "plan", "Plan a playbook", id="plan", show=False),
        Binding("C", "plan_at_once('collect')", "Plan to collect", id="plan.collect", show=False),
        Binding("I", "plan_at_once('isolate')", "Plan to isolate and preserve", id="plan.isolate", show=False),
        Binding("S", "plan_at_once('snapshot')", "Plan a snapshot", id="plan.snapshot", show=False),
        Binding("U", "undo", "Plan to undo a run", id="undo", show=False),
        Binding("ctrl+z", "suspend_process", "Put irkit aside (fg brings it back)", id="suspend", show=False),
        Binding("X", "end_run", "End the run under way", id="run.end", show=False),
        Binding("semicolon", "note", "Note into the log", id="note", show=False),
        Binding("y", "copy", "Copy what the cursor is on", id="copy", show=False),
        Binding("ctrl+r", "look_again", "Look anew", id="refresh", show=False),
        Binding("q,ctrl+q,ctrl+c", "leave", "Leave irkit", id="leave", show=False),
    ]

    is_armed: reactive[bool] = reactive(False)

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.hosts_now: Mapping[str, LiveHost] = {}
        self.planned_for: list[str] = []
        self.last_container: tuple[str, str] | None = None
        self.bundle_wanted: Path | None = None
        self._undo_after: ActiveRun | None = None
        self._writing: list[tuple[Look[bool], str, Callable[[], None] | None]] = []
        self._no_controls = NoControls()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = services.opened.theme or USUAL_THEME
        self.set_keymap(dict(services.opened.keys))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, and last the one that lets no control through."""
        return [*super().get_line_filters(), self._no_controls]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours of severities."""
        return severity_colours(self.current_theme)

    def on_mount(self) -> None:
        """Begin to bring news."""
        if isinstance(self.services.setting.ask, SuspendedAsk):
            self.services.setting.ask.attach(self)
        self.set_interval(TICK, self._tick)
        if not self.is_headless:
            # What is loaded by now stays: looking through it for garbage would hold up keys each time.
            self.call_after_refresh(gc.freeze)
            # Threads read logs and lists meanwhile: a key waits for one of them each time the loop turns.
            sys.setswitchinterval(_SWITCH)

    async def _tick(self) -> None:
        if self._exit or not self.is_running:
            return  # the widgets of the screen are being taken down
        self.end_if_interrupted()
        await self.see_to_size()
        changed = self.services.live.take()
        if changed.hosts:
            self.hosts_now = {**self.hosts_now, **changed.hosts}
        for header in self.screen.query(HeaderLine):
            header.look()
        self._see_to_runs()
        see_to_exports(self)
        self._see_to_notes()
        if isinstance(self.screen, IrkitScreen) and self.screen.is_ready:
            self.screen.tick(changed)

    def _see_to_runs(self) -> None:
        """Take in what the runs have logged; where one was to be undone and has ended, plan that."""
        if (run := self.services.runs.latest) is not None:
            run.take()
        ended = self._undo_after
        if ended is not None and ended.is_over and self.current_mode != SMALL:
            self._undo_after = None
            if ended.bundle is None:
                self.say(f"nothing can be undone: {ended.error}", "error")
            else:
                flows.undo(self, str(ended.bundle))

    def undo_after(self, run: ActiveRun) -> None:
        """Plan to take a run back once it has ended."""
        self._undo_after = run

    def run_in_view(self) -> str:
        """The bundle of the run that the screen on top is about; empty where there is none."""
        screen = self.screen
        return screen.run_in_view() if isinstance(screen, IrkitScreen) and screen.is_ready else ""

    def stacks(self) -> list[tuple[str, list[Screen[Any]]]]:
        """The screens of each mode, the mode that is looked at first."""
        found = sorted(self._screen_stacks.items(), key=lambda one: one[0] != self.current_mode)
        return [(mode, list(stack)) for mode, stack in found]

    def header(self, width: int) -> Content:
        """The first line of every screen."""
        hosts = self.hosts_now.values()
        up = sum(one.state.is_up for one in hosts)
        run = self.services.runs.current
        return header_line(
            case=self.services.case,
            up=up,
            down=len(hosts) - up,
            run=run_word(run) if run else "",
            now=self.services.clock.now(),
            is_armed=self.is_armed,
            width=width,
        )

    # What screens call ---------------------------------------------------------------------------------------------

    def say(self, text: object, severity: SeverityLevel = "information") -> None:
        """Tell the responder something that passes."""
        self.notify(safe(text, 400), severity=severity)

    def copy(self, text: Safe) -> None:
        """Copy text that has been made safe to the terminal's clipboard; whole or not at all."""
        if len(text.encode()) > MOST_COPIED:
            too_long = "NOT copied: it is longer than terminals take; saving ({container.export:e}) has it whole"
            self.say(hint(self, too_long), "warning")
            return
        self.copy_to_clipboard(text)
        self.say(f"copied: {safe(text, 60)}")

    def write_down(self, text: str, then: Callable[[], None] | None = None) -> None:
        """Write what was done into the log of the run under way, or of the case; once it is on disk, do `then`."""
        services = self.services
        run, case, by = services.runs.current, services.case, services.responder

        def write(_: Look[bool]) -> bool:
            if run is None or not run.note(text, by):
                take_note(services.setting, case, text, by)
            return True

        self._writing.append((Look(write), text, then))

    def _see_to_notes(self) -> None:
        """Tell what was written down, first to last: disks may be slow, and other irkits write notes too."""
        while self._writing and self._writing[0][0].is_over:
            look, text, then = self._writing.pop(0)
            if not look.value:
                self.say(f"NOT written down: {look.error}", "error")
                continue
            self.say(f"written down: {safe(text, 80)}")
            if then is not None:
                then()

    def unwritten(self, seconds: float) -> list[str]:
        """What is said of notes that are not on disk though they were waited for so long: the app has ended."""
        told, end = [], time.monotonic() + seconds
        for look, text, _ in self._writing:
            if not (look.wait(max(0.0, end - time.monotonic())) and look.value):
                told.append(f"NOT written down: {look.error or 'the disk does not take it'}: {safe(text, 200)}")
        return told

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """As Textual's, and never with markup."""
        del markup
        super().notify(safe(message, 400), title=safe(title, 80), severity=severity, timeout=timeout, markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette holds every action that a key can do here, and the choice of colours."""
        for one in told_keys(self, screen):
            yield SystemCommand(one.what, f"key {', '.join(one.keys)}", _caller(self, one.action, one.node))
        yield SystemCommand("Colours", "choose a theme", self.action_change_theme)

    # Actions -------------------------------------------------------------------------------------------------------

    async def action_mode(self, name: str) -> None:
        """Go to a screen; where one is there already, to its beginning.

        Not from before a question: a key that was on its way when it came would leave it open behind another screen.
        """
        if isinstance(self.screen, ModalScreen):
            return
        if name == "playbooks" and isinstance(self.screen, IrkitScreen) and self.screen.chooses_targets:
            await flows.show_playbooks(self, self._targets())
        else:
            await self.go_to(name)

    async def action_list(self) -> None:
        """Go to the list of containers."""
        await going.show_list(self)

    async def go_to(self, name: str) -> None:
        """Go to a screen; where one is there already, to its beginning."""
        await going.go_to(self, name)

    def action_arm(self) -> None:
        """Allow plans that change, or not any more."""
        if self.services.opened.read_only:
            self.say("irkit was opened with --read-only: nothing can be armed", "warning")
            return
        self.is_armed = not self.is_armed
        self.say("ARMED: plans that change may be confirmed" if self.is_armed else "READ-ONLY again")

    def action_command_palette(self) -> None:
        """Show every action that a key can do here."""
        if not isinstance(self.screen, Palette):  # one may be left open in another mode: it has no id that meets
            self.push_screen(Palette())

    async def action_container(self) -> None:
        """Show the container that the cursor is on, or the one looked at last."""
        await going.show_container(self)

    async def action_plan(self) -> None:
        """Choose a playbook for the containers marked, or the one under the cursor."""
        await flows.choose_playbook(self, self._targets())

    def action_plan_at_once(self, kind: str) -> None:
        """Plan the playbook that is kept for this."""
        playbook = self.services.opened.playbooks.get(kind) or flows.USUAL_PLAYBOOKS[kind]
        flows.plan(self, playbook, self._targets())

    async def action_confirm(self) -> None:
        """Go to the plan that waits for its confirmation."""
        await flows.confirm_waiting(self)

    async def action_undo(self) -> None:
        """Plan to take back a run."""
        await flows.choose_undo(self)

    def action_note(self) -> None:
        """Write a note into the log of the run under way, or of the case."""
        flows.take_note(self)

    def action_help(self) -> None:
        """The keys of this screen, and what its signs mean."""
        flows.show_help(self)

    def action_leave(self) -> None:
        """Leave irkit; while a run goes on, ask what is to become of it."""
        flows.leave(self)

    def _targets(self) -> list[str]:
        screen = self.screen
        return screen.target_keys() if isinstance(screen, IrkitScreen) and screen.is_ready else []

    def open_container(self, key: str, tab: str = "overview") -> None:
        """Show one container, by its key, and one of its tabs."""
        going.open_container(self, key, tab)

    def action_look_again(self) -> None:
        """Look anew at what the screen on top shows."""
        if isinstance(self.screen, IrkitScreen) and self.screen.is_ready:
            self.screen.look_again()

    def action_copy(self) -> None:
        """Copy what the cursor is on: what names it, or its value."""
        text = self.screen.to_copy() if isinstance(self.screen, IrkitScreen) and self.screen.is_ready else None
        if text is None:
            self.say("there is nothing under the cursor to copy", "warning")
        else:
            self.copy(text)

    def action_end_run(self) -> None:
        """Ask how the run under way is to end."""
        flows.end_run(self)


def _caller(app: IrkitApp, action: str, node: object) -> Callable[[], object]:
    async def call() -> None:
        await app.run_action(action, node)  # type: ignore[arg-type]

    return call


def run_word(run: ActiveRun) -> str:
    """A run under way, in a few words for the header."""
    ended = sum(one.state != "in doubt" for one in run.run.operations)
    return f"{run.plan.playbook} {ended} done" + (", ending" if run.is_ending else "")
