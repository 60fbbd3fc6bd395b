"""Keys that come all at once, as they do over a slow line: each is heeded after the ones before it."""

from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList

from irkit.tui.app import IrkitApp
from irkit.tui.screens.confirm import ConfirmScreen
from irkit.tui.screens.plan import PlanScreen
from irkit.tui.screens.playbooks import PlaybooksScreen
from tests.engine.world import container
from tests.tui.world import play, text_of, until

NAMES = {" ": "space", "\r": "enter", "\x1b": "escape", ":": "colon"}


def burst(app: IrkitApp, keys: str) -> None:
    """What a terminal sends in one piece."""
    for char in keys:
        app.post_message(events.Key(NAMES.get(char, char), char))


async def planned(app: IrkitApp, pilot: Pilot[Any], key: str) -> PlanScreen:
    """The plan of the first container, by the key that opens it."""
    await until(pilot, lambda: "1/1 shown" in text_of(app))
    await pilot.press("g", key)
    await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
    assert isinstance(app.screen, PlanScreen)
    await pilot.pause()
    return app.screen


def test_a_step_left_out_just_before_enter_is_left_out(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        screen = await planned(app, pilot, "C")
        assert screen.plan is not None
        first = min(screen.plan.tasks, key=lambda one: (one.order, one.index)).step
        burst(app, " \r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert isinstance(app.screen, ConfirmScreen)
        confirmed = app.screen._plan
        assert {task.operations for task in confirmed.tasks if task.step == first} == {()}

    play({"local": [container("web")]}, tmp_path, script)


def test_a_phrase_that_is_pasted_with_its_enter_is_agreed_to(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        app.is_armed = True
        await planned(app, pilot, "I")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        burst(app, "web\r")
        await until(pilot, lambda: app.services.runs.latest is not None)

    play({"local": [container("web")]}, tmp_path, script)


def test_a_phrase_begun_before_its_enter_is_refused_where_it_is_not_whole(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        app.is_armed = True
        await planned(app, pilot, "I")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        burst(app, "we\r")
        await until(pilot, lambda: "not yet" in text_of(app))
        assert app.services.runs.latest is None

    play({"local": [container("web")]}, tmp_path, script)


def test_the_playbook_that_the_cursor_was_moved_to_is_planned(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        await pilot.press("g", "P")
        await until(pilot, lambda: isinstance(app.screen, PlaybooksScreen))
        listed = app.screen.query_one("#playbooks", OptionList)
        await until(pilot, lambda: listed.option_count > 2)  # they are read on another thread
        options = [listed.get_option_at_index(index) for index in range(listed.option_count)]
        wanted = str([one for one in options if not one.disabled][1].prompt).split()[0]
        burst(app, "j\r")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
        assert isinstance(app.screen, PlanScreen)
        assert app.screen.plan is not None and app.screen.plan.playbook == wanted

    play({"local": [container("web")]}, tmp_path, script)
