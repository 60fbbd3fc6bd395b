"""The state of a run: a fold over its records, never stored apart."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from irkit.core.errors import VerificationError
from irkit.core.events import (
    BugMet,
    FindingRaised,
    FootprintLeft,
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
from irkit.core.evidence import Evidence
from irkit.core.finding import Finding, Hold
from irkit.core.footprint import Footprint
from irkit.core.operations import AnyOperation, Touch

IN_DOUBT = "in doubt"


@dataclass
class Applied:
    """One attempt at an operation, and what became of it: `finished`, `failed` or `in doubt`.

    `followed` says that another attempt took its place, or that it was found not to apply any more.
    """

    seq: int
    started: OperationStarted
    state: str = IN_DOUBT
    reason: str = ""
    took_hold: str = IN_DOUBT
    proof: str = ""
    because: str = ""
    detail: str = ""
    followed: bool = False

    @property
    def key(self) -> str:
        """Host and full id of the container it concerns."""
        return f"{self.started.host}/{self.started.container}"

    @property
    def undo(self) -> "tuple[AnyOperation, ...]":
        """What takes it back; nothing where it has done that itself."""
        has_done = self.started.operation.takes_back and self.state == "finished"
        return () if has_done else self.started.undo

    @property
    def is_change(self) -> bool:
        """Whether it was to change its host, and may have."""
        return self.started.operation.touch is not Touch.READ and self.took_hold != "no"


@dataclass
class Run:
    """What a log says. `started` is None only for an empty log.

    `unheld` is what did not hold when it was last looked at, while containment was held: by the key of a container, or
    the name of a host that did not answer.
    """

    started: RunStarted | None = None
    started_at: str = ""
    finished: RunFinished | None = None
    finished_at: str = ""
    operations: list[Applied] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    skipped: list[OperationSkipped | StepSkipped] = field(default_factory=list)
    refused: list[TargetRefused] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    joined: dict[str, TargetJoined] = field(default_factory=dict)
    unheld: dict[str, Finding] = field(default_factory=dict)
    footprints: dict[str, Footprint] = field(default_factory=dict)
    bugs: list[BugMet] = field(default_factory=list)
    records: int = 0
    _open: dict[tuple[int, int, int], Applied] = field(default_factory=dict)
    _latest: dict[tuple[int, int], Applied] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """The names of its containers by their keys, with those that joined it."""
        names = dict(self.started.names) if self.started else {}
        return names | {key: one.container.name for key, one in self.joined.items()}

    @property
    def failures(self) -> list[Applied]:
        """Operations that failed for good, or of which no word came."""
        return [one for one in self.operations if one.state != "finished" and not one.followed]

    @property
    def changes(self) -> list[Applied]:
        """Operations that changed a host or may have, first to last."""
        return [one for one in self.operations if one.is_change]

    @property
    def is_clean(self) -> bool:
        """Whether all that was planned was done, and holds: the run came to its end, nothing failed or was left out."""
        is_done = self.finished is not None and self.finished.outcome == "done"
        return is_done and not (self.failures or self.refused or self.left_out or self.unheld or self.bugs)

    @property
    def left_out(self) -> list[OperationSkipped]:
        """Operations that were not done because of what went before them."""
        return [one for one in self.skipped if isinstance(one, OperationSkipped) and not one.not_needed]

    @property
    def inapplicable(self) -> list[OperationSkipped]:
        """Operations that were found not to apply any more: things were so already."""
        return [one for one in self.skipped if isinstance(one, OperationSkipped) and one.not_needed]

    def undo_operations(self) -> list[tuple[str, str, AnyOperation]]:
        """What takes the run back: host, container and operation, last change first."""
        return [
            (change.started.host, change.started.container, operation)
            for change in reversed(self.changes)
            for operation in change.undo
        ]

    def add(self, record: Record) -> None:  # noqa: C901 - one branch an event
        """Fold one more record in."""
        self.records += 1
        match record.event:
            case RunStarted() as event:
                self.started, self.started_at = event, record.at
            case OperationStarted() as event:
                self._follow(event)
                applied = Applied(seq=record.seq, started=event)
                self.operations.append(applied)
                self._latest[event.task, event.number] = applied
                self._open[event.task, event.number, event.attempt] = applied
            case OperationFinished() | OperationFailed() as event:
                self._end(record.seq, event)
                self.evidence.extend(event.evidence)
            case OperationSkipped() | StepSkipped() as event:
                self.skipped.append(event)
                self._follow(event)
            case TargetRefused() as event:
                self.refused.append(event)
            case TargetJoined() as event:
                self.joined[event.container.key] = event
            case FindingRaised(finding=finding):
                self._notice(finding)
            case FootprintLeft(host=host, footprint=footprint):
                self.footprints[host] = footprint
            case BugMet() as event:
                self.bugs.append(event)
            case RunFinished() as event:
                self.finished, self.finished_at = event, record.at
            case _:
                pass

    def _notice(self, finding: Finding) -> None:
        """Keep a finding, and what it says of what is held: of a container, or of a whole host."""
        self.findings.append(finding)
        where = finding.container or finding.host
        if finding.check in (Hold.BROKEN, Hold.REPLACED, Hold.UNSEEN):
            self.unheld[where] = finding
        elif finding.check in (Hold.AGAIN, Hold.TOUCHED, Hold.SEEN):
            self.unheld.pop(where, None)

    def _follow(self, event: OperationStarted | OperationSkipped | StepSkipped) -> None:
        """Mark the attempt before, if there was one, as made good by what follows."""
        if isinstance(event, StepSkipped) or (isinstance(event, OperationSkipped) and not event.not_needed):
            return
        if before := self._latest.get((event.task, event.number)):
            before.followed = True

    def _end(self, seq: int, event: OperationFinished | OperationFailed) -> None:
        """End an attempt. Raises VerificationError where the log has not begun it."""
        applied = self._open.pop((event.task, event.number, event.attempt), None)
        if applied is None:
            raise VerificationError(f"record {seq} of the run log ends an operation that was not begun")
        if isinstance(event, OperationFinished):
            applied.state, applied.took_hold = "finished", "yes"
            applied.proof, applied.because, applied.detail = event.proof, event.because, event.detail
        else:
            applied.state, applied.took_hold, applied.reason = "failed", event.took_hold, event.reason


def replay(records: Iterable[Record]) -> Run:
    """The state of a run from its records."""
    run = Run()
    for record in records:
        run.add(record)
    return run
