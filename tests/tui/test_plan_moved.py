"""A plan whose targets are not what they were, or of which nobody knows: back to the plan, and nothing is begun."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace
from textual.pilot import Pilot

from irkit.adapters.memory import MemoryTarget
from irkit.core.container import Summary
from irkit.core.errors import UnreachableError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.tui.app import IrkitApp
from irkit.tui.screens.plan import PlanScreen
from tests.app.hosts_in_memory import Place, one_each
from tests.tui.world import play, text_of, until


class Mortal(MemoryTarget):
    """A host that does not answer any more once it `is_down`."""

    def __init__(self, host: Host) -> None:
        super().__init__(one_each(host.name)[host.name], host)
        self.is_down = False

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        if self.is_down:
            raise UnreachableError("no route to host")
        return super().list_containers(deadline)


def planned(folder: Path, script: Any) -> None:
    place = Place(special={"local": Mortal})

    async def run(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "on-local" in text_of(app))
        await pilot.press("g", "I")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan is not None)
        screen, host = app.screen, place.opened["local"]
        assert isinstance(screen, PlanScreen) and screen.plan is not None and isinstance(host, Mortal)
        assert screen.moved(screen.plan) == ""
        await script(app, pilot, screen, host)
        assert app.services.runs.latest is None

    play(one_each("local"), folder, run, place=place)


def test_a_target_whose_host_does_not_answer_is_not_taken_for_what_it_was(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], screen: PlanScreen, host: Mortal) -> None:
        host.is_down = True
        app.services.live.refresh()
        await until(pilot, lambda: not app.services.live.hosts["local"].state.is_up)
        assert screen.plan is not None and "is not known" in screen.moved(screen.plan)
        app.is_armed = True
        await screen._confirmed(screen.plan)
        await pilot.pause()

    planned(tmp_path, script)


def test_a_target_that_is_gone_or_was_started_anew_is_named(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], screen: PlanScreen, host: Mortal) -> None:
        plan = screen.plan
        assert plan is not None
        (target,) = plan.targets
        started = replace(target, started_at="2026-02-01T00:00:00Z")
        assert screen.moved(replace(plan, targets=(started,))) == "on-local was started anew"
        del host.containers[target.id]
        app.services.live.refresh()
        await until(pilot, lambda: screen.moved(plan) == "on-local is gone")

    planned(tmp_path, script)


def test_a_target_of_a_host_that_is_not_in_the_list_is_left_to_the_run(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], screen: PlanScreen, host: Mortal) -> None:
        plan = screen.plan
        assert plan is not None
        assert screen.moved(replace(plan, targets=(replace(plan.targets[0], host="elsewhere"),))) == ""

    planned(tmp_path, script)
