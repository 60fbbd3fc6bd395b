"""Saves whole, from its source, what a screen shows a part of: the bytes as they come, into the evidence folder.

A screen shows a sanitised copy of the newest lines. What is saved is read anew, by the operation a playbook would run,
and never comes from what was shown.
"""

from __future__ import annotations  # see the imports for types only, below

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from irkit.adapters.clock import SystemClock
from irkit.app.looks import Look
from irkit.core.errors import IrkitError, UsageError
from irkit.core.operations import Diff, Inspect, ListProcesses, ReadLogs, ReadProcesses, ReadSockets
from irkit.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from irkit.adapters.export_folder import ExportFolder
    from irkit.app.live import Live
    from irkit.app.reach import HostTarget
    from irkit.app.setting import Setting
    from irkit.core.operations import AnyOperation
    from irkit.core.ports import Deadline

_SECONDS: Final = 6 * 3600.0
_IDLE: Final = 60.0
_OPERATIONS: Final[Mapping[str, Callable[[str], AnyOperation]]] = {
    "logs": ReadLogs,
    "inspect": Inspect,
    "files": Diff,
    "network": ReadSockets,
}
KINDS: Final = (*_OPERATIONS, "processes")
"""What can be saved, by the name of the tab that shows it."""


@dataclass(frozen=True)
class Exported:
    """What was saved: the folder, its files and their bytes, the SHA-256 of the file of sums, and what is missing."""

    path: Path
    files: int
    bytes: int
    sums: str
    problem: str = ""


@dataclass(frozen=True)
class Saving:
    """What is being saved of a container (its key); `look` has it once it is over."""

    key: str
    what: str
    look: Look[Exported]


class Exports:
    """What is being saved, for as long as irkit is open and whatever is shown. Its methods are for one thread."""

    def __init__(self, setting: Setting, live: Live) -> None:
        self._setting, self._live = setting, live
        self._under_way: list[Saving] = []

    def begin(self, key: str, what: str) -> bool:
        """Save it, unless just that is being saved already: whether it was begun."""
        if any((one.key, one.what) == (key, what) for one in self._under_way):
            return False
        self._under_way.append(Saving(key, what, export(self._setting, self._live, key, what)))
        return True

    def take(self) -> list[Saving]:
        """Those that are over, told once."""
        ended = [one for one in self._under_way if one.look.is_over]
        self._under_way = [one for one in self._under_way if one not in ended]
        return ended

    def stop(self, seconds: float) -> list[Saving]:
        """Have all of them end with what came, and wait so long for it in all; those too that did not end even then."""
        end = time.monotonic() + seconds
        for one in self._under_way:
            one.look.cancel_switch.set()  # and not given up: what came gets its sums
        for one in self._under_way:
            one.look.wait(max(0.0, end - time.monotonic()))
        stopped, self._under_way = self._under_way, []
        return stopped


def export(setting: Setting, live: Live, key: str, what: str) -> Look[Exported]:
    """Save all of one kind that its source has of a container; where that is cut short, it says what came."""
    host, _, container = key.partition("/")

    def work(look: Look[Exported]) -> Exported:
        from irkit.adapters.export_folder import ExportFolder

        if what not in KINDS:
            raise UsageError(f"nothing of {safe(what, 40)} can be saved: only {', '.join(KINDS)}")
        deadline = live.deadline(_SECONDS, look.cancel_switch, idle=_IDLE)
        target = live.target(host, deadline)
        operation = _operation(target, container, what, deadline)
        row = live.rows.get(key)
        name = row.summary.name if row is not None else container[:12]
        folder = ExportFolder(setting.folder, host, container, f"{name}-{what}", SystemClock())
        return _filled(folder, target, operation, deadline)

    return Look(work)


def _operation(target: HostTarget, container: str, what: str, deadline: Deadline) -> AnyOperation:
    if what != "processes":
        return _OPERATIONS[what](container)
    return ListProcesses(container) if target.why_no_files(deadline) else ReadProcesses(container)


def _filled(folder: ExportFolder, target: HostTarget, operation: AnyOperation, deadline: Deadline) -> Exported:
    problem = ""
    try:
        target.apply(operation, folder.intake, deadline)
    except IrkitError as error:
        problem = str(error)
    finally:
        items, sums = folder.end(problem)
    if problem and not items:
        raise UsageError(f"nothing was saved: {problem}")
    missing = "; ".join(filter(None, [problem, *(one.partial for one in items if one.partial != problem)]))
    return Exported(folder.path, len(items), sum(one.size for one in items), sums, missing)
