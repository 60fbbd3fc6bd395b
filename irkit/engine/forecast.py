"""What a plan will do to its targets beyond its own words, before anything is done.

Marks the tasks that must not be done, with the reason, and those that are done by another; says what a responder has to
know of the rest. Pure: what was looked at comes in as `Surroundings`. What the order of steps destroys is the linter's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from irkit.core.container import Container, Summary
from irkit.core.finding import Finding, Severity
from irkit.core.operations import (
    AnyOperation,
    BlockTraffic,
    Disconnect,
    DumpMemory,
    Kill,
    MakeNetwork,
    Operation,
    Pause,
    SetLimits,
    SetRestartPolicy,
    Stop,
)
from irkit.core.plan import Task
from irkit.core.playbook import Playbook
from irkit.engine.dependence import dependence
from irkit.engine.outlook import Outlook, outlook
from irkit.engine.surroundings import Surroundings

_CUTS: tuple[type[Operation], ...] = (Disconnect, BlockTraffic, MakeNetwork)
_ENDS: tuple[type[Operation], ...] = (Stop, Kill)
_ISOLATING = "isolate."
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""A name that a command can be given as it stands."""


def foresee(
    tasks: Sequence[Task], playbook: Playbook, targets: Sequence[Container], around: Surroundings
) -> tuple[list[Task], list[Finding]]:
    """The tasks, with refusals marked, and what is to be known of each target that something is done to."""
    accepted = {step.id for step in playbook.steps if step.accept_loss}
    marked = {task.index: task for task in tasks}
    lanes: dict[str, list[int]] = {}
    for task in tasks:
        for key in task.containers:
            lanes.setdefault(key, []).append(task.index)
    findings: list[Finding] = []
    for target in targets:
        one = _Target(target, playbook.name, accepted, around)
        for index in lanes.get(target.key, ()):
            marked[index] = one.look_at(marked[index], tasks)
        findings += one.findings()
    return [marked[task.index] for task in tasks], findings


@dataclass
class _Target:
    """One target, its tasks looked at one by one."""

    target: Container
    playbook: str
    accepted: set[str]
    around: Surroundings
    done: list[AnyOperation] = field(default_factory=list)
    told: list[Finding] = field(default_factory=list)
    is_asked_for: bool = False

    def look_at(self, task: Task, tasks: Sequence[Task]) -> Task:
        """The task, refused or skipped where it must be."""
        mine = [one for one in task.operations if one.subject == self.target.id]
        is_isolating = task.action.startswith(_ISOLATING)
        self.is_asked_for |= is_isolating or any(one.touch != "read" for one in mine)
        if self.target.network_owner and (is_isolating or any(isinstance(one, _CUTS) for one in mine)):
            return self._leave_to_owner(task, tasks)
        if task.refused or not mine:
            return task
        is_felt = any(isinstance(one, (*_CUTS, *_ENDS, Pause, DumpMemory)) for one in mine)
        if is_felt and (why := dependence(self.target, self.around)):
            if task.step not in self.accepted:
                reason = f"{why}: this would cut off irkit or you; accept_loss: true if you must"
                return replace(task, refused=reason, operations=())
            self._tell("plan.way", Severity.HIGH, f"step {task.step!r} may cut off irkit or you: {why}")
        self.done += mine
        return task

    def _leave_to_owner(self, task: Task, tasks: Sequence[Task]) -> Task:
        """A container on another's network is isolated with it: by the same step, or not at all."""
        owner = self.around.owner(self.target)
        short = self.target.network_owner[:12]
        name = f"{owner.name} ({short})" if owner else short
        if owner and any(
            other.step == task.step and other.host == task.host and other.operations and not other.refused
            for other in tasks
            if f"{task.host}/{owner.id}" in other.containers
        ):
            reason = f"it shares the network of container {name}, which this step isolates, and it with that"
            return replace(task, skipped=reason, refused="", operations=())
        word = owner.name if owner and _PLAIN.fullmatch(owner.name) else short
        command = f"irkit run {self.playbook} {word}"
        reason = f"it shares the network of container {name}: isolate that one, and all that share with it: {command}"
        return replace(task, refused=reason, skipped="", operations=())

    def findings(self) -> list[Finding]:
        """What is to be known of the target, if anything is done to it."""
        if self.is_asked_for:
            for one in outlook(self._outlook()):
                self._tell(one.check, one.severity, one.summary, one.because, one.remedy)
        return self.told

    def _outlook(self) -> Outlook:
        return Outlook(
            target=self.target,
            around=self.around,
            cut=frozenset(one.network for one in self.done if isinstance(one, Disconnect)),
            is_cut=any(isinstance(one, _CUTS) for one in self.done),
            is_disconnected=any(isinstance(one, Disconnect) for one in self.done),
            is_paused=any(isinstance(one, Pause) for one in self.done),
            is_ended=any(isinstance(one, _ENDS) for one in self.done),
            is_limited=any(isinstance(one, SetLimits) for one in self.done),
            stays_down=_stays_down(self.done),
            sharers=_names(self.around.sharers(self.target)),
        )

    def _tell(
        self, check: str, severity: Severity, summary: str, because: tuple[str, ...] = (), remedy: str = ""
    ) -> None:
        target = self.target
        self.told.append(
            Finding(
                check=check,
                severity=severity,
                host=target.host,
                container=target.key,
                summary=summary,
                because=because,
                remedy=remedy,
            )
        )


def _stays_down(done: Sequence[AnyOperation]) -> bool:
    """Whether its restart policy is taken away before, or after, whatever is done to it."""
    policies = [one.policy.name for one in done if isinstance(one, SetRestartPolicy)]
    return bool(policies) and policies[-1] == "no"


def _names(sharers: Sequence[Summary]) -> tuple[str, ...]:
    return tuple(one.name for one in sharers)
