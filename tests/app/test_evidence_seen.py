"""The evidence folder, looked at again and again: logs are read where they were written to, and nothing old is told."""

import shutil
from pathlib import Path

from irkit.adapters.fixed_clock import FixedClock
from irkit.adapters.run_log import RunLog
from irkit.app import Setting, prepare
from irkit.app.case import case_lines, take_note
from irkit.app.evidence_look import bundles_seen
from irkit.app.evidence_seen import EvidenceSeen
from irkit.app.run_service import ActiveRun, RunService
from irkit.app.undo import prepare_undo
from irkit.core.events import Note, RunFinished
from tests.app.hosts_in_memory import Place, one_each


def carried_out(place: Place, folder: Path, playbook: str = "triage", case: str = "IR-1") -> ActiveRun:
    made = prepare(place.setting(folder), playbook, ["all"], given={}, case=case, responder="ann@desk", hosts=["a@x"])
    return ended(RunService(place.setting(folder)).begin(made))


def ended(run: ActiveRun) -> ActiveRun:
    assert run.wait(60) and run.error == ""
    run.take()
    return run


def copies(folder: Path, bundle: Path, number: int) -> None:
    for at in range(number):
        other = folder / f"{bundle.name}-{at}"
        other.mkdir()
        for part in ("bag-info.txt", "tagmanifest-sha512.txt", "data/log/run.jsonl"):
            (other / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(bundle / part, other / part)


def test_a_thousand_bundles_are_read_once_and_then_only_what_was_written_to(tmp_path: Path) -> None:
    run = carried_out(Place(one_each("a@x")), tmp_path)
    assert run.bundle is not None
    copies(tmp_path, run.bundle, 999)
    seen = EvidenceSeen(Setting(environment={}, evidence=tmp_path))
    assert len(seen.bundles()) == 1000 and seen.logs_read == 1000
    for _ in range(3):
        assert len(seen.bundles()) == 1000
        seen.case_lines("IR-1")
        seen.cases()
        assert seen.left_of(run.run) == 0
    assert seen.logs_read == 1000
    log = tmp_path / f"{run.bundle.name}-7" / "data/log/run.jsonl"
    log.chmod(0o600)
    log.write_bytes(log.read_bytes()[:-30])
    broken = [one.path.name for one in seen.bundles() if one.run is None]
    assert broken == [f"{run.bundle.name}-7"] and seen.logs_read == 1001


def test_a_bundle_that_is_gone_is_not_shown_and_one_that_came_is(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    first = carried_out(place, tmp_path)
    seen = EvidenceSeen(place.setting(tmp_path))
    assert len(seen.bundles()) == 1
    second = carried_out(place, tmp_path)
    assert [one.path for one in seen.bundles()] == [second.bundle, first.bundle]
    assert first.bundle is not None
    first.bundle.rename(tmp_path / "elsewhere")
    assert [one.path for one in seen.bundles()] == [second.bundle]


def test_a_log_that_grows_is_read_anew(tmp_path: Path) -> None:
    started = carried_out(Place(one_each("a@x")), tmp_path / "other").run.started
    assert started is not None
    bundle = tmp_path / "irb-1"
    (bundle / "data/log").mkdir(parents=True)
    log = RunLog.create(bundle / "data/log/run.jsonl", FixedClock())
    log.append(started)
    seen = EvidenceSeen(Setting(environment={}, evidence=tmp_path))
    (one,) = seen.bundles()
    assert one.run is not None and one.run.finished is None and not one.is_sealed
    log.append(RunFinished(outcome="done"))
    log.close()
    (one,) = seen.bundles()
    assert one.run is not None and one.run.finished is not None


def test_what_is_still_changed_is_told_until_an_undo_took_it_back(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    run = carried_out(place, tmp_path, "contain-and-preserve")
    seen = EvidenceSeen(place.setting(tmp_path))
    (one,) = seen.bundles()
    assert one.left > 0 and seen.left_of(run.run) == one.left
    made = prepare_undo(place.setting(tmp_path), str(run.bundle), (), responder="ann@desk")
    ended(RunService(place.setting(tmp_path)).begin(made))
    assert [one.left for one in seen.bundles()] == [0, 0] and seen.left_of(run.run) == 0


def test_an_empty_and_a_missing_folder_hold_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        seen = EvidenceSeen(Setting(environment={}, evidence=folder))
        assert (seen.bundles(), seen.cases(), seen.case_lines("x")) == ([], {}, ([], []))


def test_cases_are_told_with_their_runs_and_those_that_have_notes_alone(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    carried_out(place, tmp_path, case="IR-1")
    carried_out(place, tmp_path, case="IR-1")
    take_note(place.setting(tmp_path), "IR-1", "a note", "ann@desk")
    take_note(place.setting(tmp_path), "IR 2/b", "a note", "ann@desk")
    assert EvidenceSeen(place.setting(tmp_path)).cases() == {"IR-1": 2, "IR 2/b": 0}


def notes_of(folder: Path) -> list[str]:
    lines, _ = case_lines(Setting(environment={}, evidence=folder), "IR-1")
    return [one.record.event.text for one in lines if isinstance(one.record.event, Note)]


def test_a_note_between_runs_is_told_once_however_many_runs_took_it_in(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    take_note(place.setting(tmp_path), "IR-1", "first", "ann@desk")
    carried_out(place, tmp_path)
    take_note(place.setting(tmp_path), "IR-1", "second", "ann@desk")
    carried_out(place, tmp_path)
    assert notes_of(tmp_path) == ["first", "second"]


def test_the_last_note_cannot_be_altered_unseen_once_a_run_took_it_in(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    take_note(place.setting(tmp_path), "IR-1", "first", "ann@desk")
    run = carried_out(place, tmp_path)
    (file,) = (tmp_path / "notes").iterdir()
    file.write_bytes(file.read_bytes().replace(b"first", b"FIRST"))  # a chain still: nothing follows it
    _, problems = case_lines(place.setting(tmp_path), "IR-1")
    assert run.bundle is not None
    assert len(problems) == 1 and "note 1" in problems[0] and run.bundle.name in problems[0]
    file.unlink()
    lines, problems = case_lines(place.setting(tmp_path), "IR-1")
    assert len(problems) == 1 and any("first" in str(one.record.event) for one in lines)


def test_where_the_file_of_notes_was_altered_the_logs_tell_the_notes_they_took_in_once(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    take_note(place.setting(tmp_path), "IR-1", "first", "ann@desk")
    take_note(place.setting(tmp_path), "IR-1", "second", "ann@desk")
    carried_out(place, tmp_path)
    carried_out(place, tmp_path)
    (file,) = (tmp_path / "notes").iterdir()
    file.write_bytes(file.read_bytes().replace(b"first", b"FIRST"))
    altered = file.read_bytes()
    lines, problems = case_lines(place.setting(tmp_path), "IR-1")
    told = [one.record.event.text for one in lines if isinstance(one.record.event, Note)]
    assert [text.rpartition(": ")[2] for text in told] == ["first", "second"]
    assert all("altered" in one for one in problems) and "line 2" in problems[0]
    run = carried_out(place, tmp_path)
    assert any("cannot be read" in one.event.text for one in run.records if isinstance(one.event, Note))
    assert file.read_bytes() == altered


def test_a_responders_own_words_are_told_though_they_begin_as_a_copied_note_does(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    made = prepare(place.setting(tmp_path), "triage", ["all"], given={}, case="IR-1", responder="r", hosts=["a@x"])
    made.fleet.close()
    take_note(place.setting(tmp_path), "IR-1", "noted at the gate: nobody", "ann@desk")
    assert notes_of(tmp_path) == ["noted at the gate: nobody"]


def test_a_damaged_bundle_is_said_in_the_case_and_listed_first(tmp_path: Path) -> None:
    run = carried_out(Place(one_each("a@x")), tmp_path)
    assert run.bundle is not None
    copies(tmp_path, run.bundle, 1)
    (tmp_path / f"{run.bundle.name}-0" / "data/log/run.jsonl").unlink()
    setting = Setting(environment={}, evidence=tmp_path)
    first, *_ = bundles_seen(setting)
    assert first.run is None and first.path.name == f"{run.bundle.name}-0"
    assert f"{run.bundle.name}-0" in case_lines(setting, "IR-1")[1][0]
