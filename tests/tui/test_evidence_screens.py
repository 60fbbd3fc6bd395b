"""Evidence and case in the running app: read on threads, shown as they are, chosen by name."""

import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from irkit.adapters import bundle_reading
from irkit.app.case import take_note
from irkit.app.evidence_look import Item
from irkit.app.run_service import ActiveRun
from irkit.app.runs import Prepared
from irkit.core.evidence import Evidence
from irkit.tui.app import IrkitApp
from irkit.tui.choices import Choices
from irkit.tui.line_view import LineView
from irkit.tui.screens.bundle import BundleScreen, item_lines
from irkit.tui.screens.confirm import ConfirmScreen
from irkit.tui.screens.item import ItemScreen
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


def test_a_run_that_failed_at_all_it_was_for_does_not_read_as_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(one_each("local"))

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "1/1 shown" in text_of(app))
        await pilot.press("g", "C")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        known, begin = place.opened["local"].containers, app.services.runs.begin
        kept = dict(known)

        def begin_without(prepared: Prepared, **how: Any) -> ActiveRun:
            known.clear()  # not before: the list may tell by then that it is gone
            return begin(prepared, **how)

        monkeypatch.setattr(app.services.runs, "begin", begin_without)
        await pilot.press("enter")
        await until(pilot, lambda: "FAILED; bundle" in text_of(app))
        assert ": done;" not in text_of(app)
        known.update(kept)
        await pilot.press("6")
        await until(pilot, lambda: "1 bundle " in text_of(app) and "FAILED" in text_of(app))

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


def line_of(app: IrkitApp) -> str:
    """The line under the cursor."""
    line = app.screen.query_one(LineView).line
    return line.text if line is not None else ""


def said(app: IrkitApp, text: str) -> bool:
    return any(text in one.message for one in app._notifications)


async def in_bundle(app: IrkitApp, pilot: Pilot[Any]) -> LineView:
    await pilot.press("6")
    await until(pilot, lambda: "1 bundle " in text_of(app))
    await pilot.press("home", "enter")
    await until(pilot, lambda: isinstance(app.screen, BundleScreen) and "data/log/run.jsonl" in text_of(app))
    return app.screen.query_one(LineView)


def test_items_log_item_and_case_are_searched_with_the_same_keys(folder: Path) -> None:
    run_in(folder)

    async def searched(pilot: Pilot[Any], text: str) -> None:
        await pilot.press("slash", *text, "enter")

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await in_bundle(app, pilot)
        await searched(pilot, "/host/")
        first = line_of(app)
        assert "/host/" in first
        await pilot.press("n")
        assert "/host/" in line_of(app) and line_of(app) != first
        await pilot.press("N")
        assert line_of(app) == first
        await pilot.press("l")
        await until(pilot, lambda: "run ended: done" in text_of(app))
        await searched(pilot, "run ended")
        assert "run ended" in line_of(app)
        await pilot.press("l")
        await until(pilot, lambda: "data/log/run.jsonl" in text_of(app))
        await searched(pilot, "run.jsonl")
        await pilot.press("enter")
        await until(pilot, lambda: "made safe" in text_of(app) and app.screen.query_one(LineView).lines)
        await searched(pilot, "operation-finished")
        assert "operation-finished" in line_of(app)
        await searched(pilot, "nowhere at all")
        assert said(app, "is not in what is shown here")
        await pilot.press("slash", "escape")
        assert app.screen.query_one(LineView).has_focus
        await pilot.press("8")
        await until(pilot, lambda: "run ended" in text_of(app))
        await searched(pilot, "RUN ENDED")
        assert "run ended" in line_of(app)
        await pilot.press("slash", "escape")
        assert app.current_mode == "case" and app.screen.query_one(LineView).has_focus

    played(folder, script)


