"""Records of a run as lines of text, and the words that lines of a whole run share with them. All may be foreign."""

from collections.abc import Mapping

from irkit.cli.table import size_text
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
from irkit.core.finding import Compared, Severity
from irkit.core.footprint import Footprint
from irkit.core.operations import Touch
from irkit.core.text import safe

_OfOperation = OperationStarted | OperationFinished | OperationFailed | OperationSkipped


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

    def _said(self, record: Record) -> str:  # noqa: C901, PLR0911 - one branch an event
        match record.event:
            case RunStarted() as event:
                return self._begin(event)
            case OperationStarted() | OperationFinished() | OperationFailed() | OperationSkipped() as event:
                text = self._of_operation(event)
                return f"{self._place(event)}: {text}" if text else ""
            case StepSkipped() as event:
                return f"{self._names.get(event.container, event.host)}: step {event.step} skipped: {event.reason}"
            case TargetRefused() as event:
                return f"{refused_place(event, self._names)} REFUSED: {event.reason}"
            case TargetJoined() as event:
                return self._join(event)
            case FindingRaised(finding=finding):
                sign = "!" if finding.severity.rank >= Severity.HIGH.rank else "note:"
                facts = f": {'; '.join(finding.because)}" if finding.check in set(Compared) else ""
                return " ".join(filter(None, (sign, self._names.get(finding.container), finding.summary))) + facts
            case FootprintLeft() as event:
                return f"host {event.host}: {footprint_text(event.footprint)}"
            case Note(text=text, by=by):
                return f"{by}: {text}"
            case BugMet() as event:
                return f"{bug_text(event, self._names)} (the run log says where)"
            case RunFinished() as event:
                return f"run ended: {event.outcome}" + (f" ({event.reason})" if event.reason else "")

    def _begin(self, event: RunStarted) -> str:
        self._started, self._names = event, names_of(event, event.names)
        taken = f", taking back run {event.undoes[:12]}" if event.undoes else ""
        on = f" of {len(event.hosts)} hosts" if len(event.hosts) > 1 else ""
        return f"run {event.run[:12]} of {event.playbook} on {len(event.targets)} container(s){on}{taken}"

    def _of_operation(self, event: _OfOperation) -> str:
        match event:
            case OperationStarted(operation=operation):
                self._texts[event.task, event.number] = operation.text()
                return "" if operation.touch is Touch.READ else f"{operation.text()} ..."
            case OperationSkipped(operation=operation):
                return f"{operation.text()}: skipped, {event.reason}"
        text = self._texts.get((event.task, event.number), "")
        if isinstance(event, OperationFailed):
            hold = f" [took hold: {event.took_hold}]" if event.took_hold != "no" else ""
            again = "" if event.final else ", trying again"
            return f"{text}: FAILED: {event.reason}{hold}{again}"
        detail = f" ({event.detail})" if event.detail else ""
        proof = ": ".join(filter(None, [f", {event.proof}" if event.proof else "", event.because]))
        return f"{text}: done{detail}{proof}"

    def _join(self, event: TargetJoined) -> str:
        new = event.container
        if self._started:
            self._names |= names_of(self._started, {new.key: f"{new.name} ({new.id[:SHORT_ID]})"})
        return f"{self._names.get(new.key, new.name)} is of this run from here on: {event.reason}"

    def _place(self, event: _OfOperation) -> str:
        key = f"{event.host}/{event.container}"
        return f"{self._names.get(key) or event.container[:SHORT_ID] or f'host {event.host}'} {event.step}"


def refused_place(event: TargetRefused, names: Mapping[str, str]) -> str:
    """What was refused: the container and the step, or a whole host."""
    if not event.container:
        return f"host {event.host}" + (f": step {event.step}" if event.step else "")
    return f"{names.get(event.container) or short_key(event.container)}: step {event.step}"


def bug_text(bug: BugMet, names: Mapping[str, str]) -> str:
    """What irkit itself went wrong in."""
    where = names.get(bug.container) or short_key(bug.container) if bug.container else f"host {bug.host}"
    return f"{where}: a bug in irkit while it was to {bug.work}: {bug.error}"


def names_of(started: RunStarted, names: Mapping[str, str]) -> dict[str, str]:
    """The names of a run's containers by their keys, each with its host where there are several."""
    if len(started.hosts) <= 1:
        return dict(names)
    return {key: f"{key.partition('/')[0]}/{name}" for key, name in names.items()}


def short_key(key: str) -> str:
    """A container of which no name is known: its host and the beginning of its id."""
    host, _, container = key.partition("/")
    return f"{safe(host, 80)}/{safe(container[:SHORT_ID], 80)}"


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
