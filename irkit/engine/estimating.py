"""What a plan is going to bring, from its operations and the sizes of images, and whether there is room. Pure."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from irkit.core.estimate import in_all
from irkit.core.finding import Finding, Severity
from irkit.core.operations import Export, ReadImage, SaveImage
from irkit.core.plan import Plan, Task
from irkit.core.values import size_text

_OF_IMAGES: Final = (Export, ReadImage, SaveImage)


def images_in(plan: Plan) -> dict[str, dict[str, None]]:
    """The images, by host, whose sizes tell how much the plan brings."""
    found: dict[str, dict[str, None]] = {}
    for task in plan.tasks:
        target = plan.target(task.containers[0]) if task.containers else None
        if target and target.image_digest and any(isinstance(one, _OF_IMAGES) for one in task.operations):
            found.setdefault(task.host, {})[target.image_digest] = None
    return found


def estimated(plan: Plan, sizes: Mapping[tuple[str, str], int]) -> Plan:
    """The plan with the estimate of each task; `sizes` are bytes of images, by host and digest, as far as known."""
    return replace(plan, tasks=tuple(_estimated(plan, task, sizes) for task in plan.tasks))


def _estimated(plan: Plan, task: Task, sizes: Mapping[tuple[str, str], int]) -> Task:
    target = plan.target(task.containers[0]) if task.containers else None
    if target is None or not task.operations:
        return task
    image = sizes.get((task.host, target.image_digest), 0)
    return replace(task, estimate=in_all(one.estimate(target, image) for one in task.operations))


def no_room(plan: Plan, free: int | None) -> Finding | None:
    """What is to be known where less is free than the plan brings for certain; `free` is None where nobody knows."""
    about = plan.estimate.about
    if free is None or about <= free:
        return None
    return Finding(
        check="plan.room",
        severity=Severity.HIGH,
        summary=f"the evidence is about {size_text(about)} before compression, and {size_text(free)} are free for it",
        because=("sizes of images, as their engines tell them",),
        remedy="write it elsewhere (--evidence), or leave out what is large",
    )
