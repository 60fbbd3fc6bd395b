"""`e` saves what a tab shows, whole and from its source, and the notes of the case say so."""

from pathlib import Path
from typing import Any

from irkit.app.case import case_lines
from irkit.tui.app import IrkitApp
from irkit.tui.saving import cut_short
from irkit.tui.screens.container import ContainerScreen
from tests.app.hosts_in_memory import Endless, Place
from tests.engine.world import container
from tests.tui.world import play, text_of, until

WEB = container("web", host="near")
HOSTILE = b"\x1b]52;c;aGk=\x07[@click=app.x]\r\n" * 10


def test_the_logs_are_saved_as_they_were_written_and_the_case_says_where(tmp_path: Path) -> None:
    place = Place({"near": [WEB]})

    async def script(app: IrkitApp, pilot: Any) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        place.opened["near"].contents["logs/stdout.log"] = HOSTILE
        await pilot.press("j", "l")
        await until(pilot, lambda: isinstance(app.screen, ContainerScreen))
        await pilot.press("e")
        await until(pilot, lambda: case_lines(app.services.setting, "IR-2026-014")[0])

    app = play({"near": [WEB]}, tmp_path / "evidence", script, place=place)
    saved = list((tmp_path / "evidence" / "exports").rglob("stdout.log"))
    assert [path.read_bytes() for path in saved] == [HOSTILE]
    (note,) = case_lines(app.services.setting, "IR-2026-014")[0]
    text = str(note.record.event)
    assert f"saved from its source, of {WEB.key}" in text
    assert str(saved[0].parent.parent.parent) in text


def test_the_overview_has_nothing_of_its_own_to_be_saved(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Any) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, ContainerScreen))
        assert "e" not in app.screen.active_bindings
        await pilot.press("i")
        assert "e" in app.screen.active_bindings

    play({"near": [WEB]}, tmp_path, script)


def endless(folder: Path, script: Any) -> IrkitApp:
    place = Place(special={"near": lambda host: Endless([WEB], host)})
    return play({"near": [WEB]}, folder, script, place=place)


async def begin(app: IrkitApp, pilot: Any, folder: Path) -> None:
    await until(pilot, lambda: "1/1 shown" in text_of(app))
    await pilot.press("j", "l")
    await until(pilot, lambda: isinstance(app.screen, ContainerScreen))
    await pilot.press("e")
    await until(pilot, lambda: list(folder.glob("exports/.partial-*/*/*/stdout.log")))


def test_leaving_the_screen_ends_no_export_and_it_is_told_wherever_one_is(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Any) -> None:
        await begin(app, pilot, tmp_path)
        await pilot.press("escape", "7")
        await pilot.pause(0.5)
        assert list(tmp_path.glob("exports/.partial-*"))
        app.services.exports._under_way[0].look.cancel_switch.set()
        await until(pilot, lambda: case_lines(app.services.setting, "IR-2026-014")[0])
        assert any("NOT WHOLE" in str(one.message) for one in app._notifications)

    endless(tmp_path, script)
    assert not list(tmp_path.glob("exports/.partial-*"))


def test_leaving_irkit_has_what_came_by_then_summed_up_and_says_what_it_left(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Any) -> None:
        await begin(app, pilot, tmp_path)

    app = endless(tmp_path, script)
    (told,) = cut_short(app, 60)
    assert app.unwritten(60) == []
    (note,) = case_lines(app.services.setting, "IR-2026-014")[0]
    assert "NOT WHOLE" in told and "NOT WHOLE" in str(note.record.event)
    (sums,) = tmp_path.glob("exports/*/SHA256SUMS")
    assert str(sums.parent) in told and "stdout.log" in sums.read_text()
