"""What moves data of unknown size, from an engine that never ends, breaks off, or says that it could not read on."""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters import engine_streams
from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_reads import unix_time
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.host_side import NoFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.host import Host
from irkit.core.operations import CopyOut, Diff, Export, ListProcesses, MeasureClock, Operation, ReadEvents, ReadLogs
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import ID, INFO, FakeEngine, Reply, chunked, http, inspected
from tests.adapters.test_log_stream import frame

VICTIM = Container(id=ID, name="victim", host="local", image="app:1")
Answer = Reply | None


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"


class Done:
    """What an operation left: its detail or its failure, and its evidence by name."""

    def __init__(
        self, place: Path, operation: Operation, answers: Callable[[str, str], Answer], seconds: float
    ) -> None:
        store, self.detail = MemoryStore(), ""
        self.failure: TargetError | None = None
        intake = store.intake(host="local", container=VICTIM, operation=operation, task=0)
        with FakeEngine(place, answers) as self.engine:
            files = NoFiles("there are none")
            target = DockerEngine(Host(name="local"), dial_unix(str(place)), SystemClock(), files=files)
            try:
                deadline = OperationDeadline(SystemClock(), seconds, seconds, Cancel())
                self.detail = target.apply(operation, intake, deadline).detail
            except TargetError as error:
                self.failure = error
            taken = intake.close(self.failure.reason if self.failure else "not finished")
        start = f"data/local/{ID[:8]}/"
        self.files = {path.removeprefix(start): data for path, data in store.files.items()}
        self.evidence: dict[str, Evidence] = {one.path.removeprefix(start): one for one in taken}


def carry_out(place: Path, operation: Operation, replies: dict[str, Any], seconds: float = 60.0) -> Done:
    """Against an engine that answers to these ends of paths as said."""

    def answers(method: str, path: str) -> Answer:
        bare = path.partition("?")[0]
        found = next((reply for end, reply in replies.items() if bare.endswith(end)), None)
        return found(path) if callable(found) else found

    return Done(place, operation, answers, seconds)


def line(second: int, text: bytes, kind: int = 1) -> bytes:
    """A record at so many seconds from the engine's now, 2026-01-01T00:00:00.5Z."""
    stamp = f"2026-01-01T00:00:{second:02d}.400000000Z" if second >= 0 else f"2025-12-31T23:59:{60 + second:02d}.4Z"
    return frame(kind, stamp.encode() + b" " + text)


