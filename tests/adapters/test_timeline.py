"""What a bundle tells of times, in the forms that other tools read."""

import csv
import io
import json
import re
import tracemalloc
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.timeline import clock_offsets, read_timeline
from irkit.adapters.timeline_formats import COLUMNS, body_lines, csv_of, jsonl_of, time_text
from irkit.adapters.timeline_lines import Unread, nanoseconds_of_decimal, nanoseconds_of_time
from irkit.adapters.timeline_sort import sorted_lines
from irkit.core import operations
from irkit.core.events import Note, RunFinished
from irkit.core.text import escaped
from irkit.core.timeline import FileTimes, Moment, Source, Where
from tests.adapters.made import WEB, a_bundle, a_plan, apply, run_started

HERE = Where(host="local", container="web", container_id=WEB.id, item="data/x")
INDEX = (
    b'{"path":"etc/a","type":"file","mode":420,"uid":1,"gid":2,"size":3,"mtime":"1700000000.5","sha256":"ab"}\n'
    b'{"path":"etc/\xef\xbf\xbd","path_b64":"ZXRjL/8K","type":"symlink","mode":511,"uid":0,"gid":0,"size":0,'
    b'"mtime":"-5","link":"/","atime":"1700000001","ctime":"1700000001"}\n'
)
EVENTS = (
    b'{"Type":"container","Action":"start","Actor":{"ID":"%s","Attributes":{"name":"web","image":"n\\nx"}},'
    b'"timeNano":1700000002000000001}\n' % WEB.id.encode()
)
TIMES = (
    b'{"stream":"stdout","offset":0,"bytes":4,"time":"2023-11-14T22:13:23.000000009Z"}\n'
    b'{"stream":"stderr","offset":0,"bytes":6,"time":"2023-11-14T22:13:24Z"}\n'
    b'{"stream":"stdout","offset":4,"bytes":9000,"time":"2023-11-14T22:13:25Z"}\n'
)
PROCESSES = b'{"processes":[{"pid":7,"ppid":1,"user":"root","started_at":"2023-11-14T22:13:26Z","command":"x|y"}]}'
INSPECT = b'{"Created":"2023-11-14T22:13:19.5Z","State":{"StartedAt":"0001-01-01T00:00:00Z","FinishedAt":""}}'


def full_bundle(folder: Path, index: bytes = INDEX) -> Path:
    """A bundle with an item of each kind, not sealed."""
    bundle = a_bundle(folder)
    bundle.append(run_started(a_plan()))
    clock = b'{"offset_ns":1500,"error_ns":90,"method":"info","at":"2026-11-21T10:15:00.000000Z"}'
    apply(bundle, 1, operations.MeasureClock(), lambda to: to.put("clock-start.json", clock, source="GET /info"))
    apply(bundle, 2, operations.Inspect(WEB.id), lambda to: to.put("inspect.json", INSPECT, source="GET"))
    apply(bundle, 3, operations.ListProcesses(WEB.id), lambda to: to.put("processes.json", PROCESSES, source="GET"))
    apply(bundle, 4, operations.ReadEvents(), lambda to: to.put("events.jsonl", EVENTS, source="GET"))
    for name, content in (("stdout.log", b"out\n" + b"y" * 9000), ("stderr.log", b"er\x1bror"), ("times.jsonl", TIMES)):
        apply(bundle, 5, operations.ReadLogs(WEB.id), lambda to, n=name, c=content: packed(to, f"logs/{n}", c))  # type: ignore[misc]
    apply(bundle, 6, operations.Export(WEB.id), lambda to: packed(to, "export/rootfs.index.jsonl", index))
    apply(bundle, 7, operations.Disconnect(WEB.id, "front"), lambda to: None, fails="no\nway")
    bundle.append(RunFinished(outcome="done"))
    bundle.close()
    return bundle.path


def packed(to: object, name: str, content: bytes) -> None:
    item = to.open(name, source="GET", compress=True)  # type: ignore[attr-defined]
    item.write(content)
    item.finish()


