"""Opens the terminal interface, and sees a run to its end that goes on when it is left."""

import contextlib
import signal
import sys
from collections import deque
from collections.abc import Iterator
from types import FrameType
from typing import Any

from irkit.app import Setting
from irkit.app.opened import Opened
from irkit.app.run_service import ActiveRun
from irkit.core.text import safe

DONE, FAILED, INTERRUPTED = 0, 1, 130
_MOST_TOLD = 20


def open_terminal(setting: Setting, opened: Opened) -> int:
    """Run the terminal interface until it is left, and a run under way until it is sealed; the exit status."""
    from irkit.tui.app import IrkitApp
    from irkit.tui.asking import SuspendedAsk
    from irkit.tui.services import open_services

    ask = SuspendedAsk()
    told: deque[str] = deque(maxlen=_MOST_TOLD)
    setting.ask, setting.tell = (ask if setting.ask is not None else None), told.append
    services = open_services(setting, opened)
    services.told = told
    app = IrkitApp(services)
    try:
        status = app.run() or app.return_code or DONE
    finally:
        ask.detach()
        services.close()
        run = services.runs.current
        ended = _see_to_its_end(run) if run is not None else DONE
    if app.crash is not None:
        raise app.crash
    return status or ended


def _see_to_its_end(run: ActiveRun) -> int:
    """Wait for a run on the plain terminal; Ctrl-C ends it in order, twice at once."""
    if not run.is_ending:
        _say(f"run {run.plan.run[:12]} goes on: Ctrl-C ends it in order")
    with _signals(run):
        while not run.wait(0.2):
            pass
    run.take()
    _say(f"bundle    {run.bundle}" if run.bundle else f"irkit: {run.error}")
    outcome = run.run.finished.outcome if run.run.finished else "failed"
    return INTERRUPTED if outcome == "interrupted" else DONE if run.run.is_clean and run.bundle else FAILED


@contextlib.contextmanager
def _signals(run: ActiveRun) -> Iterator[None]:
    """What Ctrl-C, SIGTERM and SIGHUP do to a run."""
    asked = int(run.is_ending)

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        run.end(f"interrupted by {signal.Signals(number).name}", at_once=asked > 1)

    numbers = [one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]
    before: dict[int, Any] = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    """A line on standard error, for as long as there is one."""
    with contextlib.suppress(OSError, ValueError):
        print(safe(line, 4000), file=sys.stderr, flush=True)  # noqa: T201 - this is a front end
