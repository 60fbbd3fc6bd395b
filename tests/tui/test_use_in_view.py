"""What containers use, in the list of a wide terminal: of those in view, and asked for nowhere else."""

import json
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from irkit.adapters.memory import MemoryTarget
from irkit.core.host import Host
from irkit.core.operations import Operation, ReadStats
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.tui.app import IrkitApp
from tests.app.hosts_in_memory import Place
from tests.app.test_live_use import sample
from tests.engine.world import container
from tests.tui.world import play, text_of, until

EVERY = [container(f"c{number:02}", state="running" if number < 80 else "exited") for number in range(90)]


class Asked(MemoryTarget):
    """A host that knows of which containers it was asked what they use."""

    def __init__(self, host: Host) -> None:
        super().__init__(EVERY, host)
        self.contents["stats.json"] = json.dumps(sample()).encode()
        self.asked: set[str] = set()

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if isinstance(operation, ReadStats):
            self.asked.add(operation.container)
        return super().apply(operation, intake, deadline)


def shown(folder: Path, size: tuple[int, int], script: Any) -> Asked:
    place = Place(special={"local": Asked})

    async def run(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "90/90 shown" in text_of(app))
        await script(app, pilot)

    play({"local": EVERY}, folder, run, place=place, size=size)
    host = place.opened["local"]
    assert isinstance(host, Asked)
    return host


def test_a_wide_terminal_shows_what_those_in_view_use_and_no_other_is_asked_for(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: text_of(app).count("200%") >= 5)
        assert "CPU" in text_of(app) and "4.0 kB" in text_of(app)
        in_view = app.screen.query_one("LiveTable").in_view  # type: ignore[attr-defined]
        assert 0 < len(in_view) <= 20

    host = shown(tmp_path, (200, 20), script)
    assert 5 <= len(host.asked) <= 20


def test_a_terminal_of_usual_width_asks_for_nothing(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.pause(1.5)
        assert "CPU" not in text_of(app)

    assert not shown(tmp_path, (120, 20), script).asked


def test_nothing_is_asked_for_while_another_screen_is_looked_at(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "200%" in text_of(app))
        await pilot.press("8")
        await pilot.pause(0.3)
        assert not app.services.use._under_way

    shown(tmp_path, (200, 20), script)