def moments_of(root: Path, unread: Unread | None = None) -> list[Moment]:
    return [moment for one in read_timeline(root, unread or Unread()) for moment in one.moments()]


def test_every_kind_of_item_is_in_it_with_the_time_that_it_tells(tmp_path: Path) -> None:
    unread = Unread()
    found = moments_of(full_bundle(tmp_path), unread)
    told = {(one.source, one.at): one.message for one in found if one.source is not Source.IRKIT}
    assert told == {
        (Source.CONTAINER, 1699999999_500000000): "container created",
        (Source.PROCESS, 1700000006_000000000): "process 7 (parent 1, user root) started: x|y",
        (Source.ENGINE, 1700000002_000000001): f"container start {WEB.id}: image=n\\x0ax, name=web",
        (Source.LOG, 1700000003_000000009): "stdout: out",
        (Source.LOG, 1700000004_000000000): "stderr: er\\x1bror",
        (Source.LOG, 1700000005_000000000): f"stdout: {'y' * 2000} (7000 more bytes)",
        (Source.FILE, 1700000000_500000000): "file /etc/a, 0644 1:2, 3 bytes",
        (Source.FILE, -5_000000000): "symlink /etc/\\xff\\x0a -> /, 0777 0:0, 0 bytes",
        (Source.FILE, 1700000001_000000000): "symlink /etc/\\xff\\x0a -> /, 0777 0:0, 0 bytes",
    }
    assert {one.kind for one in found if one.at == 1700000001_000000000} == {
        "Metadata Modification Time; Last Access Time"
    }
    own = [one.message for one in found if one.source is Source.IRKIT]
    assert own[0].startswith("run 0123abcd began: playbook contain, by Ann Örst, case IR-2026-042")
    assert "began (change): disconnect from network front" in own
    assert own[-2:] == ["FAILED: disconnect from network front: no\\x0away (took hold: no)", "run ended: done"]
    assert {one.where.container for one in found if one.source is not Source.IRKIT} == {"web"}
    assert unread.lines() == []


