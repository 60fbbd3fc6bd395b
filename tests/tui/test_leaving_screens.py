"""A screen is left once, however often a key or the mouse says so before it is gone."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.command import CommandPalette
from textual.pilot import Pilot

from irkit.tui.app import IrkitApp
from irkit.tui.screens.case import CaseScreen
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.screens.note import NoteScreen
from tests.engine.world import container
from tests.tui.world import play, text_of, until

Open = Callable[[IrkitApp, Pilot[Any]], Awaitable[None]]


def twice(app: IrkitApp, *given: events.Event) -> None:
    """The same several times, before anything came of the first."""
    for _ in range(3):
        for one in given:
            app.post_message(one)


async def choice(app: IrkitApp, pilot: Pilot[Any]) -> None:
    app.push_screen(ChoiceScreen("Which?", [("a", "A", "this"), ("b", "B", "that")]))
    await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))


async def note(app: IrkitApp, pilot: Pilot[Any]) -> None:
    await pilot.press("semicolon")
    await until(pilot, lambda: isinstance(app.screen, NoteScreen))


@pytest.mark.parametrize("opened", [choice, note])
def test_a_second_enter_leaves_no_other_screen(opened: Open, tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        await pilot.press("g", "enter")
        before = app.screen
        await opened(app, pilot)
        await pilot.pause()
        twice(app, events.Key("enter", "\r"))
        await until(pilot, lambda: app.screen is before)
        await pilot.pause(0.2)
        assert app.screen is before

    play({"local": [container("web")]}, tmp_path, script)


def test_a_second_click_beside_the_palette_leaves_no_other_screen(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("8")
        await until(pilot, lambda: isinstance(app.screen, CaseScreen))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"zzzz")
        await until(pilot, lambda: "No matches" in text_of(app))
        at = (1, 22, 0, 0, 1, False, False, False, 1, 22)
        twice(app, events.MouseDown(None, *at), events.MouseUp(None, *at))
        await until(pilot, lambda: isinstance(app.screen, CaseScreen))
        await pilot.pause(0.2)
        assert isinstance(app.screen, CaseScreen)

    play({"local": [container("web")]}, tmp_path, script)
