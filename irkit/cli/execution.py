"""What `run`, `undo` and `demo` share: carry a plan out, show the records, seal, sum up."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click

from irkit.app import Execution, Prepared, Setting, start
from irkit.cli.holding import holding_text
from irkit.cli.options import ascii_json, ask_approval, check_approval
from irkit.cli.progress import Bars
from irkit.cli.record_text import RecordText
from irkit.cli.render import plan_text
from irkit.core.events import Record
from irkit.core.holding import Holding
from irkit.core.plan import Plan
from irkit.core.run import Run, replay
from irkit.core.text import safe

DONE, FAILED, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    run: Run
    bundle: Path
    status: int


@dataclass(frozen=True)
class Shown:
    """What a front end shows while it runs: lines for people, or events for programs, or neither."""

    events: bool = False
    lines: bool = True


class _Reader:
    """Standard output as somebody reads it; when they go, the run goes on without them."""

    def __init__(self) -> None:
        self._is_there = True

    def write(self, line: str) -> None:
        if not self._is_there:
            return
        try:
            sys.stdout.write(line)
            sys.stdout.flush()
        except (OSError, ValueError):
            self._is_there = False


class _Standing:
    """Says how a hold stands, as long as somebody reads it."""

    def __init__(self, bars: Bars) -> None:
        self._bars, self._is_there = bars, True

    def __call__(self, holding: Holding) -> None:
        try:
            if self._is_there:
                self._bars.say(holding_text(holding))
        except (OSError, ValueError):
            self._is_there = False


def confirm(plan: Plan, approve: str | None, *, quiet: bool, stays: Sequence[str] = ()) -> None:
    """Show the plan, and what stays changed whatever is done; have the responder agree where they have not yet.

    Raises UsageError where they do not, or nobody can be asked.
    """
    must_ask = check_approval(plan, approve)
    if must_ask or not quiet:
        click.echo(
            "\n".join([*(safe(f"stays: {what}", 400) for what in stays), plan_text(plan, is_dry=False)]), err=True
        )
    if must_ask:
        ask_approval(plan)


def carry_out(setting: Setting, prepared: Prepared, shown: Shown, *, parallel: int, hold_for: float = 0) -> Result:
    """Run a plan to its end, whatever becomes of whoever watches, and seal the bundle."""
    bars = Bars(wanted=shown.lines)
    execution = start(
        setting,
        prepared,
        parallel=parallel,
        progress=bars.update,
        hold_for=hold_for,
        holding=_Standing(bars) if shown.lines else None,
    )
    records: list[Record] = []
    with _signals(execution), bars:
        for record in _watched(execution, bars, shown):
            records.append(record)
        path = execution.seal()
    run = replay(records)
    return Result(run, path, _status(run))


def _watched(execution: Execution, bars: Bars, shown: Shown) -> Iterator[Record]:
    text, reader = RecordText(), _Reader()
    for record in execution.records():
        line = text.line(record)
        if shown.events:
            reader.write(ascii_json(record) + "\n")
        if shown.lines and line:
            try:
                bars.say(line)
            except (OSError, ValueError):
                shown = Shown(events=shown.events, lines=False)
        yield record


def _status(run: Run) -> int:
    outcome = run.finished.outcome if run.finished else "failed"
    if outcome == "interrupted":
        return INTERRUPTED
    return DONE if outcome == "done" and run.is_clean else FAILED


@contextmanager
def _signals(execution: Execution) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run in order: once waits for changes under way, twice does not."""
    asked = 0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        reason = f"interrupted by {signal.Signals(number).name}"
        execution.runner.interrupt(reason, at_once=asked > 1)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # What is ignored stays so: nohup runs a command that is to outlive its terminal.
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before: dict[int, Any] = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
