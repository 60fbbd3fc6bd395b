"""A bundle whose writer was killed: at any byte of the log, and at any call of a seal."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters import bag
from irkit.adapters.bundle import Bundle
from irkit.adapters.bundle_reading import bundles_in, is_sealed, read_run
from irkit.adapters.verify import verify
from irkit.core import operations
from irkit.core.errors import StorageError, UsageError, VerificationError
from irkit.core.events import Note, OperationStarted, RunFinished
from tests.adapters.made import WEB, TestClock, a_bundle, fill, make_writable


def reopen(path: Path) -> Bundle:
    return Bundle.open_partial(path, clock=TestClock(), tool="irkit 0.0.2")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    monkeypatch.setattr("irkit.adapters.run_log._sync", lambda fd: None)


def killed(bundle: Bundle) -> Path:
    """What a killed process leaves: the lock is gone, all else stays."""
    bundle.close()
    return bundle.path


def test_a_log_cut_at_any_byte_loses_no_whole_record_and_can_be_sealed(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    fill(bundle)
    path = killed(bundle)
    log = path / bag.LOG
    data = log.read_bytes()
    for cut in [*range(0, len(data), 41), *(at for at, byte in enumerate(data, 1) if byte == 10)]:
        log.write_bytes(data[:cut])
        whole = data[:cut].rfind(b"\n") + 1
        again = reopen(path)
        assert log.read_bytes() == data[:whole]
        torn = path / bag.TORN
        assert (torn.read_bytes() if torn.exists() else b"") == data[whole:cut]
        again.append(RunFinished(outcome="killed"))
        sealed = again.seal()
        assert log.read_bytes() if log.exists() else (sealed / bag.LOG).read_bytes().startswith(data[:whole])
        report = verify(sealed)
        assert (report.problems, report.outcome) == ((), "killed")
        make_writable(sealed)
        sealed.rename(path)
        torn.unlink(missing_ok=True)


def test_a_log_cut_at_every_byte_opens(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    bundle.append(Note(text="one"))
    bundle.append(Note(text="zwei \u00fc"))
    path = killed(bundle)
    data = (path / bag.LOG).read_bytes()
    for cut in range(len(data) + 1):
        (path / bag.LOG).write_bytes(data[:cut])
        again = reopen(path)
        assert again.run.records == data[:cut].count(b"\n")
        again.close()


def test_the_torn_lines_of_several_crashes_are_all_kept(tmp_path: Path) -> None:
    path = killed(a_bundle(tmp_path))
    for torn in (b'{"at"', b'{"at":"2026', b'{"at":"2026', b"{"):
        with (path / bag.LOG).open("ab") as log:
            log.write(torn)
        killed(reopen(path))
    again = reopen(path)
    again.append(RunFinished(outcome="killed"))
    sealed = again.seal()
    kept = [sealed / "data/log" / name for name in ("run.torn", "run-2.torn", "run-3.torn")]
    assert [one.read_bytes() for one in kept] == [b'{"at"', b'{"at":"2026', b"{"]
    items = [json.loads(line) for line in (sealed / bag.ITEMS).read_bytes().splitlines()]
    assert {(one["kind"], one["partial"]) for one in items} == {
        ("log", "the last line of the log, torn when irkit ended")
    }
    assert verify(sealed).ok


def test_what_was_in_flight_is_kept_and_said_to_be_partial(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    fill(bundle)
    export = operations.Export(WEB.id)
    place: dict[str, Any] = {"task": 9, "number": 0, "step": "s", "host": "local", "container": WEB.id}
    bundle.append(OperationStarted(**place, operation=export))
    item = bundle.intake(host="local", container=WEB, operation=export, task=9).open("rootfs.tar", source="x")
    item.write(b"x" * (5 << 20))
    again = reopen(killed(bundle))
    assert [one.started.operation for one in again.run.failures][-1] == export
    again.append(RunFinished(outcome="killed", reason="the process ended"))
    path = again.seal()
    last = json.loads((path / bag.ITEMS).read_bytes().splitlines()[-1])
    assert (last["path"], last["size"]) == ("data/local/web-ab12ab12/rootfs.tar", 4 << 20)
    assert last["partial"]
    told = json.loads((path / bag.BUNDLE).read_bytes())
    assert (told["tool"]["name"], told["sealed_by"]) == ("irkit 0.0.1", "irkit 0.0.2")
    assert verify(path).notes == ("2 items are partial",)


def test_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    with pytest.raises(UsageError, match="still going on"):
        reopen(bundle.path)
    bundle.close()
    reopen(bundle.path).close()


def test_a_broken_chain_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    fill(bundle)
    path = killed(bundle)
    log = path / bag.LOG
    data = log.read_bytes().replace(b"Ann", b"Eve", 1) + b'{"torn'
    log.write_bytes(data)
    with pytest.raises(VerificationError, match=r"run.jsonl, line 2"):
        reopen(path)
    assert log.read_bytes() == data
    with pytest.raises(VerificationError, match=r"run.jsonl, line 2"):
        reopen(path)


@pytest.mark.parametrize(("tamper", "told"), [
    (lambda path: path.unlink(), "missing"),
    (lambda path: path.write_bytes(b"more than there was"), "19 bytes and not 11"),
])  # fmt: skip
def test_described_evidence_that_is_not_as_described_is_noted_once_and_fails_verification(
    tmp_path: Path, tamper: Callable[[Path], object], told: str
) -> None:
    bundle = a_bundle(tmp_path)
    fill(bundle)
    path = killed(bundle)
    tamper(path / "data/local/web-ab12ab12/inspect.json")
    killed(reopen(path))
    again = reopen(path)
    again.append(RunFinished(outcome="killed"))
    sealed = again.seal()
    log = (sealed / bag.LOG).read_text()
    assert log.count(f"data/local/web-ab12ab12/inspect.json: not as the log describes it: {told}") == 1
    report = verify(sealed)
    assert [one.path for one in report.problems] == ["data/local/web-ab12ab12/inspect.json"]


def test_a_link_in_place_of_described_evidence_is_not_sealed_in(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    fill(bundle)
    path = killed(bundle)
    evidence = path / "data/local/web-ab12ab12/inspect.json"
    evidence.unlink()
    evidence.symlink_to("/etc/passwd")  # as many bytes as the evidence had
    again = reopen(path)
    assert "no regular file any more" in (path / bag.LOG).read_text()
    with pytest.raises(StorageError, match=r"inspect\.json"):
        again.seal()
    evidence.unlink()
    assert not verify(again.seal()).ok


def test_a_plan_that_can_not_be_read_does_not_stop_a_seal(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    fill(bundle)
    path = killed(bundle)
    (path / bag.PLAN).write_bytes(b"{")
    again = reopen(path)
    again.append(RunFinished(outcome="killed"))
    sealed = again.seal()
    assert json.loads((sealed / bag.BUNDLE).read_bytes())["case"] == "IR-2026-042"
    assert [one.path for one in verify(sealed).problems] == [bag.PLAN]


class Killed(BaseException):
    """The process ends here."""


class Reaper:
    """Ends the process before or after the n-th call that changes something on disk."""

    CALLS = ("open", "write", "unlink", "rename", "chmod", "rmdir", "ftruncate", "mkdir")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.at, self.before = 0, -1, True
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self.around(getattr(os, name)))

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self.at and self.before:
                if call.__name__ == "write":
                    call(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise Killed
            last, result = self.calls == self.at, None
            try:
                result = call(*args, **kwargs)
            except OSError:
                if not last:
                    raise
            if last and call.__name__ == "open" and result is not None:
                os.close(result)  # a killed process has no open files, and so no locks
            if last:
                raise Killed
            return result

        return counted

    def arm(self, at: int, before: bool) -> None:
        self.calls, self.at, self.before = 0, at, before


@pytest.mark.parametrize("before", [True, False])
def test_a_seal_killed_at_any_call_is_finished_by_sealing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    reaper = Reaper(monkeypatch)
    bundle = a_bundle(tmp_path)
    fill(bundle)
    bundle.append(RunFinished(outcome="done"))
    # What is in flight and what is torn are part of it.
    (bundle.path / "data/local/orphan.json").write_bytes(b"x")
    (bundle.path / "data/empty").mkdir()
    path = bundle.path
    reaper.arm(-1, before)
    bundle.seal()
    calls = reaper.calls
    assert calls > 60
    make_writable(bundle.path)
    bundle.path.rename(path)
    for at in range(1, calls + 1):
        (path / "data/empty").mkdir(exist_ok=True)
        again = reopen(path)
        reaper.arm(at, before)
        with pytest.raises(Killed):
            again.seal()
        reaper.arm(-1, before)
        again.close()
        (found,) = bundles_in(tmp_path)
        once_more = reopen(found)
        assert (once_more.run.finished is not None, once_more.run.records) == (True, 13)
        sealed = once_more.seal()
        assert is_sealed(sealed)
        report = verify(sealed)
        assert report.problems == ()
        assert {one.lstat().st_mode & 0o777 for one in sealed.rglob("*")} == {0o400, 0o500}
        make_writable(sealed)
        sealed.rename(path)


def test_recovery_itself_can_be_killed_at_any_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reaper = Reaper(monkeypatch)
    bundle = a_bundle(tmp_path)
    fill(bundle)
    path = killed(bundle)
    data = (path / bag.LOG).read_bytes() + b'{"torn'
    (path / bag.LOG).write_bytes(data)
    for before in (True, False):
        at, went_through = 0, False
        while not went_through:
            at += 1
            reaper.arm(at, before)
            try:
                reopen(path).close()
                went_through = True
            except Killed:
                pass
            reaper.arm(-1, before)
            log, torn = (path / bag.LOG).read_bytes(), path / bag.TORN
            assert log == data or (log + torn.read_bytes() == data)
            reopen(path).close()
            assert torn.read_bytes() == b'{"torn'
            (path / bag.LOG).write_bytes(data)
            torn.unlink()
    assert read_run(path).records == 12
