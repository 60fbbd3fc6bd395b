"""A stage for snapshots: the real app on the world that stands still, its clocks and its folder the same each time."""

import asyncio
import itertools
import json
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from irkit.adapters.clock import SystemClock
from irkit.app.opened import Opened
from irkit.app.run_service import ActiveRun, RunService
from irkit.core.events import Record
from irkit.core.operations import InspectImage
from irkit.core.run import Run, replay
from irkit.core.store import Bytes
from irkit.tui.app import IrkitApp
from irkit.tui.services import Services
from tests.app.hosts_in_memory import Place
from tests.tui import still
from tests.tui.world import StillClock, until

Script = Callable[["Scene"], Awaitable[None]]
FREE = 211 << 30
SIZES = ((60, 15), (80, 24), (120, 40), (200, 60))


class _Disk(NamedTuple):
    total: int
    used: int
    free: int


class Scene:
    """The app, and what a script needs to bring it where a snapshot is taken."""

    def __init__(self, app: IrkitApp, pilot: Pilot[Any], live: still.StillLive) -> None:
        self.app, self.pilot, self.live = app, pilot, live

    async def press(self, *keys: str) -> None:
        """Press keys, and let what follows from them happen."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something."""
        await until(self.pilot, condition)

    async def settle(self) -> None:
        """Two ticks on, nothing moves any more, once what is looked at on other threads for it is there."""
        for _ in range(3):
            await self.app._tick()
            await self.pilot.pause()
            await self.until(lambda: not any(one.name == "look" for one in threading.enumerate()))

    def shows(self, text: str) -> bool:
        """Whether a text is on the screen."""
        return text in screen_text(self.app)


def stop_time(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on wall clocks, ids of runs, the disk and the folder are the same whenever they are asked."""

    def now(self: SystemClock) -> datetime:
        return still.NOW

    ids = itertools.count(1)
    patch.setattr(SystemClock, "now", now)
    for module in ("irkit.app.runs", "irkit.app.undo"):
        patch.setattr(f"{module}.new_run_id", lambda: f"{next(ids):04x}" * 8)
    patch.setattr(shutil, "disk_usage", lambda path: _Disk(2 * FREE, FREE, FREE))
    patch.setattr("irkit.app.run_service.ActiveRun._note_progress", lambda self, item: None)
    assert RunService.begin.__kwdefaults__ is not None
    patch.setitem(RunService.begin.__kwdefaults__, "parallel", 1)  # else the order of records is another each time
    patch.chdir(folder)
    patch.setenv("XDG_CONFIG_HOME", str(folder))  # where an inventory of whoever runs this is not
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")


def act(
    script: Script,
    *,
    size: tuple[int, int] = (80, 24),
    hosts: Sequence[Any] = still.HOSTS[:3],
    containers: Sequence[Any] = still.ALL,
    **opened: Any,
) -> IrkitApp:
    """Run the app on the world that stands still, below the working folder, and do what the script says."""
    known = {name: [one for one in containers if one.host == name] for name in ("prod-1", "prod-2", "edge-4")}
    images = {InspectImage(one.image_digest).file for one in containers}
    place = Place(known, contents=dict.fromkeys(images, json.dumps({"Size": 948_000_000}).encode()))
    setting = place.setting(Path("evidence"))
    live = still.StillLive(hosts, containers)
    told = Opened(hosts=(), **{"case": "IR-2026-014", "responder": "ann@desk", **opened})
    parts = Services(setting, told, live.as_live(), RunService(setting), clock=StillClock())
    parts.looks = still.StillLooks().as_looks()
    # A plan connects to hosts by name: there is no inventory here that would have them.
    app = IrkitApp(parts)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await app._tick()
            await script(Scene(app, pilot, live))

    try:
        asyncio.run(run())
    finally:
        for one in parts.runs.runs:
            if isinstance(one, ActiveRun):
                one.end()
                assert one.wait(60)
    return app


class StoppedRun:
    """A run of which only the first records are there: it goes on, and never comes further."""

    def __init__(self, run: ActiveRun, records: int, progress: Sequence[Bytes]) -> None:
        self.plan, self.begun = run.plan, still.NOW - timedelta(seconds=42)
        self.records: list[Record] = run.records[:records]
        self.run: Run = replay(self.records)
        self.progress = list(progress)
        self.is_over = self.is_ending = False
        self.bundle, self.error, self.holding = None, "", None

    def take(self) -> list[Record]:
        return []

    def end(self, reason: str = "", *, at_once: bool = False) -> None:
        self.is_ending = True

    def as_run(self) -> ActiveRun:
        return cast("ActiveRun", self)


def screen_text(app: IrkitApp) -> str:
    """What is on the screen, as text, without blanks at the ends of lines."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


__all__ = ["FREE", "SIZES", "Scene", "Script", "StoppedRun", "act", "replace", "screen_text", "stop_time"]
