"""Plans, records and runs as text. Everything in them may be foreign: all of it goes through `safe`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from irkit.cli.containment import contained_lines
from irkit.cli.table import columns, size_text
from irkit.core.container import SHORT_ID
from irkit.core.events import (
    BugMet,
    FindingRaised,
    FootprintLeft,
    Note,
    OperationFailed,
    OperationFinished,
    OperationSkipped,
    OperationStarted,
    Record,
    RunFinished,
    RunStarted,
    StepSkipped,
    TargetJoined,
    TargetRefused,
)
from irkit.core.finding import Severity
from irkit.core.footprint import Footprint
from irkit.core.found import DIFFERS
from irkit.core.operations import Operation, Touch
from irkit.core.plan import Plan, Refused, Task
from irkit.core.run import Run
from irkit.core.text import safe

_HOLDS = {
    "tell": "HOLD: what is contained is watched until the run is ended; what somebody breaks is told.",
    "contain": "HOLD: what is contained is watched until the run is ended; what somebody breaks, or what takes"
    " the place of a target, is contained again by the same steps.",
}
_MOST_NAMES = 10
"""Containers that are named for one finding."""
_TOUCHES = {Touch.READ: "read", Touch.CHANGE: "CHANGE", Touch.DESTROY: "DESTROY"}


def plan_text(plan: Plan, *, is_dry: bool = True) -> str:
    """A plan as a responder reads it: every operation, what it does to the host, and how it is taken back."""
    parts = [
        safe(f"Plan {plan.playbook} v{plan.playbook_version}   {len(plan.targets)} target(s)   case {plan.case or '-'}")
        + ("   DRY RUN: nothing has been changed" if is_dry else ""),
        *_hosts(plan),
        _targets(plan),
        columns(("STEP", "ON", "TOUCH", "OPERATION"), list(_plan_rows(plan)), limit=1000),
        *([_HOLDS[plan.hold]] if plan.hold in _HOLDS else []),
    ]
    notes = list(_findings(plan))
    notes += [f"REFUSED {_refused_name(plan, one)}{safe(one.reason, 400)}" for one in plan.refusals]
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def _findings(plan: Plan) -> Iterator[str]:
    """What was noticed, and on a line of its own what to do about it; said once for all of whom it is the same."""
    same: dict[tuple[str, str], list[str]] = {}
    for one in plan.findings:
        same.setdefault((one.summary, one.remedy), []).append(_name(plan, one.container))
    for (summary, remedy), names in same.items():
        yield f"! {_all_names(names)}{safe(summary, 600)}"
        if remedy:
            yield f"    to do: {safe(remedy, 400)}"


def _all_names(names: Sequence[str]) -> str:
    """The names of several containers, each of which ends in a colon and a space, or is empty."""
    shown = [one.removesuffix(": ") for one in names if one]
    more = f" and {len(shown) - _MOST_NAMES} more" if len(shown) > _MOST_NAMES else ""
    return f"{', '.join(shown[:_MOST_NAMES])}{more}: " if shown else ""


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


def _plan_rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    for task in sorted(plan.tasks, key=lambda one: (one.order, one.index)):
        where = _where(plan, task)
        if task.refused or task.skipped:
            yield task.step, where, "refused" if task.refused else "skipped", task.refused or task.skipped
        for operation in task.operations:
            yield task.step, where, _TOUCHES[operation.touch], operation.text()
            if operation.touch is not Touch.READ:
                yield "", "", "", f"  undo: {_undo_text(plan, operation)}"


def _undo_text(plan: Plan, operation: Operation) -> str:
    target = next((one for one in plan.targets if one.id == operation.subject), None)
    back = operation.undo(target) if target else ()
    return "; ".join(one.text() for one in back) or "NONE"


def _where(plan: Plan, task: Task) -> str:
    target = plan.target(task.containers[0]) if len(task.containers) == 1 else None
    if not target or not (task.action or plan.undoes):
        return f"host {task.host}"
    return f"{task.host}/{target.name}" if len(plan.hosts) > 1 else target.name


def _name(plan: Plan, key: str) -> str:
    target = plan.target(key)
    host = f"{safe(target.host, 80)}/" if target and len(plan.hosts) > 1 else ""
    return f"{host}{safe(target.name, 80)}: " if target else ""


def _refused_name(plan: Plan, refused: Refused) -> str:
    """What is refused: a container, a whole host, or all where neither is named."""
    if refused.container:
        return _name(plan, refused.container) or f"{_short_key(refused.container)}: "
    return f"host {safe(refused.host, 80)}: " if refused.host else ""


def _short_key(key: str) -> str:
    """A container of which no name is known: its host and the beginning of its id."""
    host, _, container = key.partition("/")
    return f"{safe(host, 80)}/{safe(container[:SHORT_ID], 80)}"


def _names_of(started: RunStarted, names: Mapping[str, str]) -> dict[str, str]:
    """The names of a run's containers by their keys, each with its host where there are several."""
    if len(started.hosts) <= 1:
        return dict(names)
    return {key: f"{key.partition('/')[0]}/{name}" for key, name in names.items()}


