"""One planning under way: the tasks of each step, in order, and which of them waits for which.

What is planned, and what is made of it, is `planner`'s and `plan_again`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from irkit.core.action import Action, Phase, Scope
from irkit.core.container import Container
from irkit.core.host import Host
from irkit.core.operations import AnyOperation, MeasureClock, Operation, ReadEngine, Touch
from irkit.core.plan import Task
from irkit.core.playbook import Step
from irkit.core.values import seconds_of
from irkit.engine.arguments import build_action
from irkit.engine.expressions import context_of, evaluate_condition, render
from irkit.engine.request import Request
from irkit.engine.sight import Sight

HOST_STEP = "host"
"""The step that every run begins and ends with: engine facts and clock."""


@dataclass
class Planning:
    """One planning: the tasks so far, the last task of each container, and the host operations already planned."""

    request: Request
    targets: list[Container]
    tasks: list[Task] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)
    planned: set[tuple[str, str]] = field(default_factory=set)
    actions: dict[str, Action] = field(default_factory=dict)
    sight: Sight = field(init=False)

    def __post_init__(self) -> None:
        by_sftp = frozenset(host.name for host in self.request.hosts if host.reach == "ssh")
        self.sight = Sight(self.request.no_files, self.request.no_root, by_sftp)

    def plan_all(self) -> None:
        """Plan every step for all targets, between the beginning and the end of the run on each host."""
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
        """Plan one step for all targets, once for each container, image or host as its action says."""
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
            self._plan_for(step, order, self.request.host(group[0].host), group[0], group)

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
