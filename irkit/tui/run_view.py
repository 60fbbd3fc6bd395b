"""A run as the lines of a screen: what each step has come to for each container, and what is being read just now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from irkit.cli.table import size_text
from irkit.core.events import OperationSkipped, StepSkipped
from irkit.core.plan import Plan, Task
from irkit.core.run import Run
from irkit.core.store import Bytes
from irkit.core.text import Safe, safe

WAITS, GOES_ON, DONE, FAILED, SKIPPED, DOUBT = "waits", "goes on", "done", "FAILED", "skipped", "in doubt"
GLYPHS: Final = {WAITS: ".", GOES_ON: ">", DONE: "+", FAILED: "!", SKIPPED: "-", DOUBT: "?"}
STYLES: Final = {
    WAITS: "dim",
    GOES_ON: "bold $primary",
    DONE: "$success",
    FAILED: "bold $error",
    SKIPPED: "dim",
    DOUBT: "bold $warning",
}
_WINDOW = 3.0
"""Seconds over which a rate is averaged."""


@dataclass(frozen=True)
class Line:
    """One step on one container, or on a host."""

    where: Safe
    step: Safe
    state: str
    note: Safe


def run_lines(plan: Plan, run: Run, *, is_over: bool) -> list[Line]:
    """Every task of the plan, in the order in which they come, with what became of it."""
    told = _Told(run)
    ordered = sorted(plan.tasks, key=lambda one: (one.order, one.index))
    return [Line(_where(plan, task), safe(task.step, 40), *told.of(task, is_over=is_over)) for task in ordered]


def _where(plan: Plan, task: Task) -> Safe:
    target = plan.target(task.containers[0]) if len(task.containers) == 1 else None
    if target is None:
        return safe(f"host {task.host}", 60)
    return safe(f"{task.host}/{target.name}" if len(plan.hosts) > 1 else target.name, 60)


def outcome_text(run: Run) -> str:
    """How a run ended, in a few words: one that came to its end may still have failed at what it was for."""
    if run.finished is None:
        return "no end"
    outcome = run.finished.outcome
    if outcome != "done" or run.is_clean:
        return outcome
    return f"done, {len(run.failures)} FAILED" if run.failures else "done, NOT ALL"


class _Told:
    """What the log says of each task."""

    def __init__(self, run: Run) -> None:
        self._attempts: dict[int, list[int]] = {}
        self._run = run
        for number, one in enumerate(run.operations):
            if not one.followed:
                self._attempts.setdefault(one.started.task, []).append(number)
        self._skipped: dict[int, list[str]] = {}
        self._steps: dict[tuple[str, str, str], str] = {}
        for event in run.skipped:
            if isinstance(event, OperationSkipped):
                self._skipped.setdefault(event.task, []).append(event.reason)
            elif isinstance(event, StepSkipped):
                self._steps[event.step, event.host, event.container] = event.reason

    def of(self, task: Task, *, is_over: bool) -> tuple[str, Safe]:
        """Its state and what is to be said of it."""
        if task.refused or task.skipped:
            return SKIPPED, safe(task.refused or task.skipped, 300)
        attempts = [self._run.operations[number] for number in self._attempts.get(task.index, ())]
        skipped = self._skipped.get(task.index, [])
        if failed := next((one for one in attempts if one.state == "failed"), None):
            return FAILED, safe(f"{failed.reason} [took hold: {failed.took_hold}]", 300)
        if open_one := next((one for one in attempts if one.state != "finished"), None):
            return (DOUBT if is_over else GOES_ON), safe(open_one.started.operation.text(), 300)
        if len(attempts) + len(skipped) >= len(task.operations):
            proof = ", ".join(filter(None, dict.fromkeys(one.proof for one in attempts)))
            detail = "; ".join(filter(None, (one.detail for one in attempts)))
            return (DONE if attempts else SKIPPED), safe(": ".join(filter(None, [proof, detail, *skipped[:1]])), 300)
        return (SKIPPED if is_over else GOES_ON if attempts else WAITS), safe("; ".join(skipped[:1]), 300)


@dataclass
class Rates:
    """How fast items come, in bytes a second over the last seconds."""

    _samples: dict[tuple[int, str], list[tuple[float, int]]] = field(default_factory=dict)

    def lines(self, items: Sequence[Bytes], now: float) -> Iterator[Safe]:
        """A line for each item that is being read: bytes so far, and how fast. A total is not known."""
        live = {(item.task, item.path) for item in items}
        self._samples = {key: samples for key, samples in self._samples.items() if key in live}
        for item in items:
            rate = self._rate((item.task, item.path), now, item.done)
            name = item.path.rpartition("data/")[2] or item.path
            speed = f"  {size_text(int(rate))}/s" if rate is not None else ""
            yield safe(f"{name}  {size_text(item.done)}{speed}", 200)

    def _rate(self, key: tuple[int, str], now: float, done: int) -> float | None:
        samples = self._samples.setdefault(key, [])
        samples.append((now, done))
        while len(samples) > 2 and now - samples[1][0] >= _WINDOW:  # noqa: PLR2004 - one to compare with is kept
            samples.pop(0)
        begun, before = samples[0]
        return (done - before) / (now - begun) if now - begun > 0 else None
