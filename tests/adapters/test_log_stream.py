"""Logs taken apart: nothing the content says is believed, and no cut of the stream makes a difference."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.adapters.log_stream import ENGINE, LogRecord, LogSplitter
from irkit.core.errors import Refusal, TargetError
from tests.soak import often

STAMP = "2026-11-21T10:15:30.{:09d}Z"
BASE = 1_795_256_130 * 10**9


def frame(kind: int, line: bytes) -> bytes:
    return bytes([kind, 0, 0, 0]) + len(line).to_bytes(4, "big") + line


def split(data: bytes, sizes: list[int], *, tty: bool) -> tuple[list[LogRecord], bytes]:
    """The records of a stream that comes in pieces of these sizes, over and over."""
    splitter, at, turn = LogSplitter(tty=tty), 0, 0
    found: list[LogRecord] = []
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += splitter.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    found += splitter.finish()
    return found, splitter.rest


pieces = st.lists(st.integers(1, 40), min_size=1, max_size=5)
contents = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"\n", b"", frame(1, b"fake\n"), frame(2, b"") * 3, b"2026-11-21T10:15:30.5Z x\n", b" " * 9, b"\r\n"]
    ),
)


@settings(max_examples=often(200, 66), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), contents, st.integers(0, 999_999_999)), max_size=8),
    pieces,
)
def test_framed_records_come_out_as_they_went_in(records: list[tuple[str, bytes, int]], sizes: list[int]) -> None:
    data = b"".join(
        frame(1 if stream == "stdout" else 2, STAMP.format(nano).encode() + b" " + content)
        for stream, content, nano in records
    )
    found, rest = split(data, sizes, tty=False)
    assert rest == b""
    assert found == [LogRecord(stream, STAMP.format(nano), BASE + nano, content) for stream, content, nano in records]


@settings(max_examples=often(200, 66), deadline=None)
@given(st.lists(contents.map(lambda raw: raw.replace(b"\n", b"") + b"\n"), max_size=8), pieces)
def test_lines_of_a_terminal_come_out_as_they_went_in(lines: list[bytes], sizes: list[int]) -> None:
    data = b"".join(STAMP.format(7).encode() + b" " + line for line in lines)
    found, rest = split(data, sizes, tty=True)
    assert rest == b"" and [one.content for one in found] == lines
    assert {one.nanoseconds for one in found} <= {BASE + 7}


def test_a_long_line_of_a_terminal_comes_in_pieces_of_16_kib() -> None:
    stamp = STAMP.format(1).encode() + b" "
    data = stamp + b"a" * 16384 + stamp + b"b" * 16384 + stamp + b"c" * 10 + b"\r\n" + stamp + b"no newline"
    found, rest = split(data, [1000], tty=True)
    assert [len(one.content) for one in found] == [16384, 16384, 12, 10] and rest == b""


@pytest.mark.parametrize(
    ("stamp", "nanoseconds"),
    [
        ("2026-11-21T10:15:30Z", 0),
        ("2026-11-21T10:15:30.5Z", 500_000_000),
        ("2026-11-21T10:15:30.000000001Z", 1),
        ("2026-11-21T10:15:30.123456789Z", 123_456_789),
        ("2026-11-21T11:15:30.25+01:00", 250_000_000),
        ("2026-11-21T05:15:30-05:00", 0),
    ],
)
def test_time_stamps_are_read_to_the_nanosecond(stamp: str, nanoseconds: int) -> None:
    (found,) = LogSplitter(tty=False).feed(frame(1, stamp.encode() + b" x\n"))
    assert (found.stamp, found.nanoseconds) == (stamp, BASE + nanoseconds)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        frame(4, b"x"),
        b"\x01\x00\x00\x01" + frame(1, b"2026-11-21T10:15:30Z x")[4:],
        b"\x01\x00\x00\x00\xff\xff\xff\xff",
        frame(1, b""),
        frame(1, b"no stamp\n"),
        frame(1, b"x" * 100 + b" late\n"),
        frame(1, b"2026-13-45T99:99:99Z x"),
        frame(1, b"2026-11-21T10:15:30.12x4Z x"),
        frame(1, b'2026-11-21"10:15:30Z x'),
        frame(1, b"\xff\xfe x"),
    ],
    ids=range(11),
)
def test_what_is_no_log_is_refused(data: bytes) -> None:
    with pytest.raises(TargetError) as caught:
        list(LogSplitter(tty=False).feed(data))
    assert caught.value.kind is Refusal.GARBLED


def test_what_the_engine_itself_says_has_no_time_stamp() -> None:
    found = list(LogSplitter(tty=False).feed(frame(3, b"Error grabbing logs: EOF\n")))
    assert found == [LogRecord(ENGINE, "", 0, b"Error grabbing logs: EOF\n")]


@settings(max_examples=often(300, 100), deadline=None)
@given(st.binary(max_size=300), st.booleans(), pieces)
def test_no_bytes_raise_anything_else(data: bytes, tty: bool, sizes: list[int]) -> None:
    try:
        split(data, sizes, tty=tty)
    except TargetError as error:
        assert error.kind is Refusal.GARBLED
