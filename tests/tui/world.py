"""The terminal interface on hosts in memory, driven by a pilot."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from irkit.app.live import Live, LivePace
from irkit.app.opened import Opened
from irkit.app.run_service import RunService
from irkit.core.container import Container
from irkit.tui.app import IrkitApp
from irkit.tui.services import Clock, Services
from tests.app.hosts_in_memory import Place
from tests.tui.idle import idle

SIZE = (80, 24)
Play = Callable[[IrkitApp, Pilot[Any]], Awaitable[None]]


class StillClock(Clock):
    """A clock that stands still, for pictures."""

    def now(self) -> datetime:
        return datetime(2026, 1, 31, 14, 2, 11, tzinfo=UTC)


def services(place: Place, folder: Path, hosts: Sequence[str], pace: LivePace | None = None, **opened: Any) -> Services:
    """The parts of the app on these hosts, which are looked at from now on."""
    setting = place.setting(folder)
    told = Opened(hosts=tuple(hosts), **{"case": "IR-2026-014", "responder": "ann@desk", **opened})
    live = Live(setting, hosts, pace=pace)
    live.start()
    return Services(setting, told, live, RunService(setting), clock=StillClock())


def play(
    containers: Mapping[str, Sequence[Container]],
    folder: Path,
    script: Play,
    *,
    size: tuple[int, int] = SIZE,
    place: Place | None = None,
    pace: LivePace | None = None,
    **opened: Any,
) -> IrkitApp:
    """Run the app on hosts with these containers, and do what the script says; the app once it has ended."""
    where = place or Place(containers)
    parts = services(where, folder, list(containers), pace, **opened)
    app = IrkitApp(parts)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await script(app, pilot)

    try:
        asyncio.run(run())
    finally:
        parts.close()
        for one in parts.runs.runs:
            one.end()
            assert one.wait(60)
    return app


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so, and what follows from it has been done: a screen that has come is all there.

    An AssertionError, with what is shown, where it does not come.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come:\n{text_of(pilot.app)}")
        await pilot.pause(0.05)
    await idle()


def text_of(app: Any) -> str:
    """What is on the screen, as text."""
    width, height = app.size
    lines = app.screen._compositor.render_strips() if hasattr(app.screen, "_compositor") else []
    del width, height
    return "\n".join(strip.text.rstrip() for strip in lines)
