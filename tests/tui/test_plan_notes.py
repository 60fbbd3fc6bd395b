"""What speaks against a plan says whom it is about."""

from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from irkit.tui import flows
from irkit.tui.app import IrkitApp
from irkit.tui.screens.plan import PlanScreen
from tests.app.hosts_in_memory import Place
from tests.app.test_evidence_seen import carried_out
from tests.engine.world import attachment, container
from tests.tui.world import play, text_of, until


def test_containers_that_are_refused_are_named(tmp_path: Path) -> None:
    place = Place({"a@x": [container(name, attachment("front"), host="a@x") for name in ("web", "app")]})
    run = carried_out(place, tmp_path, "isolate", "")
    assert run.bundle is not None
    refused = f"REFUSED web, app: run {run.bundle.name} holds"
    keys = [f"a@x/{container(name).id}" for name in ("web", "app")]

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        flows.plan(app, "isolate", keys)
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
        await until(pilot, lambda: refused in " ".join(text_of(app).split()))

    play({"a@x": []}, tmp_path, script, place=place, size=(160, 45))
