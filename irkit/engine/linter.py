"""What the order of a plan's steps destroys, and where it leaves the order of volatility (RFC 3227, section 2.1).

Refuses a step that destroys what a later step collects, and one that destroys a whole container, unless the playbook
says `accept_loss` on it. Says, without refusing, where volatile data is collected late or never.
"""

from collections.abc import Sequence

import msgspec

from irkit.core.container import Container
from irkit.core.finding import Finding, Severity
from irkit.core.operations import Touch, Trace
from irkit.core.plan import Refused, Task
from irkit.core.playbook import Playbook

_KEPT_BY_CONTAINER = Trace.LAYER


def lint(
    tasks: Sequence[Task], playbook: Playbook, targets: Sequence[Container]
) -> tuple[list[Task], list[Finding], list[Refused]]:
    """The tasks with refusals marked, what was noticed, and what makes the whole plan unfit to run."""
    accepted = {step.id for step in playbook.steps if step.accept_loss}
    findings: dict[tuple[str, str, str], Finding] = {}
    refusals: dict[str, Refused] = {}
    marked: dict[int, Task] = {}
    for target in targets:
        lane = _Lane(target, [task for task in tasks if target.key in task.containers], accepted)
        lane.walk()
        findings.update({(one.check, one.summary, one.container): one for one in lane.findings})
        refusals.update({one.reason: one for one in lane.refusals})
        marked.update({task.index: task for task in lane.marked})
    return [marked.get(task.index, task) for task in tasks], list(findings.values()), list(refusals.values())


class _Lane:
    """One container's tasks, walked in order."""

    def __init__(self, target: Container, tasks: list[Task], accepted: set[str]) -> None:
        self.target, self.tasks, self.accepted = target, tasks, accepted
        self.gone: dict[Trace, str] = {}
        self.seen: set[Trace] = set()
        self.latest = (0, "")
        self.findings: list[Finding] = []
        self.refusals: list[Refused] = []
        self.marked: list[Task] = []

    def walk(self) -> None:
        for task in self.tasks:
            for operation in task.operations:
                if operation.subject not in ("", self.target.id):
                    continue
                self._check_lost(task, operation.collects)
                if operation.touch is Touch.READ and operation.subject:
                    self._check_order(task, operation.rank)
                losses = operation.losses(self.target)
                if operation.touch is Touch.DESTROY and self._is_refused(task, losses):
                    break
                if task.step not in self.accepted:
                    self.gone.update(dict.fromkeys(losses, task.step))
                self.seen |= operation.collects

    def _check_lost(self, task: Task, collected: frozenset[Trace]) -> None:
        for trace in sorted(collected & self.gone.keys()):
            culprit = self.gone[trace]
            self.refusals.append(
                Refused(
                    step=culprit,
                    reason=f"step {culprit!r} destroys {trace}, which step {task.step!r} collects after it:"
                    " put it later, or accept the loss with accept_loss: true",
                )
            )

    def _check_order(self, task: Task, rank: int) -> None:
        latest, step = self.latest
        if rank < latest:
            self.findings.append(
                Finding(
                    check="plan.order",
                    severity=Severity.LOW,
                    host=self.target.host,
                    summary=f"step {task.step!r} collects more volatile data than step {step!r} before it",
                    because=(f"volatility rank {rank} after {latest}",),
                    remedy=f"put step {task.step!r} before step {step!r}",
                )
            )
        if rank > latest:
            self.latest = (rank, task.step)

    def _is_refused(self, task: Task, losses: frozenset[Trace]) -> bool:
        """Whether a step that destroys is refused for this container; says what is lost where it is not."""
        if task.step in self.accepted:
            return False
        if _KEPT_BY_CONTAINER in losses:
            reason = "it was made with --rm, so this removes it with all its files: accept_loss: true if you must"
            self.marked.append(msgspec.structs.replace(task, refused=reason, operations=()))
            return True
        never = sorted(losses - self.seen)
        if never:
            self.findings.append(
                Finding(
                    check="plan.loss",
                    severity=Severity.MEDIUM,
                    host=self.target.host,
                    container=self.target.key,
                    summary=f"step {task.step!r} destroys {', '.join(never)}, which no step before it collects",
                    because=(f"the container is {self.target.state}",),
                )
            )
        return False
