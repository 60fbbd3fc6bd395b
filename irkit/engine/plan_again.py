"""The steps of a playbook that contain, planned once more for one container while what they did is held.

Pure, as `planner` is.
"""

from dataclasses import replace

import msgspec

from irkit.core.action import Phase
from irkit.core.container import Container
from irkit.core.operations import Touch
from irkit.core.plan import Task
from irkit.engine.forecast import foresee
from irkit.engine.linter import lint
from irkit.engine.planning import Planning
from irkit.engine.request import Request


def plan_again(request: Request, container: Container, first: int, approved: Touch) -> tuple[Task, ...]:
    """The tasks that contain one container once more, from its facts as they are; numbered from `first` on.

    It is one of the request's targets, or has taken the place of one. Only the steps that contain are planned, and what
    goes beyond the touch that was approved is refused.
    """
    container = request.around.complete(container)
    own = replace(request, targets=[container], contained={}, named_twice=frozenset())
    planning = Planning(own, [container])
    for order, step in enumerate(request.playbook.steps, start=1):
        if request.actions[step.action].phase is Phase.CONTAIN:
            planning.plan_step(step, order)
    foreseen, _ = foresee(planning.tasks, request.playbook, [container], request.around)
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
