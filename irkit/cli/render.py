"""Plans and runs as text; records are `record_text`'s. All of it may be foreign, and goes through `safe`."""

from collections import Counter
from collections.abc import Iterator, Mapping

from irkit.cli.containment import contained_lines
from irkit.cli.plan_notes import plan_notes, plan_refusals
from irkit.cli.record_text import bug_text, footprint_text, names_of, refused_place
from irkit.cli.table import columns, estimate_text, size_text
from irkit.core.container import SHORT_ID
from irkit.core.finding import Compared
from irkit.core.found import DIFFERS
from irkit.core.operations import Operation, Touch
from irkit.core.plan import Plan, Task
from irkit.core.run import Run
from irkit.core.text import safe

_HOLDS = {
    "tell": "HOLD: what is contained is watched until the run is ended; what somebody breaks is told.",
    "contain": "HOLD: what is contained is watched until the run is ended; what somebody breaks, or what takes"
    " the place of a target, is contained again by the same steps.",
}
_TOUCHES = {Touch.READ: "read", Touch.CHANGE: "CHANGE", Touch.DESTROY: "DESTROY"}


def plan_text(plan: Plan, *, is_dry: bool = True) -> str:
    """A plan as a responder reads it: every operation, what it does to the host, and how it is taken back."""
    parts = [
        safe(f"Plan {plan.playbook} v{plan.playbook_version}   {len(plan.targets)} target(s)   case {plan.case or '-'}")
        + ("   DRY RUN: nothing has been changed" if is_dry else ""),
        *_hosts(plan),
        _targets(plan),
        _operations(plan),
        *_total(plan),
        *([_HOLDS[plan.hold]] if plan.hold in _HOLDS else []),
    ]
    notes = [*_notes(plan), *(f"REFUSED {text}" for text in plan_refusals(plan))]
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def _notes(plan: Plan) -> Iterator[str]:
    """What was noticed, and on a line of its own what to do about it."""
    for note in plan_notes(plan):
        yield f"! {note.text}"
        if note.remedy:
            yield f"    to do: {note.remedy}"


def _hosts(plan: Plan) -> list[str]:
    """The hosts and how they are reached, unless there is this machine's engine alone."""
    if all(host.reach == "local" for host in plan.hosts) and len(plan.hosts) <= 1:
        return []
    rows = [
        (host.name, host.address, host.route or host.reach, host.host_key, host.engine_id[:SHORT_ID])
        for host in plan.hosts
    ]
    return [columns(("HOST", "ADDRESS", "ROUTE", "HOST KEY", "ENGINE"), rows)]


def _targets(plan: Plan) -> str:
    rows = [(one.id[:SHORT_ID], one.name, one.state, one.image, one.host) for one in plan.targets]
    return columns(("ID", "NAME", "STATE", "IMAGE", "HOST"), rows)


def _operations(plan: Plan) -> str:
    """All operations; how much they bring where any of them brings more than a little."""
    rows = list(_plan_rows(plan))
    if any(row[3] for row in rows):
        return columns(("STEP", "ON", "TOUCH", "ESTIMATE", "OPERATION"), rows, limit=1000)
    return columns(("STEP", "ON", "TOUCH", "OPERATION"), [(*row[:3], row[4]) for row in rows], limit=1000)


def _plan_rows(plan: Plan) -> Iterator[tuple[str, str, str, str, str]]:
    for task in sorted(plan.tasks, key=lambda one: (one.order, one.index)):
        where = _where(plan, task)
        if task.refused or task.skipped:
            yield task.step, where, "refused" if task.refused else "skipped", "", task.refused or task.skipped
        estimate = estimate_text(task.estimate)
        for operation in task.operations:
            yield task.step, where, _TOUCHES[operation.touch], estimate, operation.text()
            estimate = ""  # of the task as a whole
            if operation.touch is not Touch.READ:
                yield "", "", "", "", f"  undo: {_undo_text(plan, operation)}"


def _total(plan: Plan) -> list[str]:
    """What all of it is going to bring, where that is worth a line."""
    told = estimate_text(plan.estimate)
    return [f"ESTIMATE of the evidence in all, before compression: {told}"] if told else []


