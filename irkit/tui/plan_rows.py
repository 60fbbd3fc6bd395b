"""A plan as the rows of a dry run: one a step, whatever the number of containers, and its operations on request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from irkit.cli.table import estimate_text
from irkit.core.estimate import in_all
from irkit.core.operations import AnyOperation, Touch
from irkit.core.plan import Plan, Task
from irkit.core.text import Safe, safe
from irkit.tui.change_notes import change_notes

EFFECTS = {Touch.READ: "read-only", Touch.CHANGE: "CHANGES", Touch.DESTROY: "DESTROYS"}
_MOST_UNDO = 3


@dataclass(frozen=True)
class StepRow:
    """One step over all containers. `undo` says how it is taken back, `estimate` how much, `note` what to know."""

    step: Safe
    touch: Touch
    containers: int
    operations: int
    undo: Safe
    estimate: Safe
    note: Safe

    @property
    def effect(self) -> str:
        """What it does, in a word."""
        return EFFECTS[self.touch] if self.operations else "nothing"


def plan_name(plan: Plan) -> Safe:
    """What is planned: a playbook, or which run is taken back."""
    return safe(f"undo of run {plan.undoes[:12]}" if plan.undoes else plan.playbook, 60)


def step_rows(plan: Plan) -> list[StepRow]:
    """The steps in the order in which they come."""
    steps: dict[str, list[Task]] = {}
    for task in sorted(plan.tasks, key=lambda one: (one.order, one.index)):
        steps.setdefault(task.step, []).append(task)
    return [_row(plan, name, tasks) for name, tasks in steps.items()]


def _row(plan: Plan, name: str, tasks: Sequence[Task]) -> StepRow:
    operations = [operation for task in tasks for operation in task.operations]
    reasons = list(dict.fromkeys(filter(None, (task.refused or task.skipped for task in tasks))))
    refused = sum(bool(task.refused) for task in tasks)
    parts = [f"{refused} REFUSED" if refused else "", *reasons, *change_notes(plan, operations)]
    return StepRow(
        step=safe(name, 60),
        touch=max((one.touch for one in operations), key=lambda touch: touch.degree, default=Touch.READ),
        containers=len({key for task in tasks for key in task.containers}),
        operations=len(operations),
        undo=safe(_undo(plan, operations), 60),
        estimate=Safe(estimate_text(in_all(task.estimate for task in tasks))),
        note=safe("; ".join(filter(None, parts)), 400),
    )


def _undo(plan: Plan, operations: Sequence[AnyOperation]) -> str:
    """How it is taken back, in words; `none` for what cannot be."""
    changes = [one for one in operations if one.touch is not Touch.READ]
    if not changes:
        return "-"
    targets = {one.id: one for one in plan.targets}
    words = {
        type(back).__struct_config__.tag
        for one in changes
        if (target := targets.get(one.subject))
        for back in one.undo(target)
    }
    if all(one.takes_back for one in changes):
        return "by itself"
    return ", ".join(sorted(map(str, words))[:_MOST_UNDO]) or "NONE"


def operation_lines(plan: Plan, step: str) -> Iterator[Safe]:
    """The exact operations of a step, a line each, with the container and host that they are for."""
    several = len(plan.hosts) > 1
    for task in plan.tasks:
        if task.step != step:
            continue
        for operation in task.operations:
            target = next((one for one in plan.targets if one.id == operation.subject), None)
            name = target.name if target else f"host {task.host}"
            where = f"{task.host}/{name}" if several and target else name
            yield safe(f"{where}: {operation.text()}", 600)
