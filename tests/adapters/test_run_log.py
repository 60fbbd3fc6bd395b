import errno
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from irkit.adapters.run_log import RunLog, read_log
from irkit.core import codec
from irkit.core.errors import StorageError, UsageError, VerificationError
from irkit.core.events import Note
from tests.adapters.made import TestClock


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    return RunLog.create(tmp_path / "run.jsonl", TestClock())


def test_every_line_names_the_digest_of_the_line_before(log: RunLog) -> None:
    records = [log.append(Note(text=text)) for text in ("one", "zwei \u2028", "three\nlines")]
    lines = log.path.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]
    assert json.loads(lines[0])["prev"] == "0" * 64
    assert json.loads(lines[2])["prev"] == codec.line_digest(lines[1])
    assert (log.lines, log.head) == (3, codec.line_digest(lines[2]))
    assert read_log(log.path) == (records, b"")


def test_the_file_is_private_whatever_the_umask_and_never_overwritten(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        log = RunLog.create(tmp_path / "run.jsonl", TestClock())
    finally:
        os.umask(old)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    with pytest.raises(StorageError, match=r"run\.jsonl: File exists"):
        RunLog.create(log.path, TestClock())


def test_a_record_is_on_disk_before_append_returns(log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("irkit.adapters.run_log._sync", lambda fd: synced.append(os.fstat(fd).st_size))
    log.append(Note(text="x"))
    assert synced == [log.path.stat().st_size] != [0]


def test_a_live_log_can_not_be_opened_by_another_process(log: RunLog) -> None:
    log.append(Note(text="x"))
    code = (
        "import sys; from pathlib import Path; from irkit.adapters.run_log import RunLog\n"
        "from tests.adapters.made import TestClock; from irkit.core.errors import UsageError\n"
        "try: RunLog.reopen(Path(sys.argv[1]), TestClock())\n"
        "except UsageError as error: print(error)\n"
    )
    run = [sys.executable, "-c", code, str(log.path)]
    assert "the run is still going on" in subprocess.run(run, capture_output=True, text=True, check=True).stdout
    with pytest.raises(UsageError, match="still going on"):
        RunLog.reopen(log.path, TestClock())
    log.close()
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == ""


def test_a_log_that_was_reopened_goes_on_with_the_chain(log: RunLog) -> None:
    log.append(Note(text="x"))
    log.close()
    again, records, torn = RunLog.reopen(log.path, TestClock())
    assert (len(records), torn) == (1, b"")
    again.append(Note(text="y"))
    assert len(read_log(log.path)[0]) == 2


def test_a_torn_last_line_is_set_apart_wherever_it_was_torn(log: RunLog) -> None:
    for text in ("one", "two", "three"):
        log.append(Note(text=text))
    log.close()
    data = log.path.read_bytes()
    ends = [0] + [at + 1 for at, byte in enumerate(data) if byte == 10]
    for cut in range(len(data) + 1):
        log.path.write_bytes(data[:cut])
        records, torn = read_log(log.path)
        whole = max(end for end in ends if end <= cut)
        assert (len(records), torn) == (ends.index(whole), data[whole:cut])
        again, _, _ = RunLog.reopen(log.path, TestClock())
        again.cut()
        again.append(Note(text="after"))
        again.close()
        assert len(read_log(log.path)[0]) == ends.index(whole) + 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: [lines[0], lines[2]], "run.jsonl, line 2: has the number 3"),
        (lambda lines: [lines[1], lines[0], lines[2]], "run.jsonl, line 1: has the number 2"),
        (lambda lines: [lines[0].replace(b"one", b"own"), *lines[1:]], "run.jsonl, line 2: does not follow line 1"),
        (lambda lines: [lines[0], b"{}\n", lines[2]], "run.jsonl, line 2: no record"),
        (lambda lines: [lines[0], b"\n", *lines[1:]], "run.jsonl, line 2: no record"),
        (lambda lines: [lines[0], b"[" * 100_000 + b"\n"], "run.jsonl, line 2: no record"),
        (lambda lines: lines[1:], "run.jsonl, line 1: has the number 2"),
    ],
)
def test_a_broken_chain_is_told_with_its_line(log: RunLog, change: object, told: str) -> None:
    for text in ("one", "two", "three"):
        log.append(Note(text=text))
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(change(lines)))  # type: ignore[operator]
    with pytest.raises(VerificationError, match=told):
        read_log(log.path)


@pytest.mark.parametrize("stored", [0, 1, 30])
def test_what_a_full_disk_left_of_a_line_is_cut_off_and_the_chain_goes_on(
    log: RunLog, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(Note(text="before"))
    whole, write = log.path.read_bytes(), os.pwrite

    def part(fd: int, data: bytes, at: int) -> int:
        if at > len(whole) or stored == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[:stored], at)

    monkeypatch.setattr(os, "pwrite", part)
    with pytest.raises(StorageError) as caught:
        log.append(Note(text="too much"))
    assert caught.value.full
    assert log.path.read_bytes() == whole
    monkeypatch.undo()
    log.append(Note(text="after"))
    assert [record.seq for record in read_log(log.path)[0]] == [1, 2]


def test_a_tail_that_could_not_even_be_cut_does_no_harm(log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("irkit.adapters.run_log._sync", refuse)
    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(StorageError) as caught:
        log.append(Note(text="x" * 500))
    assert not caught.value.full
    with pytest.raises(StorageError):
        log.append(Note(text="not while the tail is there"))
    monkeypatch.undo()
    log.append(Note(text="y"))
    assert [record.event for record in read_log(log.path)[0]] == [Note(text="y")]


def test_threads_append_one_after_the_other(log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irkit.adapters.run_log._sync", lambda fd: None)
    threads = [threading.Thread(target=lambda: [log.append(Note(text="x" * 500)) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_log(log.path)[0]) == 200


def test_a_closed_log_takes_nothing(log: RunLog) -> None:
    log.close()
    with pytest.raises(StorageError, match="closed"):
        log.append(Note(text="x"))
