"""Notes between runs in the next run's bundle: before its first operation, verified, and in its timeline once."""

import io
from pathlib import Path

from irkit.app import export_timeline, read_records, verify_bundle
from irkit.app.bundles import seal_partial
from irkit.app.case import MOST_NOTES, notes_for_run, take_note
from irkit.core.events import Note, OperationStarted, RunStarted
from tests.app.hosts_in_memory import Place, one_each
from tests.app.test_evidence_seen import carried_out


def test_a_note_between_runs_is_in_the_next_bundle_before_its_first_operation(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    setting = place.setting(tmp_path)
    take_note(setting, "IR-1", "saw a shell", "ann@desk")
    run = carried_out(place, tmp_path)
    assert run.bundle is not None
    events = [record.event for record in read_records(run.bundle)]
    at = next(number for number, one in enumerate(events) if isinstance(one, Note) and "saw a shell" in one.text)
    first = next(number for number, one in enumerate(events) if isinstance(one, OperationStarted))
    assert isinstance(events[0], RunStarted) and at < first
    assert not verify_bundle(setting, str(run.bundle)).problems


def test_the_timeline_of_a_bundle_tells_such_a_note_once(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    setting = place.setting(tmp_path)
    take_note(setting, "IR-1", "saw a shell", "ann@desk")
    bundles = [carried_out(place, tmp_path).bundle for _ in range(2)]
    for bundle in bundles:
        for form in ("jsonl", "csv"):
            out = io.BytesIO()
            export_timeline(setting, str(bundle), form, out, tmp_path)
            assert out.getvalue().count(b"saw a shell") == 1


def test_the_folder_of_notes_is_no_bundle_and_nothing_that_is_sealed(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    setting = place.setting(tmp_path)
    take_note(setting, "IR-1", "saw a shell", "ann@desk")
    run = carried_out(place, tmp_path)
    assert run.bundle is not None
    partial = tmp_path / f".partial-{run.bundle.name}"
    run.bundle.rename(partial)
    sealed, outcome = seal_partial(setting, partial.name)
    assert outcome == "done" and not verify_bundle(setting, str(sealed)).problems


def test_of_very_many_notes_the_last_are_taken_in_and_the_others_counted(tmp_path: Path) -> None:
    setting = Place().setting(tmp_path)
    for number in range(MOST_NOTES + 3):
        take_note(setting, "IR-1", f"note {number}", "ann@desk")
    found = notes_for_run(setting, "IR-1")
    assert found[0].text.startswith("3 older notes") and len(found) == MOST_NOTES + 1
    assert found[1].text.endswith(": note 3")


def test_notes_of_another_case_are_not_taken_in(tmp_path: Path) -> None:
    setting = Place().setting(tmp_path)
    take_note(setting, "IR-2", "elsewhere", "ann@desk")
    assert notes_for_run(setting, "IR-1") == []