def test_where_the_parts_of_a_saved_image_lie_is_no_file_of_it(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    bundle.append(run_started(a_plan()))
    parts = b'{"name":"layer.tar","offset":0,"bytes":9,"path":"data/local/images/blobs/ab.tar.zst"}\n'
    operation = operations.ReadImage("sha256:1234567890abcdef", "0123abcd")
    apply(bundle, 1, operation, lambda to: packed(to, "images/blobs/ab.index.jsonl", INDEX.splitlines()[0]))
    apply(bundle, 2, operation, lambda to: to.put("images/1234567890ab/save.jsonl", parts, source="made from x"))
    bundle.close()
    unread = Unread()
    found = [one for one in read_timeline(bundle.path, unread) if isinstance(one, FileTimes)]
    assert ([one.path for one in found], unread.lines()) == ([b"/etc/a"], [])


def test_a_note_between_runs_stands_where_it_was_made_though_the_next_run_brought_it(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    bundle.append(run_started(a_plan()))
    bundle.append(Note(text="noted at 2023-11-14T22:13:20.5Z (note 3 of the case): odd\ntraffic", by="Ann"))
    bundle.append(Note(text="noted at 99 (note 4 of the case): when?", by="Ann"))
    bundle.append(Note(text="noted at the gate", by="Ann"))
    bundle.close()
    first, *others = sorted(moments_of(bundle.path), key=lambda one: one.at)
    assert (first.at, first.message) == (1700000000_500000000, "note by Ann: odd\\x0atraffic (note 3 of the case)")
    assert [one.message for one in others if one.message.startswith("note by")] == [
        "note by Ann: noted at 99 (note 4 of the case): when?",
        "note by Ann: noted at the gate",
    ]


def test_what_cannot_be_read_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    unread = Unread()
    index = INDEX + b"{\n[1]\n" + b'{"path":"' + b"x" * (5 << 20) + b'"}\n' + INDEX
    found = [one for one in moments_of(full_bundle(tmp_path, index), unread) if one.source is Source.FILE]
    assert len(found) == 6
    assert [line.partition(": ")[2] for line in unread.lines()] == [
        "a line is not as it should be, 2 times",
        "a line is too long",
    ]


def test_a_torn_item_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    root = full_bundle(tmp_path, INDEX * 40_000)
    (path,) = root.rglob("rootfs.index.jsonl.zst")
    path.write_bytes(path.read_bytes()[:-200_000] if path.stat().st_size > 400_000 else path.read_bytes()[: -(1 << 9)])
    unread = Unread()
    assert moments_of(root, unread)
    assert any("cannot be read on" in line for line in unread.lines())


def test_of_two_attempts_the_whole_one_is_read_and_of_a_log_the_engines_own_file_where_there_is_no_other(
    tmp_path: Path,
) -> None:
    bundle = a_bundle(tmp_path)
    bundle.append(run_started(a_plan()))
    index = INDEX.splitlines(keepends=True)[0]
    apply(bundle, 1, operations.Export(WEB.id), lambda to: packed(to, "export/rootfs.index.jsonl", index), fails="")
    first = '{"log":"out\\u001b\\n","stream":"stdout","time":"2023-11-14T22:13:23.000000009Z"}\n'
    name = f"daemon/{WEB.id}/{WEB.id}-json.log"
    apply(bundle, 2, operations.ReadLogFiles(WEB.id, 1), lambda to: to.put(name, first.encode(), source="host"))
    apply(
        bundle,
        3,
        operations.Export(WEB.id),
        lambda to: to.open("export/rootfs.index.jsonl", source="", compress=True),
        fails="gone",
    )
    unread = Unread()
    found = [one.message for one in moments_of(bundle.path, unread) if one.source is not Source.IRKIT]
    bundle.close()
    assert sorted(found) == ["file /etc/a, 0644 1:2, 3 bytes", "stdout: out\\x1b"]
    assert unread.lines() == []


def test_offsets_of_clocks_are_those_that_were_measured(tmp_path: Path) -> None:
    assert clock_offsets(full_bundle(tmp_path), ["local", "other"]) == {"local": 1500}
    moment = Moment(at=2000, kind="", source=Source.LOG, message="", where=HERE, clock="local")
    assert (moment.earlier(1500).at, moment.earlier(1500).clock, moment.earlier(0)) == (500, "responder", moment)
    file = FileTimes(path=b"a", kind="file", where=HERE, modified=2000)
    assert (file.earlier(1500).modified, file.earlier(1500).changed) == (500, None)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2023-11-14T22:13:20Z", 1700000000_000000000),
        ("2023-11-14T23:13:20.123456789+01:00", 1700000000_123456789),
        ("2023-11-14T22:13:20.5", 1700000000_500000000),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("2023-13-14T22:13:20Z", None),
        ("yesterday", None),
    ],
)
def test_times_are_exact_to_the_nanosecond(text: str, at: int | None) -> None:
    assert nanoseconds_of_time(text) == at


def test_decimals_are_exact_too() -> None:
    assert nanoseconds_of_decimal("1700000000.123456789") == 1700000000_123456789
    assert nanoseconds_of_decimal("-1.5") == -1_500000000
    assert nanoseconds_of_decimal("1e9") is nanoseconds_of_decimal("") is None


@given(st.integers(-(10**40), 10**40))
def test_any_time_has_a_text_that_is_a_time(at: int) -> None:
    assert datetime.fromisoformat(time_text(at)).utcoffset() is not None


# Formats ---------------------------------------------------------------------------------------------------------

raw_names = st.binary(min_size=1, max_size=40) | st.text("|%\\\n\r\x1b\u202e=+-@,\"'", min_size=1).map(str.encode)


