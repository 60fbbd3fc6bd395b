"""`e` saves what a tab shows, whole and from its source, and the notes of the case say so."""

from pathlib import Path
from typing import Any

from irkit.app.case import case_lines
from irkit.tui.app import IrkitApp
from tests.app.hosts_in_memory import Place
from tests.engine.world import container
from tests.tui.world import play, until

WEB = container("web", host="near")
HOSTILE = b"\x1b]52;c;aGk=\x07[@click=app.x]\r\n" * 10


def test_the_logs_are_saved_as_they_were_written_and_the_case_says_where(tmp_path: Path) -> None:
    place = Place({"near": [WEB]})

    async def script(app: IrkitApp, pilot: Any) -> None:
        await until(pilot, lambda: app.services.live.rows)
        place.opened["near"].contents["logs/stdout.log"] = HOSTILE
        await pilot.press("j", "l")
        await pilot.pause()
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
        await until(pilot, lambda: app.services.live.rows)
        await pilot.press("j", "enter")
        await pilot.pause()
        assert "e" not in app.screen.active_bindings
        await pilot.press("i")
        assert "e" in app.screen.active_bindings

    play({"near": [WEB]}, tmp_path, script)
