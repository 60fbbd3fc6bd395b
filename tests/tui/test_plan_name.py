"""An undo says which run it takes back, in its plan and before it is agreed to."""

from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from irkit.tui.app import IrkitApp
from irkit.tui.screens.confirm import ConfirmScreen
from irkit.tui.screens.plan import PlanScreen
from tests.app.hosts_in_memory import Place, one_each
from tests.app.test_evidence_seen import carried_out
from tests.tui.world import play, text_of, until


def test_an_undo_names_the_run_that_it_takes_back(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    run = carried_out(place, tmp_path, "contain-and-preserve", "")
    name = f"undo of run {run.plan.run[:12]}"

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        app.is_armed = True
        await pilot.press("6")
        await until(pilot, lambda: app.run_in_view() == str(run.bundle))
        await pilot.press("U")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
        await until(pilot, lambda: f"Plan {name}" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: f"{name}: this will CHANGE" in text_of(app))

    play(one_each("a@x"), tmp_path, script, place=place)
