"""A confirmation that is answered twice, as an Enter that is held down does, begins one run and ends nothing else."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.core.errors import UsageError
from irkit.tui.app import IrkitApp
from irkit.tui.screen import Palette
from irkit.tui.screens.confirm import ConfirmScreen
from tests.app.hosts_in_memory import Place
from tests.app.slow_host import Slow
from tests.engine.world import container
from tests.tui.test_keys_in_order import burst, planned
from tests.tui.world import play, text_of, until


@pytest.mark.parametrize(("key", "phrase"), [("C", ""), ("I", "web")])
@pytest.mark.parametrize("enters", [2, 5])
def test_an_enter_that_is_held_down_begins_one_run(tmp_path: Path, key: str, phrase: str, enters: int) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        app.is_armed = True
        await planned(app, pilot, key)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        burst(app, phrase + "\r" * enters)
        await until(pilot, lambda: app.services.runs.latest is not None and app.services.runs.latest.is_over)
        await until(pilot, lambda: app.current_mode == "run")
        assert len(app.services.runs.runs) == 1
        assert [len(stack) for mode, stack in app.stacks() if mode == "triage"] == [1]

    app = play({"local": [container("web")]}, tmp_path, script)
    assert app.crash is None


def test_a_screen_that_is_left_twice_leaves_the_one_behind_it(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await planned(app, pilot, "C")
        screen = app.screen
        app.action_help()
        await until(pilot, lambda: app.screen is not screen)
        on_top = app.screen
        on_top.dismiss()
        on_top.dismiss()
        await pilot.pause()
        assert app.screen is screen

    play({"local": [container("web")]}, tmp_path, script)


@pytest.mark.parametrize("more", ["6", "5", "8", "r", " \r", "\r3", "\r6", "\x1b", "q"])
def test_what_is_agreed_to_is_begun_once_whatever_is_pressed_next(tmp_path: Path, more: str) -> None:
    place = Place(special={"local": Slow})

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        host = place.opened["local"]
        assert isinstance(host, Slow)
        host.go.set()
        screen = await planned(app, pilot, "C")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        answer = app.screen
        assert isinstance(answer, ConfirmScreen)
        host.go.clear()  # the run goes on yet when the keys come
        answer.action_yes()
        burst(app, more)
        await until(pilot, lambda: app.services.runs.latest is not None)
        await pilot.pause()
        host.go.set()
        await until(pilot, lambda: app.services.runs.latest is not None and app.services.runs.latest.is_over)
        assert len(app.services.runs.runs) == 1
        await app.go_to("triage")
        await until(pilot, lambda: screen not in app.screen_stack)
        assert len(app.screen_stack) == 1

    app = play({"local": []}, tmp_path, script, place=place)
    assert app.crash is None


def test_what_is_agreed_to_after_irkit_was_disarmed_is_not_begun(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        app.is_armed = True
        screen = await planned(app, pilot, "I")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        app.is_armed = False
        burst(app, "web\r")
        await until(pilot, lambda: app.screen is screen)
        await pilot.pause(0.2)
        assert not app.services.runs.runs

    play({"local": [container("web")]}, tmp_path, script)


def test_a_plan_that_could_not_be_begun_is_made_anew(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        screen = await planned(app, pilot, "C")
        before = screen.plan

        def refuse(*_: object, **__: object) -> None:
            raise UsageError("run 123 goes on")

        app.services.runs.begin, kept = refuse, app.services.runs.begin  # type: ignore[method-assign, assignment]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: screen.plan is not None and screen.plan is not before)
        app.services.runs.begin = kept  # type: ignore[method-assign]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.services.runs.latest is not None)

    play({"local": [container("web")]}, tmp_path, script)


def test_a_key_on_its_way_when_a_palette_comes_leaves_none_open_elsewhere(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        for _ in range(3):
            app.action_command_palette()
            await app.run_action("mode('case')")
            await until(pilot, lambda: isinstance(app.screen, Palette))
            assert app.current_mode == "triage"
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, Palette))
        await pilot.press("8", ":")
        await until(pilot, lambda: isinstance(app.screen, Palette) and app.current_mode == "case")

    app = play({"local": [container("web")]}, tmp_path, script)
    assert app.crash is None
