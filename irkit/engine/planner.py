"""From a playbook and the facts of its targets to a plan: every operation, before anything is done.

Pure: facts come in, a value goes out. What the order of steps destroys is the linter's to say.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from irkit.core.action import Action, Phase, RunFacts, Scope
from irkit.core.container import Container
from irkit.core.errors import NoTargetError
from irkit.core.finding import Finding, Severity
from irkit.core.host import Host
from irkit.core.operations import AnyOperation, MeasureClock, Operation, ReadEngine, Touch
from irkit.core.plan import Plan, Refused, Task
from irkit.core.playbook import Playbook, Step
from irkit.core.values import seconds_of
from irkit.engine.arguments import build_action
from irkit.engine.expressions import context_of, evaluate_condition, render
from irkit.engine.forecast import foresee
from irkit.engine.linter import lint
from irkit.engine.sight import Sight
from irkit.engine.surroundings import Surroundings

HOST_STEP = "host"
"""The step that every run begins and ends with: engine facts and clock."""


@dataclass(frozen=True)
class Request:
    """What is asked for, and what is known: all that planning needs.

    `contained` maps container keys to the run that holds them contained; `named_twice` are keys that more than one
    name selected; `unreached` the hosts that were asked for and are left out, with the reason.
    `no_root` and `no_files` say for each host on which commands cannot be run as root, or files cannot be read as root,
    why that is so. `around` is what has to be heeded beside the targets.
    """

    playbook: Playbook
    actions: Mapping[str, type[Action]]
    hosts: Sequence[Host]
    targets: Sequence[Container]
    parameters: Mapping[str, Any]
    run: RunFacts
    made_at: str
    contained: Mapping[str, str] = field(default_factory=dict)
    named_twice: frozenset[str] = frozenset()
    unreached: Mapping[str, str] = field(default_factory=dict)
    no_root: Mapping[str, str] = field(default_factory=dict)
    no_files: Mapping[str, str] = field(default_factory=dict)
    around: Surroundings = field(default_factory=Surroundings)


def make_plan(request: Request) -> Plan:
    """The plan for a request. Raises PlaybookError for what does not evaluate, NoTargetError where none is left."""
    targets, findings = _select(request)
    planner = _Planner(request, targets)
    planner.plan_all()
    foreseen, known = foresee(planner.tasks, request.playbook, targets, request.around)
    tasks, more, refusals = lint(foreseen, request.playbook, targets)
    refused = [
        Refused(host=task.host, container=key, step=task.step, reason=task.refused)
        for task in tasks
        if task.refused
        for key in task.containers or ("",)
    ]
    used = {target.host for target in targets}
    playbook = request.playbook
    return Plan(
        run=request.run.id,
        case=request.run.case,
        responder=request.run.responder,
        playbook=playbook.name,
        playbook_version=playbook.version,
        playbook_digest=playbook.digest,
        made_at=request.made_at,
        parameters=dict(request.parameters),
        hosts=tuple(host for host in request.hosts if host.name in used),
        targets=tuple(targets),
        tasks=tuple(tasks),
        findings=(*_unreached_findings(request), *findings, *planner.sight.findings(), *known, *more),
        refusals=(*(Refused(host=name, reason=why) for name, why in request.unreached.items()), *refusals, *refused),
    )


def plan_again(request: Request, container: Container, first: int, approved: Touch) -> tuple[Task, ...]:
    """The tasks that contain one container once more, from its facts as they are; numbered from `first` on.

    It is one of the request's targets, or has taken the place of one. Only the steps that contain are planned, and what
    goes beyond the touch that was approved is refused.
    """
    container = request.around.with_drivers(container)
    own = replace(request, targets=[container], contained={}, named_twice=frozenset())
    planner = _Planner(own, [container])
    for order, step in enumerate(request.playbook.steps, start=1):
        if request.actions[step.action].phase is Phase.CONTAIN:
            planner.plan_step(step, order)
    foreseen, _ = foresee(planner.tasks, request.playbook, [container], request.around)
    tasks, _, _ = lint(foreseen, request.playbook, [container])
    return tuple(_renumbered(_within(task, approved), first) for task in tasks)


def contain_steps(request: Request) -> frozenset[str]:
    """The ids of the steps that contain."""
    actions = request.actions
    return frozenset(step.id for step in request.playbook.steps if actions[step.action].phase is Phase.CONTAIN)


def _within(task: Task, approved: Touch) -> Task:
    """A task, refused where it goes beyond what was approved."""
    if all(operation.touch.degree <= approved.degree for operation in task.operations):
        return task
    reason = f"it goes beyond {approved}, which is what was approved"
    return msgspec.structs.replace(task, refused=reason, operations=())


def _renumbered(task: Task, first: int) -> Task:
    return msgspec.structs.replace(task, index=first + task.index, after=tuple(first + one for one in task.after))


def _unreached_findings(request: Request) -> list[Finding]:
    return [
        Finding(
            check="plan.unreached",
            severity=Severity.HIGH,
            host=name,
            summary=f"host {name} is left out",
            because=(reason,),
            remedy=f"irkit hosts check {name}",
        )
        for name, reason in request.unreached.items()
    ]


def _select(request: Request) -> tuple[list[Container], list[Finding]]:
    condition = request.playbook.selects
    if not condition:
        return list(request.targets), []
    chosen, findings = [], []
    for target in request.targets:
        context = context_of(target, _host_of(request, target.host), request.parameters, request.run)
        if evaluate_condition(condition, context):
            chosen.append(target)
            continue
        findings.append(
            Finding(
                check="plan.selects",
                severity=Severity.INFO,
                host=target.host,
                container=target.key,
                summary="left out: the playbook does not select it",
                because=(condition,),
            )
        )
    if not chosen:
        raise NoTargetError(f"the playbook selects none of the {len(request.targets)} targets: {condition}")
    return chosen, findings


def _host_of(request: Request, name: str) -> Host:
    return next(host for host in request.hosts if host.name == name)


@dataclass
class _Planner:
    """One planning: the tasks so far, the last task of each container, and the host operations already planned."""

    request: Request
    targets: list[Container]
    tasks: list[Task] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)
    planned: set[tuple[str, str]] = field(default_factory=set)
    actions: dict[str, Action] = field(default_factory=dict)
    sight: Sight = field(init=False)

    def __post_init__(self) -> None:
        self.sight = Sight(self.request.no_files, self.request.no_root)

    def plan_all(self) -> None:
        for host in self._hosts():
            self._add(
                step=HOST_STEP,
                order=0,
                host=host.name,
                operations=self._new(host.name, [ReadEngine("info"), ReadEngine("version"), MeasureClock("start")]),
            )
        for order, step in enumerate(self.request.playbook.steps, start=1):
            self.plan_step(step, order)
        end = len(self.request.playbook.steps) + 1
        for host in self._hosts():
            keys = tuple(one.key for one in self.targets if one.host == host.name)
            self._add(step=HOST_STEP, order=end, host=host.name, containers=keys, operations=(MeasureClock("end"),))

    def _hosts(self) -> list[Host]:
        used = {target.host for target in self.targets}
        return [host for host in self.request.hosts if host.name in used]

    def plan_step(self, step: Step, order: int) -> None:
        scope = self.request.actions[step.action].scope
        if scope is Scope.HOST:
            for host in self._hosts():
                self._plan_for(step, order, host, None, [one for one in self.targets if one.host == host.name])
            return
        groups: dict[tuple[str, str], list[Container]] = {}
        for target in self.targets:
            # An image that the engine does not tell is nobody else's.
            name = (scope is Scope.IMAGE and target.image_digest) or target.id
            groups.setdefault((target.host, name), []).append(target)
        for group in groups.values():
            self._plan_for(step, order, _host_of(self.request, group[0].host), group[0], group)

    def _plan_for(
        self, step: Step, order: int, host: Host, container: Container | None, group: Sequence[Container]
    ) -> None:
        context = context_of(container, host, self.request.parameters, self.request.run)
        skipped = "" if not step.when or evaluate_condition(step.when, context) else f"not when {step.when}"
        operations: tuple[AnyOperation, ...] = ()
        refused = ""
        kind = self.request.actions[step.action]
        if not skipped:
            action = self._action(kind, render(step.arguments, context))
            refused = self._refuse(action, group if container else ())
            operations = () if refused else self._operations(action, host, container)
            changing = [one for one in operations if one.touch is not Touch.READ]
            if host.name in self.request.no_root and any(one.needs_root for one in changing):
                refused, operations = f"it needs root on the host: {self.request.no_root[host.name]}", ()
            skipped = "" if operations or refused else "there is nothing to do"
            operations, blind = self.sight.look_at(step.id, host.name, operations)
            skipped = skipped or blind
        changes = refused or any(one.touch is not Touch.READ and not one.takes_back for one in operations)
        self._add(
            step=step.id,
            action=step.action,
            order=order,
            host=host.name,
            containers=tuple(one.key for one in group),
            operations=operations,
            stop_on_error=step.on_error == "stop" or (not step.on_error and bool(changes)),
            timeout=seconds_of(step.timeout or kind.timeout or "0s"),
            retries=step.retries,
            skipped=skipped,
            refused=refused,
        )

    def _action(self, kind: type[Action], arguments: Mapping[str, Any]) -> Action:
        """The action with its arguments; the same ones, as most containers have, are checked once."""
        mark = f"{kind.name} {arguments!r}"
        if mark not in self.actions:
            self.actions[mark] = build_action(kind, arguments)
        return self.actions[mark]

    def _operations(self, action: Action, host: Host, container: Container | None) -> tuple[AnyOperation, ...]:
        run = self.request.run
        if container is None:
            # A step of the host's own means what it says, however often: events of now are not those of before.
            return tuple(action.plan_host(host, run))  # type: ignore[arg-type]
        return self._new(host.name, action.plan(container, run))

    def _refuse(self, action: Action, group: Sequence[Container]) -> str:
        """Why the action is not done to these, who share one task: the first reason found."""
        for container in group:
            if action.phase is Phase.CONTAIN and container.key in self.request.named_twice:
                return "it is named twice: containing it twice would confuse undo"
            if action.phase is Phase.CONTAIN and container.key in self.request.contained:
                return f"run {self.request.contained[container.key]} holds it contained already: undo that run first"
            if reason := action.refuse(container):
                return reason
        return ""

    def _new(self, host: str, operations: Iterable[Operation]) -> tuple[AnyOperation, ...]:
        """The operations less what concerns the host alone and is planned already."""
        kept: list[AnyOperation] = []
        for operation in operations:
            mark = (host, repr(operation))
            if not operation.subject and mark in self.planned:
                continue
            self.planned.add(mark)
            kept.append(operation)  # type: ignore[arg-type]
        return tuple(kept)

    def _add(
        self,
        *,
        step: str,
        order: int,
        host: str,
        action: str = "",
        containers: tuple[str, ...] = (),
        operations: tuple[AnyOperation, ...] = (),
        stop_on_error: bool = False,
        timeout: float = 0,
        retries: int = 0,
        skipped: str = "",
        refused: str = "",
    ) -> None:
        index = len(self.tasks)
        after = tuple(sorted({self.last[key] for key in containers if key in self.last}))
        self.tasks.append(
            Task(
                index=index,
                step=step,
                order=order,
                action=action,
                host=host,
                containers=containers,
                operations=operations,
                after=after,
                stop_on_error=stop_on_error,
                timeout=timeout,
                retries=retries,
                skipped=skipped,
                refused=refused,
            )
        )
        self.last.update(dict.fromkeys(containers, index))
