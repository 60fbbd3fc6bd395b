"""Which hosts of a run allow what needs root on them: asked only where a step that does may apply.

The question itself runs a command there, which a host may log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from irkit.core.errors import TargetError

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.core.host import Host
    from irkit.core.playbook import Step
    from irkit.core.ports import Deadline, Target
    from irkit.engine.request import Request


def no_root_of(fleet: Fleet, request: Request) -> dict[str, str]:
    """Why commands cannot be run as root, for each host on which they may have to be and cannot."""

    def needs(step: Step, arguments: Mapping[str, Any]) -> bool:
        return request.actions[step.action].may_need_root(arguments)

    return _asked(fleet, _concerned(request, needs), lambda target, deadline: target.why_no_root(deadline))


def no_files_of(fleet: Fleet, request: Request) -> dict[str, str]:
    """Why the host's files cannot be read as root, for each host on which they may have to be and cannot."""

    def needs(step: Step, arguments: Mapping[str, Any]) -> bool:
        return request.actions[step.action].reads_files

    return _asked(fleet, _concerned(request, needs), lambda target, deadline: target.why_no_files(deadline))


def _concerned(request: Request, needs: Callable[[Step, Mapping[str, Any]], bool]) -> list[Host]:
    """The hosts on which a step may apply that needs it."""
    steps = [step for step in request.playbook.steps if needs(step, step.arguments)]
    return [host for host in request.hosts if any(_may_need(request, host, step, needs) for step in steps)]


def _may_need(request: Request, host: Host, step: Step, needs: Callable[[Step, Mapping[str, Any]], bool]) -> bool:
    """Whether a step may apply on a host, and need it there, whatever its containers are like.

    Of these nothing is taken for granted: another may take the place of one while containment is held. What makes no
    sense is told where the step is planned.
    """
    from irkit.engine.expressions import ExpressionError, context_of, evaluate_condition, render

    context = context_of(None, host, request.parameters, request.run)
    try:
        if step.when and not evaluate_condition(step.when, context):
            return False
    except ExpressionError:
        pass
    try:
        return needs(step, render(step.arguments, context))
    except ExpressionError:
        return True


def _asked(fleet: Fleet, hosts: Sequence[Host], ask: Callable[[Target, Deadline], str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for host, result in fleet.each(ask, hosts) if hosts else ():
        if isinstance(result, TargetError):
            found[host.name] = result.reason
        elif result:
            found[host.name] = result
    return found
