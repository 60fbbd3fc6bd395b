"""What leads over several screens: from containers to a plan, its confirmation, its run; undo; notes; the way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from irkit.app import load
from irkit.app.planning import plan_run, wrong_parameters
from irkit.core.errors import IrkitError
from irkit.core.text import safe
from irkit.tui.keys import hint, told_keys
from irkit.tui.run_ends import ends, leaves, standing

if TYPE_CHECKING:
    from irkit.app.runs import Prepared
    from irkit.tui.app import IrkitApp

USUAL_PLAYBOOKS: Final[Mapping[str, str]] = {
    "collect": "triage",
    "isolate": "contain-and-preserve",
    "snapshot": "preserve-disk",
}
"""The playbooks that keys open at once, where the configuration does not say otherwise."""
_MOST_NAMES = 4
_NOBODY = "mark containers first ({table.mark:space}), or put the cursor on one"


def keys_of_playbooks(app: IrkitApp) -> dict[str, str]:
    """By the names of playbooks that a key plans at once, that key as it is shown; by an empty name that of all."""
    told = {one.id: one.keys[0] for one in told_keys(app, app.screen)}
    chosen = {**USUAL_PLAYBOOKS, **app.services.opened.playbooks}
    found = {name: told[f"plan.{kind}"] for kind, name in chosen.items() if f"plan.{kind}" in told}
    return {**found, "": told["plan"]} if "plan" in told else found


def names_of(app: IrkitApp, keys: Sequence[str]) -> str:
    """The containers of these keys, by name as far as there is room."""
    rows = app.services.live.rows
    names = [safe(rows[key].summary.name if key in rows else key.rpartition("/")[2][:12], 40) for key in keys]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


async def choose_playbook(app: IrkitApp, keys: Sequence[str]) -> None:
    """Go to the playbooks, for these containers."""
    if not keys:
        app.say(hint(app, _NOBODY), "warning")
        return
    await show_playbooks(app, keys)


async def show_playbooks(app: IrkitApp, keys: Sequence[str]) -> None:
    """Go to the playbooks; what is planned there from now on is for these containers, none as it may be."""
    app.planned_for = list(keys)
    await app.go_to("playbooks")
    while len(app.screen_stack) > 1:  # a plan that waits there is for others
        await app.pop_screen()


def plan(app: IrkitApp, playbook: str, keys: Sequence[str], given: Mapping[str, str] | None = None) -> None:
    """Make a plan and show it; where a parameter must be given first, ask for it."""
    if not keys:
        app.say(hint(app, _NOBODY), "warning")
        return
    frozen = list(keys)
    app.planned_for = frozen
    try:
        loaded, _ = load(app.services.setting, playbook)
    except IrkitError as error:
        app.say(error, "error")
        return
    if given is None and wrong_parameters(loaded, {}):
        _ask_parameters(app, playbook, frozen, {})
        return
    wanted = dict(given or {})
    from irkit.tui.screens.plan import PlanScreen

    services = app.services

    def edit() -> None:
        _ask_parameters(app, playbook, frozen, wanted)

    def make() -> object:
        return plan_run(
            services.setting,
            playbook,
            frozen,
            given=wanted,
            case=services.case,
            responder=services.responder,
            hosts=services.live.asked_for,
        )

    title = f"{playbook} for {names_of(app, frozen)}"
    app.push_screen(PlanScreen(title, make, edit=edit if loaded.parameters else None))  # type: ignore[arg-type]


def _ask_parameters(app: IrkitApp, playbook: str, keys: Sequence[str], given: Mapping[str, str]) -> None:
    from irkit.tui.screens.parameters import ParametersScreen
    from irkit.tui.screens.plan import PlanScreen

    try:
        loaded, _ = load(app.services.setting, playbook)
    except IrkitError as error:  # its file may have gone, or be another, since the plan was made
        app.say(error, "error")
        return

    def told(values: dict[str, str] | None) -> None:
        if values is None:
            return
        if isinstance(app.screen, PlanScreen):
            app.pop_screen()
        plan(app, playbook, keys, values)

    app.push_screen(ParametersScreen(loaded, given), told)


async def confirm_waiting(app: IrkitApp) -> None:
    """Go to the plan that waits for its confirmation, if there is one."""
    from irkit.tui.screens.plan import PlanScreen

    for mode, stack in app.stacks():
        if stack and isinstance(stack[-1], PlanScreen) and not stack[-1].is_handed_over:
            if mode != app.current_mode:
                await app.switch_mode(mode)
            return
    app.say(hint(app, "no plan waits: {plan:P} chooses a playbook"), "warning")


def begin(app: IrkitApp, prepared: Prepared, hold_for: float = 0) -> bool:
    """Begin the run, which holds what it contains for so many seconds where its plan says so; whether it was begun."""
    try:
        app.services.runs.begin(prepared, hold_for=hold_for)
    except IrkitError as error:
        prepared.fleet.close()
        app.say(error, "error")
        return False
    return True


def undo(app: IrkitApp, run: str) -> None:
    """Plan to take a run back, by its id or its bundle."""
    from irkit.tui.screens.undo_plan import UndoPlanScreen

    app.push_screen(UndoPlanScreen(app.services, run))


async def choose_undo(app: IrkitApp) -> None:
    """Take back the run that is looked at; where none is, go to the runs that there are."""
    run = app.run_in_view()
    if run:
        undo(app, run)
        return
    await app.action_mode("evidence")
    app.say(hint(app, "put the cursor on the run that is to be taken back, and press {undo:U}"))


async def show_bundle(app: IrkitApp, bundle: Path) -> None:
    """Go to one bundle of the evidence."""
    app.bundle_wanted = bundle
    await app.action_mode("evidence")


def end_run(app: IrkitApp) -> None:
    """Ask how the run under way is to end, and what state each way leaves."""
    from irkit.tui.screens.choice import ChoiceScreen

    run = app.services.runs.current
    if run is None:
        app.say("no run goes on", "warning")
        return

    async def told(answer: str | None) -> None:
        if answer is None or answer == "go-on":
            return
        run.end("ended by the responder", at_once=answer == "now")
        if answer == "undo":
            app.undo_after(run)

    question = f"How is the run to end? {standing(run.plan, run.run).text()}."
    app.push_screen(ChoiceScreen(question, ends(run.plan, run.run)), told)


def take_note(app: IrkitApp) -> None:
    """Ask for a note, and write it."""
    from irkit.tui.screens.note import NoteScreen

    def told(text: str | None) -> None:
        if text:
            app.write_down(text)

    app.push_screen(NoteScreen(bool(app.services.runs.current), app.services.case), told)


def trust_host(app: IrkitApp, name: str) -> None:
    """Show a host's key in the terminal proper, have the responder say yes to it or not, and try the host again."""
    from irkit.cli.hosts_trust import show_and_record

    setting = app.services.setting

    def ask() -> str:
        try:
            show_and_record(setting, name, "")
        except IrkitError as error:
            return str(error)
        return ""

    problem = app.aside(ask)
    if problem:
        app.say(problem, "warning")
    else:
        app.services.live.retry(name)


def show_help(app: IrkitApp) -> None:
    """The keys that work on this screen, and what its signs mean."""
    from irkit.tui.screens.help import HelpScreen

    about = hint(app, getattr(app.screen, "help_text", ""))
    told = told_keys(app, app.screen)
    app.push_screen(HelpScreen(about, [(", ".join(one.keys), one.what) for one in told], [one.id for one in told]))


def leave(app: IrkitApp) -> None:
    """Leave; while a run goes on, ask what is to become of it."""
    from irkit.tui.screens.choice import ChoiceScreen

    run = app.services.runs.current
    if run is None:
        app.exit(0)
        return

    def told(answer: str | None) -> None:
        match answer:
            case "wait":
                app.exit(0)
            case "step" | "now":
                app.left_with = run
                run.end("ended by the responder", at_once=answer == "now")
                app.exit(0)
            case "undo":
                run.end("ended by the responder")
                app.undo_after(run)
            case _:
                pass

    question = f"A run goes on. What is to become of it? {standing(run.plan, run.run).text()}."
    app.push_screen(ChoiceScreen(question, leaves(run.plan, run.run)), told)
