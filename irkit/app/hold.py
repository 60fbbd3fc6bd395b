"""What a run that is held needs: its playbook, its approved plan, and what else goes on in the evidence folder."""

from __future__ import annotations  # see the imports for types only, below

from typing import TYPE_CHECKING

from irkit.app.bundles import contained
from irkit.core.errors import IrkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from irkit.app.runs import Prepared
    from irkit.app.setting import Setting
    from irkit.core.container import Container
    from irkit.core.holding import Told
    from irkit.core.plan import Plan, Task
    from irkit.engine.hold_desk import HoldOrder
    from irkit.engine.request import Request


def check_holdable(plan: Plan, request: Request) -> None:
    """Raises UsageError where the plan contains nothing that could be held."""
    from irkit.engine.plan_again import contain_steps

    steps = contain_steps(request)
    if not any(task.operations for task in plan.tasks if task.step in steps):
        raise UsageError("there is nothing to hold: no step of the plan contains anything")


def hold_order(
    setting: Setting, prepared: Prepared, locks: list[int], *, seconds: float = 0, told: Told | None = None
) -> HoldOrder | None:
    """How what the plan contains is held, or None where it is not to be.

    The locks of containers that join the run are added to those of its targets.
    """
    from irkit.engine.hold_desk import HoldOrder
    from irkit.engine.plan_again import contain_steps, plan_again

    plan, request = prepared.plan, prepared.request
    if not plan.hold or request is None:
        return None

    def again(container: Container, first: int) -> Sequence[Task]:
        return plan_again(request, container, first, plan.touch)

    def claim(container: Container) -> str:
        return _claim(setting, plan, container, locks)

    return HoldOrder(
        steps=contain_steps(request),
        plan_again=again if plan.hold == "contain" else None,
        claim=claim,
        seconds=seconds,
        told=told or (lambda holding: None),
    )


def _claim(setting: Setting, plan: Plan, container: Container, locks: list[int]) -> str:
    """Have nobody else change a container that joins the run; why it must not be changed, or empty."""
    from irkit.adapters.holds import hold

    try:
        held = hold(setting.folder, {container.id: container.name})
    except IrkitError as error:
        return str(error)
    locks += held
    run = contained(setting, plan.hosts).get(container.key)
    return f"run {run} holds it contained" if run else ""
