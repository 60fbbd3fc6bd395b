"""Opens the terminal interface, and sees a run to its end that goes on when it is left."""

from __future__ import annotations

import contextlib
import select
import signal
import sys
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from irkit.core.text import safe
from irkit.tui.signals import Signals

if TYPE_CHECKING:
    from irkit.app import Setting
    from irkit.app.opened import Opened
    from irkit.app.run_service import ActiveRun
    from irkit.tui.asking import SuspendedAsk
    from irkit.tui.services import Services

DONE, FAILED, INTERRUPTED = 0, 1, 130
_MOST_TOLD = 20
_PATIENCE = 10.0
"""Seconds for which a note is waited for that is being written when irkit is left."""
_OF_THE_DRIVER: Final = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
"""What Textual heeds, and does not give back."""


def open_terminal(setting: Setting, opened: Opened) -> int:
    """Run the terminal interface until it is left, and a run under way until it is sealed; the exit status.

    Raises UsageError where it cannot be opened as it was asked for.
    """
    from irkit.tui.asking import SuspendedAsk
    from irkit.tui.configured import check_configured
    from irkit.tui.quiet import kept_off_the_terminal
    from irkit.tui.services import open_services
    from irkit.tui.themes import usual_theme

    check_configured(opened)
    opened = replace(opened, theme=opened.theme or usual_theme(setting.environment, is_plain=opened.no_color))
    ask = SuspendedAsk()
    told: deque[str] = deque(maxlen=_MOST_TOLD)
    setting.ask, setting.tell = (ask if setting.ask is not None else None), told.append
    with kept_off_the_terminal(told.append), Signals() as signals:
        services = open_services(setting, opened)
        services.told = told
        try:
            return _run_screens(services, ask, signals)
        finally:
            services.close()


def _run_screens(services: Services, ask: SuspendedAsk, signals: Signals) -> int:
    """The app, and then the plain terminal; the exit status. Raises what ended the app that nobody foresaw."""
    from irkit.tui.app import IrkitApp
    from irkit.tui.configured import keymap
    from irkit.tui.saving import cut_short

    app = IrkitApp(services)
    app.set_keymap(keymap(services.opened.keys))
    signals.heed(app.heed)
    before = {number: signal.getsignal(number) for number in _OF_THE_DRIVER}
    ended = DONE
    try:
        status = app.run() or app.return_code or DONE
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        ask.detach()
        unsaved = list(cut_short(app, _PATIENCE))
        services.live.close()
        if (run := services.runs.current or app.left_with) is not None:
            ended = _see_to_its_end(run, signals, app.interrupted_by)
        for line in (*unsaved, *app.unwritten(_PATIENCE)):
            _say(line)
    if app.crash is not None:
        raise app.crash
    return status or ended


def _see_to_its_end(run: ActiveRun, signals: Signals, interrupted_by: str = "") -> int:
    """Wait for a run on the plain terminal; Ctrl-C ends it in order, twice at once."""

    def stop(number: int) -> None:
        if not run.is_over:  # else nobody may hold its lock but the thread that was interrupted
            run.end(f"interrupted by {signal.Signals(number).name}", at_once=run.is_ending)

    if (
        interrupted_by and not run.is_ending and not run.is_over
    ):  # the signal came when the screens were on their way out
        run.end(f"interrupted by {interrupted_by}")
    signals.heed(stop)
    if not run.is_ending and not run.is_over:
        _say(f"run {run.plan.run[:12]} goes on: Ctrl-C ends it in order")
    while not run.wait(0.2):
        pass
    run.take()
    _say(f"bundle    {run.bundle}" if run.bundle else f"irkit: {run.error}")
    outcome = run.run.finished.outcome if run.run.finished else "failed"
    return INTERRUPTED if outcome == "interrupted" else DONE if run.run.is_clean and run.bundle else FAILED


def _say(line: str) -> None:
    """A line on standard error, for as long as there is one, and it takes anything."""
    with contextlib.suppress(OSError, ValueError):
        if select.select([], [sys.stderr], [], 1)[1]:
            print(safe(line, 4000), file=sys.stderr, flush=True)  # noqa: T201 - this is a front end
