"""How much a plan is going to bring, and whether there is room for it: what engines tell of images is asked for that.

Sizes of containers are not: an engine walks every file of one for that, which takes long and changes access times.
"""

from __future__ import annotations  # see the imports for types only, below

import json
import shutil
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from irkit.core.errors import TargetError

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.setting import Setting
    from irkit.core.plan import Plan
    from irkit.core.ports import Deadline, Target

_SIZES_TIME = 10.0
"""Seconds for the images of one host: a plan goes without what an engine does not tell by then."""
_MOST_IMAGES = 100
"""Images that are asked after on one host."""
_MOST: Final = 1 << 52
"""Bytes: what is told beyond that is no size, and no number that JSON can hold."""


def with_estimates(setting: Setting, fleet: Fleet, plan: Plan) -> Plan:
    """The plan with what each task is going to bring, and a finding where there is no room for it."""
    from msgspec.structs import replace

    from irkit.engine.estimating import estimated, images_in, no_room

    plan = estimated(plan, _sizes(fleet, plan, images_in(plan)))
    finding = no_room(plan, space_left(setting))
    return replace(plan, findings=(finding, *plan.findings)) if finding else plan


def _sizes(fleet: Fleet, plan: Plan, images: Mapping[str, Mapping[str, None]]) -> dict[tuple[str, str], int]:
    """The sizes of images by host and digest; what a host does not tell is left out."""
    found: dict[tuple[str, str], int] = {}

    def ask(target: Target, deadline: Deadline) -> None:
        for image in list(images[target.host.name])[:_MOST_IMAGES]:
            with suppress(TargetError):
                found[target.host.name, image] = _size(target, image, deadline)

    asked = [host for host in plan.hosts if host.name in images]
    deque(fleet.each(ask, asked, _SIZES_TIME), maxlen=0)
    return found


def _size(target: Target, image: str, deadline: Deadline) -> int:
    """The size of an image, 0 where its engine does not tell. Raises TargetError."""
    from irkit.app.look_intake import LookIntake
    from irkit.core.operations import InspectImage

    operation = InspectImage(image)
    intake = LookIntake(operation.file)
    target.apply(operation, intake, deadline)
    try:
        told = json.loads(intake.content(operation.file))
    except (ValueError, RecursionError):
        return 0
    size = told.get("Size") if isinstance(told, dict) else None
    return size if type(size) is int and 0 < size < _MOST else 0


def space_left(setting: Setting) -> int | None:
    """Bytes that are free where the evidence goes; None where that cannot be told."""
    folder = setting.folder
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None
