"""Keys that come while a screen is made still: they do nothing, and irkit goes on."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.app.evidence_look import Item
from irkit.tui import standing
from irkit.tui.app import IrkitApp
from irkit.tui.screens.bundle import BundleScreen
from irkit.tui.screens.container import ContainerScreen
from irkit.tui.screens.evidence import EvidenceScreen
from irkit.tui.screens.hosts import HostsScreen
from irkit.tui.screens.item import ItemScreen
from irkit.tui.screens.triage import TriageScreen
from tests.engine.world import container
from tests.tui.world import play, text_of, until

ACTIONS = ("look_again", "copy", "undo", "help", "container", "plan_at_once('isolate')")


@pytest.mark.parametrize("action", ACTIONS)
def test_no_action_ends_irkit_where_its_screen_is_made_still(tmp_path: Path, action: str) -> None:
    made = (
        lambda: ContainerScreen(f"local/{container('web').id}"),
        EvidenceScreen,
        HostsScreen,
        TriageScreen,
        lambda: BundleScreen(tmp_path / "none"),
        lambda: ItemScreen(tmp_path, Item("data/none", 1)),
    )

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        for make in made:
            app.push_screen(make())
            await app.run_action(action)
            await pilot.pause()
            await app.go_to("triage")
            await pilot.pause()

    app = play({"local": [container("web")]}, tmp_path, script)
    assert app.crash is None


def test_a_terminal_that_shrinks_while_the_palette_is_made_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        app.action_command_palette()
        monkeypatch.setattr(standing, "SMALLEST", (999, 999))
        await app.see_to_size()
        await until(pilot, lambda: app.current_mode == standing.SMALL)
        await pilot.pause()

    app = play({"local": [container("web")]}, tmp_path, script)
    assert app.crash is None
