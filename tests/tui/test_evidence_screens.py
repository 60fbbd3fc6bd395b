"""Evidence and case in the running app: read on threads, shown as they are, chosen by name."""

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.adapters import bundle_reading
from irkit.app.case import take_note
from irkit.app.run_service import ActiveRun
from irkit.tui.app import IrkitApp
from irkit.tui.screens.confirm import ConfirmScreen
from irkit.tui.screens.plan import PlanScreen
from tests.app.hosts_in_memory import Place, one_each
from tests.app.test_evidence_seen import carried_out, copies
from tests.tui.world import play, text_of, until

WIDE = (160, 45)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def run_in(folder: Path, playbook: str = "triage", case: str = "IR-2026-014") -> ActiveRun:
    return carried_out(Place(one_each("a@x")), folder, playbook, case)


def played(folder: Path, script: Any, **more: Any) -> None:
    play(one_each("local"), folder, script, size=WIDE, **more)


def test_bundles_are_read_on_another_thread_than_the_screens(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_in(folder)
    assert run.bundle is not None
    copies(folder, run.bundle, 300)
    readers: set[str] = set()
    read = bundle_reading.read_run_and_records

    def watched(path: Path) -> Any:
        readers.add(threading.current_thread().name)
        return read(path)

    monkeypatch.setattr(bundle_reading, "read_run_and_records", watched)

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("6")
        await until(pilot, lambda: "301 bundles" in text_of(app))
        await pilot.press("8")
        await until(pilot, lambda: "entries" in text_of(app))
        await pilot.press("6", "enter")
        await until(pilot, lambda: "data/log/run.jsonl" in text_of(app))
        assert app.services.evidence.logs_read == 301

    played(folder, script)
    assert readers == {"look"}


def test_the_list_keeps_its_cursor_when_a_bundle_comes(folder: Path) -> None:
    first = run_in(folder, case="IR-1")

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("6")
        await until(pilot, lambda: "1 bundle " in text_of(app))
        run_in(folder, case="IR-2")
        await pilot.press("1", "6")
        await until(pilot, lambda: "2 bundles" in text_of(app))
        assert app.run_in_view() == str(first.bundle)

    played(folder, script)


def test_the_cursor_stays_on_a_run_whose_bundle_is_sealed_and_on_no_other_when_it_goes(folder: Path) -> None:
    first, second = run_in(folder), run_in(folder)
    assert first.bundle is not None and second.bundle is not None
    sealed = first.bundle
    partial = sealed.rename(folder / f".partial-{sealed.name}")
    away = folder / "away"

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("6")
        await until(pilot, lambda: "2 bundles" in text_of(app))
        await pilot.press("j")
        await until(pilot, lambda: app.run_in_view() == str(partial))
        partial.rename(sealed)
        await until(pilot, lambda: app.run_in_view() == str(sealed))
        sealed.rename(away)
        await until(pilot, lambda: "1 bundle " in text_of(app))
        assert app.run_in_view() == ""
        await pilot.press("j")
        await until(pilot, lambda: app.run_in_view() == str(second.bundle))

    played(folder, script)


def test_a_run_that_failed_at_all_it_was_for_does_not_read_as_done(folder: Path) -> None:
    place = Place(one_each("local"))

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        await pilot.press("g", "C")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        known = place.opened["local"].containers
        kept = dict(known)
        known.clear()
        await pilot.press("enter")
        await until(pilot, lambda: "FAILED; bundle" in text_of(app))
        assert ": done;" not in text_of(app)
        known.update(kept)
        await pilot.press("6")
        await until(pilot, lambda: "1 bundle " in text_of(app))
        assert "FAILED" in text_of(app)

    played(folder, script, place=place)


def test_a_folder_that_cannot_be_read_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        monkeypatch.setattr("irkit.adapters.bundle_reading.Path.iterdir", fails)
        await pilot.press("6")
        await until(pilot, lambda: "cannot be read" in text_of(app))

    try:
        played(folder, script)
    finally:
        monkeypatch.undo()


def test_an_item_is_shown_as_text_or_hex_and_the_bundle_verifies(folder: Path) -> None:
    run = run_in(folder)

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("6")
        await until(pilot, lambda: "1 bundle " in text_of(app))
        await pilot.press("v")
        await until(pilot, lambda: "verifies: " in text_of(app))
        await until(pilot, lambda: "data/log/run.jsonl" in text_of(app))
        view = app.screen.query_one("#bundle-lines")
        view.cursor = next(number for number, one in enumerate(view.lines) if one.path == "data/log/run.jsonl")  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: "as text, made safe" in text_of(app) and '"operation-started"' in text_of(app))
        await pilot.press("x")
        await until(pilot, lambda: "as hex" in text_of(app) and "00000000  " in text_of(app))
        await pilot.press("escape", "l")
        await until(pilot, lambda: "run ended: done" in text_of(app) and "data/log" not in text_of(app))

    played(folder, script)
    assert run.bundle is not None


def test_what_a_bundle_that_does_not_verify_lacks_stays_in_view(folder: Path) -> None:
    run = run_in(folder)
    assert run.bundle is not None
    item = next(path for path in (run.bundle / "data").rglob("*.json*") if path.name != "run.jsonl")
    item.chmod(0o600)
    item.write_bytes(b"altered")

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("6")
        await until(pilot, lambda: "1 bundle " in text_of(app))
        await pilot.press("v")
        await until(pilot, lambda: "DOES NOT VERIFY" in text_of(app) and item.name in text_of(app).split("data/log")[0])
        await pilot.press("l", "l")
        await until(pilot, lambda: "data/log/run.jsonl" in text_of(app))
        assert "DOES NOT VERIFY" in text_of(app)

    played(folder, script)


def test_a_case_is_chosen_by_its_name_though_it_has_notes_alone(folder: Path) -> None:
    setting = Place().setting(folder)
    take_note(setting, "IR 7/b", "found at night", "ann@desk")
    run_in(folder)

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("8")
        await until(pilot, lambda: "case IR-2026-014" in text_of(app) and "triage" in text_of(app))
        await pilot.press("c")
        await until(pilot, lambda: "IR 7/b" in text_of(app))
        await pilot.press("j", "enter")
        await until(pilot, lambda: "found at night" in text_of(app))
        assert app.services.case == "IR 7/b" and "triage" not in text_of(app)

    played(folder, script)


def test_notes_that_were_altered_are_said_above_all(folder: Path) -> None:
    setting = Place().setting(folder)
    take_note(setting, "IR-2026-014", "first", "ann@desk")
    take_note(setting, "IR-2026-014", "second", "ann@desk")
    (file,) = (folder / "notes").iterdir()
    file.write_bytes(file.read_bytes().replace(b"first", b"FIRST"))

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("8")
        await until(pilot, lambda: "CANNOT BE BELIEVED" in text_of(app))

    played(folder, script)