def test_bundles_and_playbooks_are_searched_too(folder: Path) -> None:
    first, second = run_in(folder, case="IR-1"), run_in(folder, case="IR-2")

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("6")
        await until(pilot, lambda: "2 bundles" in text_of(app))
        for wanted, run in (("ir-1", first), ("IR-2", second), ("ir-", second)):
            await pilot.press("slash", *wanted, "enter")
            assert app.run_in_view() == str(run.bundle)
        await pilot.press("n")
        assert app.run_in_view() == str(first.bundle)
        await pilot.press("N")
        assert app.run_in_view() == str(second.bundle)
        await pilot.press("slash", *"IR-3", "enter")
        assert said(app, "is not in what is shown here") and app.run_in_view() == str(second.bundle)
        await pilot.press("slash", "escape")
        assert app.current_mode == "evidence"
        await pilot.press("escape", "3")
        await until(
            pilot,
            lambda: app.current_mode == "playbooks" and app.screen.query_one("#playbooks", Choices).option_count > 3,
        )
        await pilot.press("slash", *"FREEZE", "enter")
        listed = app.screen.query_one("#playbooks", Choices)
        assert listed.highlighted is not None and listed.has_focus
        assert "freeze" in str(listed.get_option_at_index(listed.highlighted).prompt)
        await pilot.press("escape")
        assert app.current_mode == "triage"

    played(folder, script)


def test_all_of_a_long_line_can_be_read_and_the_cursor_stays_on_its_line_when_the_terminal_is_resized(
    folder: Path,
) -> None:
    words = " ".join(f"word{number}" for number in range(2000))
    place = Place(one_each("a@x"), contents={"logs/stdout.log": f"first\n{words}\nlast\n".encode()})
    carried_out(place, folder, case="IR-2026-014")

    def is_as_wide(view: LineView, wide: int) -> bool:
        return max(len(one.text) for one in view.lines) == wide

    def shown(view: LineView) -> str:
        return "".join(("" if line.lead else "\n") + line.text[line.lead :] for line in view.lines)

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await in_bundle(app, pilot)
        await pilot.press("slash", *"stdout.log", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, ItemScreen) and app.screen.query_one(LineView).lines)
        view = app.screen.query_one(LineView)
        assert shown(view) == f"\nfirst\n{words}\nlast"
        await pilot.press("slash", *"word1999", "enter")
        assert "word1999" in line_of(app)
        await pilot.press("G")
        for size in ((60, 20), (200, 50)):
            await pilot.resize_terminal(*size)
            await until(pilot, partial(is_as_wide, view, size[0] - 2))
            assert shown(view) == f"\nfirst\n{words}\nlast" and line_of(app) == "last"

    played(folder, script)


def test_what_the_log_does_not_know_and_what_is_gone_is_said_beside_the_items(folder: Path) -> None:
    run = run_in(folder)
    assert run.bundle is not None
    gone = next((run.bundle / "data").rglob("inspect.json"))
    gone.parent.chmod(0o700)
    gone.unlink()
    (gone.parent / "planted.json").write_bytes(b"{}")

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        view = await in_bundle(app, pilot)
        told = [one.text.strip() for one in view.lines]
        after = {name: told[nth + 1] for nth, one in enumerate(told) for name in ("inspect", "planted") if name in one}
        assert after == {"inspect": "MISSING", "planted": "NOT IN THE LOG"}
        await pilot.press("slash", *"inspect.json", "enter", "enter")
        assert isinstance(app.screen, BundleScreen)
        await pilot.press("slash", *"planted", "enter", "Y")
        assert said(app, "no SHA-256 is known")

    played(folder, script)


def test_a_partial_item_is_marked_with_its_reason_and_the_end_of_its_path_is_in_view() -> None:
    path = f"data/prod-2/api-gw-eb1a537c/daemon/{'e' * 64}/{'e' * 64}-json.log"
    evidence = Evidence(
        path=path, kind="read-log-files", sha256="a" * 64, sha512="b" * 128, size=7, source_sha256="c" * 64,
        source_size=7, started_at="", ended_at="", partial="the engine stopped in the middle",
    )  # fmt: skip
    lines = list(item_lines(Item(path, 7, evidence), 98))
    assert len(lines[0].text) <= 98 and lines[0].text.endswith("eeeeeeeeeeee…-json.log") and "!" in lines[0].text
    assert lines[1].text.strip() == "PARTIAL: the engine stopped in the middle"
    assert {line.path for line in lines} == {path} and {line.value for line in lines} == {path}
    (whole,) = item_lines(Item(path, 7, replace(evidence, partial="")), 98)
    assert "!" not in whole.text