def test_a_log_that_never_ends_is_left_once_it_is_past_the_begin(place: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield chunked(line(-2, b"before\n"), line(-1, b"just before\n", 2), line(0, b"at\n"), end=b"")
        yield chunked(line(1, b"after\n"), end=b"").partition(b"\r\n\r\n")[2]
        while True:
            record = line(2, b"long after\n")
            yield b"%x\r\n%s\r\n" % (len(record), record)
            time.sleep(0.001)

    def logs(path: str) -> Any:
        return chunked(line(2, b"long after\n")) if "tail=1&" in path + "&" else endless()

    done = carry_out(place, ReadLogs(ID), {"/logs": logs}, seconds=60)
    assert done.failure is None and "while it went on writing" in done.detail
    assert done.files["logs/stdout.log"] == b"before\nat\n" and done.files["logs/stderr.log"] == b"just before\n"
    assert not any(one.partial for one in done.evidence.values())


def test_records_of_a_time_before_the_clock_was_set_back_are_kept_and_told(place: Path) -> None:
    answer = chunked(line(-50, b"one\n"), line(59, b"of the future\n"), line(-5, b"two\n"))
    done = carry_out(place, ReadLogs(ID), {"/logs": answer})
    assert done.failure is None and "while it went on" not in done.detail
    assert done.files["logs/stdout.log"] == b"one\nof the future\ntwo\n"
    assert any("set back" in text for one in done.evidence.values() for text in one.warnings)


def test_an_engine_that_could_not_read_on_is_a_failure_with_its_words(place: Path) -> None:
    answer = chunked(line(-2, b"one\n"), frame(3, b"Error grabbing logs: invalid character\n"), line(-1, b"two\n"))
    done = carry_out(place, ReadLogs(ID), {"/logs": answer})
    assert done.failure and "could not read the whole log: Error grabbing logs: invalid" in done.failure.reason
    assert done.files["logs/stdout.log"] == b"one\ntwo\n", "what came is kept"
    assert all(one.partial for one in done.evidence.values())


def test_a_log_that_ends_before_its_last_record_is_a_failure(place: Path) -> None:
    def logs(path: str) -> bytes:
        return chunked(line(-1, b"last\n")) if "tail=1&" in path + "&" else chunked(line(-3, b"first\n"))

    done = carry_out(place, ReadLogs(ID), {"/logs": logs})
    assert done.failure and "part of it is damaged or gone" in done.failure.reason
    assert done.files["logs/stdout.log"] == b"first\n"


def test_a_log_that_breaks_off_or_is_cut_keeps_what_came(place: Path) -> None:
    whole = line(-3, b"one\n")
    for end in (b"", b"100\r\n" + line(-2, b"two\n")[:10]):
        done = carry_out(place, ReadLogs(ID), {"/logs": lambda path, end=end: logs_or_last(path, whole, end)})
        assert done.failure and done.failure.kind is Refusal.LOST
        assert done.files["logs/stdout.log"] == b"one\n"
        assert done.evidence["logs/stdout.log"].partial == "the connection ended before the answer did"
        place.unlink()


def logs_or_last(path: str, whole: bytes, end: bytes) -> bytes:
    return chunked(whole) if "tail=1&" in path + "&" else chunked(whole, end=end)


def test_a_step_whose_time_is_up_keeps_what_came(place: Path) -> None:
    def slow() -> Iterator[bytes]:
        for number in range(100):
            yield chunked(line(-3, b"x\n"), end=b"") if not number else b""
            time.sleep(0.05)

    def logs(path: str) -> Any:
        return chunked(line(-3, b"x\n")) if "tail=1&" in path + "&" else slow()

    done = carry_out(place, ReadLogs(ID), {"/logs": logs}, seconds=3.0)
    assert done.failure and done.failure.kind is Refusal.TIMEOUT
    assert done.files["logs/stdout.log"] == b"x\n"


def test_times_have_no_gap_and_hold_the_streams_of_every_record(place: Path) -> None:
    answer = chunked(line(-3, b"one\n"), line(-3, b"two\n", 2), line(-2, b"three", 1), line(-2, b"", 2))
    done = carry_out(place, ReadLogs(ID), {"/logs": answer})
    assert done.files["logs/times.jsonl"].splitlines() == [
        b'{"stream":"stdout","offset":0,"bytes":4,"time":"2025-12-31T23:59:57.4Z"}',
        b'{"stream":"stderr","offset":0,"bytes":4,"time":"2025-12-31T23:59:57.4Z"}',
        b'{"stream":"stdout","offset":4,"bytes":5,"time":"2025-12-31T23:59:58.4Z"}',
        b'{"stream":"stderr","offset":4,"bytes":0,"time":"2025-12-31T23:59:58.4Z"}',
    ]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "9999-12-31T23:59:59Z"])
def test_a_host_whose_clock_stands_anywhere_is_read_all_the_same(place: Path, moment: str) -> None:
    info = http({**INFO, "SystemTime": moment})
    done = carry_out(place, ReadLogs(ID, since="20000d", until="19000d"), {"/info": info, "/logs": chunked()})
    assert done.failure is None
    place.unlink()
    done = carry_out(place, ReadEvents(since="800000d"), {"/info": info, "/events": chunked()})
    assert done.failure is None
    asked = next(one for one in done.engine.requests if "/events" in one)
    assert "since=-" not in asked and "until=-" not in asked
    place.unlink()
    assert "offset" in carry_out(place, MeasureClock("start"), {"/info": info}).detail


@pytest.mark.parametrize("moment", ["", "now", "0001-01-01T00:00:00+23:00", 7, None])
def test_a_host_without_a_clock_says_so(place: Path, moment: object) -> None:
    done = carry_out(place, ReadEvents(), {"/info": http({**INFO, "SystemTime": moment})})
    assert done.failure and done.failure.kind is Refusal.GARBLED


TAR = (b"hello.txt" + bytes(91) + b"0000644\x000000000\x000000000\x0000000000005\x0014000000000\x00").ljust(148, b"\0")