def unescaped(text: str) -> bytes:
    """Back from `escaped`, as anybody could write it."""
    found = bytearray()
    for piece in re.finditer(r"\\\\|\\x([0-9a-f]{2})|([^\\])", text, re.DOTALL):
        found += bytes.fromhex(piece[1]) if piece[1] else (piece[2] or "\\").encode()
    return bytes(found)


@given(raw_names)
def test_an_escaped_name_is_one_printable_line_from_which_it_can_be_had_back(raw: bytes) -> None:
    for also in ("", "|%"):
        shown = escaped(raw, also)
        assert unescaped(shown) == raw
        assert shown.isprintable() and not any(char in shown for char in also)


@given(raw_names, raw_names)
def test_a_bodyfile_has_one_row_of_eleven_fields_whatever_the_name(path: bytes, link: bytes) -> None:
    file = FileTimes(
        path=path, kind="symlink", where=HERE, mode=0o4751, link=link, size=5, inode=9, modified=1_900000000
    )
    (row,) = body_lines(file)
    fields = row.decode().split("|")
    assert len(fields) == 11 and row.decode().isprintable() and "%" not in row.decode()
    assert fields[0] == "0" and fields[1].startswith("/local/web/")
    assert fields[2:] == ["9", "l/lrwsr-x--x", "0", "0", "5", "0", "1", "0", "0"]


@given(raw_names)
def test_other_moments_have_a_row_of_a_bodyfile_too(raw: bytes) -> None:
    moment = Moment(at=7_000000000, kind="Log Time", source=Source.LOG, message=escaped(raw), where=HERE)
    (row,) = body_lines(moment)
    fields = row.decode().split("|")
    assert len(fields) == 11 and fields[7:] == ["7"] * 4 and row.decode().isprintable() and "%" not in row.decode()


@given(raw_names)
def test_a_row_of_csv_is_a_line_and_no_cell_of_it_is_a_formula(raw: bytes) -> None:
    moment = Moment(
        at=1, kind="=1+1", source=Source.FILE, message=escaped(raw), where=HERE, path=escaped(raw), sha256="ab"
    )
    text = csv_of()(moment).decode()
    assert text.isprintable()
    (row,) = csv.reader(io.StringIO(text))
    assert len(row) == len(COLUMNS) and not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


@given(raw_names)
def test_a_line_of_json_has_the_columns_that_timesketch_wants(raw: bytes) -> None:
    moment = Moment(at=1700000000_123456789, kind="Log Time", source=Source.LOG, message=escaped(raw), where=HERE)
    found = json.loads(jsonl_of()(moment))
    assert tuple(sorted(found)) == tuple(sorted(COLUMNS))
    assert found["timestamp"] == 1700000000_123456 and found["datetime"] == "2023-11-14T22:13:20.123456+00:00"
    assert found["timestamp_desc"] == "Log Time" and found["nanoseconds"] == "1700000000123456789"


# Sorting ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(-(10**20), 10**20), st.binary(max_size=9).map(bytes.hex)), max_size=80))
def test_lines_are_sorted_and_equal_ones_stay_in_the_order_they_came(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, str]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    lines = [(max(min(number // 10**19, 3), -3), f"{n} {text}".encode()) for n, (number, text) in enumerate(pairs)]
    wanted = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
    for held in (1, 100, 1 << 20):
        assert list(sorted_lines(iter(lines), folder, held)) == wanted


def test_more_than_memory_holds_is_sorted_in_files_that_are_gone_afterwards(tmp_path: Path) -> None:
    count = 20_000
    tracemalloc.start()
    try:
        lines = ((number * 7919 % count, b"%d" % number + b"." * 100) for number in range(count))
        last, seen = -1, 0
        for line in sorted_lines(lines, tmp_path, 1 << 15):
            number = int(line.partition(b".")[0]) * 7919 % count
            assert number > last
            last, seen = number, seen + 1
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == count and most < 2 << 20
    assert list(tmp_path.iterdir()) == []
