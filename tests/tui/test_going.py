"""From anywhere, 1 is the list and 2 a container: the one under the cursor, else the one looked at last."""

from pathlib import Path

import pytest

from irkit.core.text import safe
from irkit.tui.screens.container import ContainerScreen
from irkit.tui.screens.note import NoteScreen
from irkit.tui.screens.triage import TriageScreen
from tests.tui import still
from tests.tui.stage import Scene, act, screen_text, stop_time

ELSEWHERE = "5678"


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stop_time(monkeypatch, tmp_path)


def shown(scene: Scene) -> tuple[str, str]:
    """The container that is shown, and its tab."""
    screen = scene.app.screen
    assert isinstance(screen, ContainerScreen), screen
    return screen.key, screen.pane.title


def test_from_elsewhere_1_is_the_list_though_a_container_was_left_open() -> None:
    async def script(scene: Scene) -> None:
        for key in ELSEWHERE:
            scene.app.open_container(still.API.key, "processes")
            await scene.settle()
            await scene.press(key, "1")
            assert isinstance(scene.app.screen, TriageScreen)

    act(script)


def test_escape_from_elsewhere_goes_back_to_what_was_left_open() -> None:
    async def script(scene: Scene) -> None:
        scene.app.open_container(still.API.key, "processes")
        await scene.settle()
        await scene.press("6", "escape")
        assert shown(scene) == (still.API.key, "Processes")

    act(script)


def test_from_elsewhere_2_is_the_container_looked_at_last_with_its_tab_and_left_open_but_once() -> None:
    async def script(scene: Scene) -> None:
        scene.app.open_container(still.API.key)
        await scene.settle()
        await scene.press("t")
        for key in ELSEWHERE:
            await scene.press(key, "2")
            assert shown(scene) == (still.API.key, "Processes")
        await scene.press("2", "2", "escape")
        assert isinstance(scene.app.screen, TriageScreen)
        await scene.press("7", "2")
        assert shown(scene) == (still.API.key, "Processes"), "it was left, and is opened anew"

    act(script)


def test_where_none_was_looked_at_yet_2_is_the_one_under_the_cursor_of_the_list() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("j", "j")
        key = scene.app.screen.looked_at()  # type: ignore[attr-defined]
        await scene.press("8", "2")
        assert [shown(scene)[0]] == key

    act(script)


def test_in_the_list_2_is_the_one_under_the_cursor_whatever_is_marked_or_was_looked_at() -> None:
    async def script(scene: Scene) -> None:
        scene.app.open_container(still.SENSOR.key)
        await scene.settle()
        await scene.press("escape", "g", "space", "j", "space")
        key = scene.app.screen.looked_at()  # type: ignore[attr-defined]
        await scene.press("2")
        assert [shown(scene)[0]] == key != [still.SENSOR.key]

    act(script)


def test_where_there_is_no_container_at_all_2_says_what_to_do() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("7", "2")
        assert scene.app.current_mode == "hosts"
        assert any("cursor on a container" in one.message for one in scene.app._notifications)

    act(script, containers=())


def test_neither_leaves_a_question_behind() -> None:
    async def script(scene: Scene) -> None:
        scene.app.open_container(still.API.key)
        await scene.settle()
        await scene.press("semicolon")
        for action in ("list", "container"):
            await scene.app.run_action(action)
            assert isinstance(scene.app.screen, NoteScreen)

    act(script)


@pytest.mark.parametrize("tab", ["processes", "network", "files", "logs", "inspect"])
def test_a_click_on_a_tab_shows_it(tab: str) -> None:
    async def script(scene: Scene) -> None:
        scene.app.open_container(still.API.key)
        await scene.settle()
        line = screen_text(scene.app).splitlines()[2]
        await scene.pilot.click("#container-tabs", offset=(line.index(tab), 0))
        await scene.settle()
        assert shown(scene)[1].lower() == tab
        await scene.pilot.click("#container-tabs", offset=(79, 0))
        await scene.settle()
        assert shown(scene)[1].lower() == tab, "beside them is none"

    act(script)


def test_enter_on_a_host_shows_its_containers() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("7", "g")
        (first, *_) = scene.app.hosts_now
        await scene.press("enter")
        await scene.until(lambda: scene.shows(f"filter host:{first}"))
        known = [one for one in still.ALL if one.host == first]
        assert scene.shows(f"{len(known)}/{len(still.ALL)} shown")

    act(script)


def test_what_is_longer_than_terminals_take_is_not_copied_in_part() -> None:
    async def script(scene: Scene) -> None:
        scene.app.copy(safe("x" * 70_000, 100_000))
        assert len(scene.app.clipboard) == 70_000
        scene.app.copy(safe("y" * 80_000, 100_000))
        assert set(scene.app.clipboard) == {"x"}
        await scene.settle()
        assert any("NOT copied" in one.message for one in scene.app._notifications)

    act(script)