def tar_of_one() -> bytes:
    """A tar with one file of five bytes, and its end mark."""
    header = bytearray((TAR + b" " * 8 + b"0").ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0"))
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"hello".ljust(512, b"\0") + bytes(1024)


def test_a_tar_without_its_end_mark_is_partial_though_the_answer_ended(place: Path) -> None:
    whole = tar_of_one()
    good = carry_out(place, Export(ID), {"/export": chunked(whole)})
    assert good.failure is None and good.detail == f"1 files, {len(whole)} bytes"
    for cut in (0, 100, 512, 600, 1024, 1536):
        place.unlink()
        done = carry_out(place, Export(ID), {"/export": chunked(*filter(None, [whole[:cut]]))})
        assert done.failure and done.failure.kind is Refusal.LOST, cut
        assert {one.partial for one in done.evidence.values()} == {"the archive ends before its end mark"}
        assert done.files["export/rootfs.tar"] == whole[:cut]


def test_an_index_of_a_stream_that_broke_off_holds_what_came(place: Path) -> None:
    done = carry_out(place, Export(ID), {"/export": chunked(tar_of_one()[:1024], end=b"9\r\nx")})
    assert done.failure and done.failure.kind is Refusal.LOST
    assert b'"path":"hello.txt"' in done.files["export/rootfs.index.jsonl"]
    assert all(one.partial == done.failure.reason for one in done.evidence.values())


def test_a_limit_cuts_at_the_byte_and_a_tar_of_just_that_size_is_whole(place: Path) -> None:
    whole = tar_of_one()
    for limit, partial in ((len(whole), ""), (len(whole) + 1, ""), (700, "cut after 700 bytes, as asked")):
        done = carry_out(place, CopyOut(ID, "/hello.txt", limit), {"/archive": chunked(whole)})
        assert done.failure is None
        ((name, one),) = done.evidence.items()
        assert one.partial == partial and done.files[name] == whole[:limit]
        place.unlink()


def test_changes_are_kept_however_many_there_are(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'[{"Path":"/a","Kind":0},{"Path":"/b","Kind":1},{"Path":"/c","Kind":2},{"Path":"/d","Kind":9}]'
    assert carry_out(place, Diff(ID), {"/changes": http(body)}).detail == "1 added, 1 changed, 1 deleted"
    for odd in (b"null", b"[]", b"{}", b"[" * 100_000, b"\xff", b'[{"Kind":"x"}]'):
        place.unlink()
        done = carry_out(place, Diff(ID), {"/changes": http(odd)})
        assert done.failure is None and done.files["changes.json"] == odd
    place.unlink()
    monkeypatch.setattr(engine_streams, "SMALL_BODY", 20)
    done = carry_out(place, Diff(ID), {"/changes": http(body)})
    assert done.files["changes.json"] == body and done.detail == f"{len(body)} bytes, too long to be counted"
    place.unlink()
    done = carry_out(place, Diff(ID), {"/changes": http(body, length=len(body) + 1)})
    assert done.failure and done.files["changes.json"] == body and done.evidence["changes.json"].partial


def test_podman_is_never_asked_for_processes(place: Path) -> None:
    """Its list would run the container's own ps."""
    version = http({"Version": "4.3", "Components": [{"Name": "Podman Engine"}]})
    done = carry_out(place, ListProcesses(ID), {"/version": version})
    assert done.failure and done.failure.kind is Refusal.UNSUPPORTED
    assert not any("/top" in one for one in done.engine.requests)


def test_a_host_with_another_ps_is_asked_the_usual_way(place: Path) -> None:
    def top(path: str) -> bytes:
        if "ps_args" in path:
            return http({"message": "ps: unrecognized option: ww"}, "500 Oh")
        return http({"Titles": ["PID", "CMD"], "Processes": [["7", "sh"], ["8"], ["9", "a", "b"]]})

    done = carry_out(place, ListProcesses(ID), {"/top": top, "/json": http(inspected())})
    assert done.detail == "3 processes" and b'"PID": "7"' in done.files["processes.json"]


def test_rows_of_any_shape_are_kept(place: Path) -> None:
    rows = [["1", "0", "root", "0", "Ss", "9" * 400, "0", "init"], ["x"] * 8, [], ["1"] * 20, ["٣"] * 8]
    done = carry_out(place, ListProcesses(ID), {"/top": http({"Titles": ["PID"], "Processes": rows})})
    assert done.failure is None and done.detail == "5 processes"
    place.unlink()
    done = carry_out(place, ListProcesses(ID), {"/top": http({"Titles": None, "Processes": None})})
    assert done.detail == "0 processes"
    place.unlink()
    done = carry_out(place, ListProcesses(ID), {"/top": http([1, 2])})
    assert done.failure and done.failure.kind is Refusal.GARBLED
    assert "processes.top.json" in done.files, "the answer is kept as it came"


def test_a_moment_is_told_to_the_engine_exact_to_the_microsecond() -> None:
    """A float of today is off by as much as 0.12 of one: enough to lose the first record of a window."""
    start = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
    for microsecond in range(0, 1_000_000, 997):
        moment = start.replace(microsecond=microsecond)
        assert unix_time(moment) == f"{int(start.timestamp())}.{microsecond:06d}"
    before = datetime(1970, 1, 1, tzinfo=UTC)
    assert unix_time(before) == "0.000000"


@pytest.mark.parametrize("since", ["2026-01-01T00:00:00.123457Z", "2025-12-31T23:59:59.999999Z"])
def test_the_begin_of_a_window_is_asked_for_exactly(place: Path, since: str) -> None:
    done = carry_out(place, ReadLogs(ID, since=since), {"/logs": chunked()})
    asked = [one for one in done.engine.requests if "/logs?" in one]
    fraction = since.rpartition(".")[2].removesuffix("Z")
    assert len(asked) == 2 and all(f".{fraction}" in one for one in asked)