def _undo_text(plan: Plan, operation: Operation) -> str:
    target = next((one for one in plan.targets if one.id == operation.subject), None)
    back = operation.undo(target) if target else ()
    return "; ".join(one.text() for one in back) or "NONE"


def _where(plan: Plan, task: Task) -> str:
    target = plan.target(task.containers[0]) if len(task.containers) == 1 else None
    if not target or not (task.action or plan.undoes):
        return f"host {task.host}"
    return f"{task.host}/{target.name}" if len(plan.hosts) > 1 else target.name


def run_text(run: Run, left: int) -> str:
    """A run in a few lines: what was done, what went wrong, what is still changed (`left` operations)."""
    started = run.started
    if started is None:
        return "an empty log: nothing was done"
    partial = sum(1 for one in run.evidence if one.partial)
    names = names_of(started, run.names)
    lines = [
        f"run       {started.run}",
        f"case      {safe(started.case or '-', 100)}",
        f"playbook  {safe(started.playbook, 80)} v{started.playbook_version}",
        f"responder {safe(started.responder, 100)}",
        f"begun     {run.started_at}",
        f"ended     {run.finished_at or 'no word: it was killed, or goes on'}"
        + (f"  {run.finished.outcome}" if run.finished else ""),
        f"targets   {', '.join(safe(name, 120) for name in names.values())}",
        f"evidence  {len(run.evidence)} items, {size_text(sum(one.size for one in run.evidence))} stored, "
        f"{size_text(sum(one.source_size for one in run.evidence))} read; {partial} partial",
    ]
    for host, footprint in run.footprints.items():
        lines.append(f"asked     {safe(host, 80)}: {safe(footprint_text(footprint), 600)}")
    if started.undoes:
        lines.append(f"undoes    run {started.undoes}")
    lines += _changed_lines(run, names)
    lines += contained_lines(run, names)
    lines += _troubles(run, names)
    if left:
        again = started.undoes or started.run
        lines.append(f"STILL CHANGED: {left} operation(s) to take back: irkit undo {again[:12]}")
    elif run.changes and not started.undoes:
        lines.append("nothing is left to take back")
    return "\n".join(lines)


def _changed_lines(run: Run, names: Mapping[str, str]) -> list[str]:
    """What was changed, in order; what was done again and again, as a hold may do, is told once with how often."""
    counts: Counter[str] = Counter()
    for change in run.changes:
        name = safe(names.get(change.key, change.key), 120)
        state = "done" if change.state == "finished" else f"{change.state}, took hold: {change.took_hold}"
        counts[f"changed   {name}: {safe(change.started.operation.text(), 200)}: {state}"] += 1
    return [line if count == 1 else f"{line}, {count} times" for line, count in counts.items()]


def _troubles(run: Run, names: Mapping[str, str]) -> Iterator[str]:
    """What went wrong, does not hold, is not as it was, or was not done at all."""
    for failure in run.failures:
        where = failure.key if failure.started.container else f"host {failure.started.host}"
        name = safe(names.get(failure.key, where), 120)
        reason = failure.reason or "no word whether it took hold"
        yield f"FAILED    {name} {failure.started.step}: {safe(reason, 600)}"
    for text in dict.fromkeys(bug_text(bug, names) for bug in run.bugs):
        yield f"BUG       {safe(text, 600)}"
    for key, finding in run.unheld.items():
        yield f"NOT HELD  {safe(names.get(key, key), 120)}: {safe(finding.summary, 400)}"
    for finding in run.findings:
        if finding.check == DIFFERS:
            name = safe(names.get(finding.container, finding.container), 120)
            yield f"DIFFERS   {name}: {safe('; '.join(finding.because), 600)}"
        elif finding.check in set(Compared):
            name = safe(names.get(finding.container, finding.container), 120)
            yield f"FOUND     {name}: {safe(finding.summary, 400)}: {safe('; '.join(finding.because), 600)}"
    for one in run.refused:
        # As long as the reason for a key that is not accepted, which ends with what to do.
        yield f"REFUSED   {safe(refused_place(one, names), 200)}: {safe(one.reason, 600)}"