class RecordText:
    """Records as lines of text; remembers names, so that a line says which container it is about."""

    def __init__(self) -> None:
        self._started: RunStarted | None = None
        self._names: dict[str, str] = {}
        self._texts: dict[tuple[int, int], str] = {}

    def line(self, record: Record) -> str:
        """A record as a line, or empty for one that only a log needs."""
        said = self._said(record)
        return safe(f"{record.at[11:19]}Z  {said}", 600) if said else ""

    def _said(self, record: Record) -> str:  # noqa: C901, PLR0911, PLR0912 - one branch an event
        match record.event:
            case RunStarted() as event:
                self._started, self._names = event, _names_of(event, event.names)
                taken = f", taking back run {event.undoes[:12]}" if event.undoes else ""
                on = f" of {len(event.hosts)} hosts" if len(event.hosts) > 1 else ""
                return f"run {event.run[:12]} of {event.playbook} on {len(event.targets)} container(s){on}{taken}"
            case OperationStarted() as event:
                self._texts[event.task, event.number] = event.operation.text()
                return (
                    "" if event.operation.touch is Touch.READ else f"{self._place(event)}: {event.operation.text()} ..."
                )
            case OperationFinished() as event:
                detail = f" ({event.detail})" if event.detail else ""
                proof = ": ".join(filter(None, [f", {event.proof}" if event.proof else "", event.because]))
                text = self._texts.get((event.task, event.number), "")
                return f"{self._place(event)}: {text}: done{detail}{proof}"
            case OperationFailed() as event:
                hold = f" [took hold: {event.took_hold}]" if event.took_hold != "no" else ""
                again = "" if event.final else ", trying again"
                text = self._texts.get((event.task, event.number), "")
                return f"{self._place(event)}: {text}: FAILED: {event.reason}{hold}{again}"
            case OperationSkipped() as event:
                return f"{self._place(event)}: {event.operation.text()}: skipped, {event.reason}"
            case StepSkipped() as event:
                return f"{self._names.get(event.container, event.host)}: step {event.step} skipped: {event.reason}"
            case TargetRefused() as event:
                return f"{_refused_place(event, self._names)} REFUSED: {event.reason}"
            case TargetJoined() as event:
                return self._join(event)
            case FindingRaised(finding=finding):
                sign = "!" if finding.severity in (Severity.HIGH, Severity.CRITICAL) else "note:"
                return " ".join(filter(None, (sign, self._names.get(finding.container), finding.summary)))
            case FootprintLeft() as event:
                return f"host {event.host}: {footprint_text(event.footprint)}"
            case Note(text=text, by=by):
                return f"{by}: {text}"
            case BugMet() as event:
                return f"{_bug_text(event, self._names)} (the run log says where)"
            case RunFinished() as event:
                return f"run ended: {event.outcome}" + (f" ({event.reason})" if event.reason else "")

    def _join(self, event: TargetJoined) -> str:
        new = event.container
        if self._started:
            self._names |= _names_of(self._started, {new.key: f"{new.name} ({new.id[:SHORT_ID]})"})
        return f"{self._names.get(new.key, new.name)} is of this run from here on: {event.reason}"

    def _place(self, event: OperationStarted | OperationFinished | OperationFailed | OperationSkipped) -> str:
        key = f"{event.host}/{event.container}"
        return f"{self._names.get(key) or event.container[:SHORT_ID] or f'host {event.host}'} {event.step}"


def _refused_place(event: TargetRefused, names: Mapping[str, str]) -> str:
    """What was refused: the container and the step, or a whole host."""
    if not event.container:
        return f"host {event.host}" + (f": step {event.step}" if event.step else "")
    return f"{names.get(event.container) or _short_key(event.container)}: step {event.step}"


def _bug_text(bug: BugMet, names: Mapping[str, str]) -> str:
    """What irkit itself went wrong in."""
    where = names.get(bug.container) or _short_key(bug.container) if bug.container else f"host {bug.host}"
    return f"{where}: a bug in irkit while it was to {bug.work}: {bug.error}"


def run_text(run: Run, left: int) -> str:
    """A run in a few lines: what was done, what went wrong, what is still changed (`left` operations)."""
    started = run.started
    if started is None:
        return "an empty log: nothing was done"
    partial = sum(1 for one in run.evidence if one.partial)
    names = _names_of(started, run.names)
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


def footprint_text(footprint: Footprint) -> str:
    """What was asked of a host and left there, in a line."""
    parts = [f"{footprint.requests} requests to its engine ({size_text(footprint.received)} received)"]
    if footprint.files or footprint.folders:
        parts.append(
            f"{footprint.files} files opened and {footprint.folders} folders listed"
            f" ({size_text(footprint.file_bytes)} read)"
        )
    commands = [f"{argv}{f' ({count} times)' if count > 1 else ''}" for argv, count in footprint.commands.items()]
    parts.append(f"commands run: {'; '.join(commands)}" if commands else "no command run")
    written = [
        f"{what} ({size_text(size) if size >= 0 else 'size unknown'})" for what, size in footprint.written.items()
    ]
    parts.append(f"written there: {'; '.join(written)}" if written else "nothing written")
    return ", ".join(parts)


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
    for text in dict.fromkeys(_bug_text(bug, names) for bug in run.bugs):
        yield f"BUG       {safe(text, 600)}"
    for key, finding in run.unheld.items():
        yield f"NOT HELD  {safe(names.get(key, key), 120)}: {safe(finding.summary, 400)}"
    for finding in run.findings:
        if finding.check == DIFFERS:
            name = safe(names.get(finding.container, finding.container), 120)
            yield f"DIFFERS   {name}: {safe('; '.join(finding.because), 600)}"
    for one in run.refused:
        # As long as the reason for a key that is not accepted, which ends with what to do.
        yield f"REFUSED   {safe(_refused_place(one, names), 200)}: {safe(one.reason, 600)}"
