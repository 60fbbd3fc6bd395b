"""Runs on threads of their own: they end by themselves, on demand, and say what went wrong."""

from pathlib import Path

import pytest

from irkit.adapters.bundle import Bundle
from irkit.app import Prepared, prepare, prepare_undo, read_records, verify_bundle
from irkit.app.run_service import ActiveRun, RunService
from irkit.core.errors import StorageError, UsageError
from irkit.core.events import Note, RunFinished
from tests.app.hosts_in_memory import Place, one_each
from tests.app.slow_host import Slow


def prepared(place: Place, folder: Path, playbook: str = "triage") -> Prepared:
    return prepare(place.setting(folder), playbook, ["all"], given={}, case="IR-1", responder="r@here", hosts=["a@x"])


def ended(run: ActiveRun) -> ActiveRun:
    assert run.wait(60)
    run.take()
    return run


def test_a_run_goes_on_without_anybody_who_watches_and_is_sealed(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    service = RunService(place.setting(tmp_path))
    run = ended(service.begin(prepared(place, tmp_path)))
    assert run.error == "" and run.bundle is not None and run.is_over
    assert run.run.finished is not None and run.run.finished.outcome == "done"
    assert not verify_bundle(place.setting(tmp_path), str(run.bundle)).problems
    assert service.current is None and service.latest is run


def test_records_are_taken_once_and_all_are_kept(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    run = RunService(place.setting(tmp_path)).begin(prepared(place, tmp_path))
    assert run.wait(60)
    taken = run.take()
    assert taken and run.take() == [] and run.records == taken


def test_one_run_goes_on_at_a_time(tmp_path: Path) -> None:
    place = Place(special={"a@x": Slow})
    service = RunService(place.setting(tmp_path))
    run = service.begin(prepared(place, tmp_path))
    second = prepared(Place(one_each("a@x")), tmp_path)
    with second, pytest.raises(UsageError, match="goes on"):
        service.begin(second)
    run.end()
    ended(run)


def test_a_run_that_is_told_to_end_is_sealed_as_it_stands(tmp_path: Path) -> None:
    place = Place(special={"a@x": Slow})
    run = RunService(place.setting(tmp_path)).begin(prepared(place, tmp_path))
    slow = place.opened["a@x"]
    assert isinstance(slow, Slow) and slow.waits.wait(60)
    run.end("asked to")
    assert run.is_ending
    ended(run)
    finished = run.run.finished
    assert finished is not None and (finished.outcome, finished.reason) == ("interrupted", "asked to")
    assert run.bundle is not None and not verify_bundle(place.setting(tmp_path), str(run.bundle)).problems


def test_a_note_goes_into_the_log_of_the_run_under_way_and_never_behind_its_end(tmp_path: Path) -> None:
    place = Place(special={"a@x": Slow})
    run = RunService(place.setting(tmp_path)).begin(prepared(place, tmp_path))
    slow = place.opened["a@x"]
    assert isinstance(slow, Slow) and slow.waits.wait(60)
    assert run.note("saw a shell", "r@here")
    slow.go.set()
    ended(run)
    assert not run.note("too late", "r@here")
    assert run.bundle is not None
    events = [record.event for record in read_records(run.bundle)]
    assert Note(text="saw a shell", by="r@here") in events
    assert isinstance(events[-1], RunFinished)


def test_a_run_that_cannot_write_its_bundle_says_why(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    plan = prepared(place, tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    run = ended(RunService(place.setting(blocked)).begin(plan))
    assert run.bundle is None and "file" in run.error


def test_a_run_whose_bundle_could_not_be_sealed_holds_nothing_and_can_be_undone_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Bundle) -> Path:
        raise StorageError("no space left", full=True)

    place = Place(one_each("a@x"))
    setting = place.setting(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Bundle, "seal", full)
        run = ended(RunService(setting).begin(prepared(place, tmp_path, "isolate")))
    assert run.bundle is None and "no space left" in run.error
    (partial,) = tmp_path.glob(".partial-*")
    undo = prepare_undo(setting, str(partial), [], responder="r@here")
    assert ended(RunService(setting).begin(undo)).error == ""
    (container,) = place.opened["a@x"].containers.values()
    assert container.attachments


def test_what_could_not_be_looked_up_before_a_run_leaves_nothing_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> dict[str, str]:
        raise StorageError("the folder cannot be read")

    place = Place(one_each("a@x"))
    setting = place.setting(tmp_path)
    plan = prepared(place, tmp_path, "isolate")
    with monkeypatch.context() as patched:
        patched.setattr("irkit.app.runs.contained", unreadable)
        assert "cannot be read" in ended(RunService(setting).begin(plan)).error
    assert ended(RunService(setting).begin(prepared(place, tmp_path, "isolate"))).error == ""
