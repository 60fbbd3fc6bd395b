"""HTTP to engines that are hostile, broken or hung: each fault is told apart, and nothing waits for ever."""

import socket
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_wire import dial_unix
from irkit.core.errors import Refusal, TargetError
from irkit.core.text import safe
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import Answers, FakeEngine, Reply, chunked, http
from tests.engine.guard import within

MIB = 1 << 20


def deadline(seconds: float = 60.0, idle: float | None = None, cancel: Cancel | None = None) -> OperationDeadline:
    return OperationDeadline(SystemClock(), seconds, idle or seconds, cancel or Cancel())


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"


def only(reply: Reply) -> Answers:
    """That answer to everything but the first greeting."""
    return lambda method, path: None if path == "/_ping" else reply


def ask(place: Path, answers: Answers, seconds: float = 60.0) -> bytes:
    with FakeEngine(place, answers):
        return EngineApi(dial_unix(str(place))).read("/x", deadline(seconds))


def refusal(place: Path, answers: Answers, seconds: float = 60.0) -> TargetError:
    with pytest.raises(TargetError) as caught:
        ask(place, answers, seconds)
    return caught.value


@pytest.mark.parametrize(
    "reply",
    [http(b"0123456789" * 9999), chunked(b"0123456789" * 9000, b"0123456789" * 999), chunked(*[b"0123456789"] * 9999)],
    ids=["length", "chunks", "small chunks"],
)
def test_a_whole_body_is_read(place: Path, reply: bytes) -> None:
    assert ask(place, only(reply)) == b"0123456789" * 9999


def test_chunks_may_have_extensions_and_trailers(place: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert ask(place, only(head + b"2;a=b\r\nok\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n")) == b"ok"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (http(b"short", length=6), Refusal.LOST),
        (chunked(b"short", end=b""), Refusal.LOST),
        (chunked(b"short", end=b"9\r\nx"), Refusal.LOST),
        (chunked(b"short", end=b"9"), Refusal.LOST),
        (b"", Refusal.LOST),
        (b"HTTP/1.1 200", Refusal.GARBLED),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Refusal.GARBLED),
        (bytes(range(256)) * 16, Refusal.GARBLED),
        (b"HTTP/1.1 200 OK\r\n\r\nwhere does it end?", Refusal.GARBLED),
        (chunked(b"x", end=b"-1\r\n" + b"x" * 100), Refusal.GARBLED),
        (chunked(b"x", end=b"0x5\r\nhello\r\n0\r\n\r\n"), Refusal.GARBLED),
        (chunked(b"x", end=b"\r\n"), Refusal.GARBLED),
        (chunked(b"x", end=b"5\r\nhello!\r\n0\r\n\r\n"), Refusal.GARBLED),
        (chunked(b"x", end=b"5" * 5000 + b"\r\n"), Refusal.GARBLED),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n", Refusal.GARBLED),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * MIB, Refusal.GARBLED),
        (http({"message": "no such thing"}, "404 Not Found"), Refusal.ABSENT),
        (http({"message": "no"}, "409 Conflict"), Refusal.REFUSED),
        (http({"message": "configured logging driver does not support reading"}, "500 Oh"), Refusal.UNSUPPORTED),
        (http({"message": "client version 1.41 is too old. Minimum is 1.90"}, "400 Bad"), Refusal.UNSUPPORTED),
        (http(b"[" * 60_000, "500 Oh"), Refusal.REFUSED),
        (http(b"\xff\xfe" * 60_000, "500 Oh"), Refusal.REFUSED),
        (http({"message": ["\x1b[31m"] * 100}, "404 Not Found"), Refusal.ABSENT),
        (http(b"x" * (3 * MIB), "404 Not Found"), Refusal.ABSENT),
        (http(b"", "301 Moved", {"Location": "/elsewhere"}), Refusal.REFUSED),
        (http(b"", "200 OK", {"Api-Version": "\x1b]0;x\x07"}), None),
    ],
    ids=range(26),
)
def test_each_fault_has_its_kind_and_one_line(place: Path, reply: bytes, kind: Refusal | None) -> None:
    if kind is None:
        assert ask(place, only(reply)) == b""
        return
    error = refusal(place, only(reply))
    assert error.kind is kind, error
    assert safe(error.reason) == error.reason and len(error.reason) < 700


def test_what_comes_before_a_stream_breaks_off_is_handed_out_first(place: Path) -> None:
    """A buffer is larger than what comes at once: what was in it must not be lost with the connection."""
    got = bytearray()
    with FakeEngine(place, only(chunked(b"a" * 1000, b"b" * 1000, end=b"3e8\r\nccc"))):
        api, buffer = EngineApi(dial_unix(str(place))), memoryview(bytearray(MIB))
        with api.request("GET", "/x", deadline()) as answer, pytest.raises(TargetError, match="ended before"):
            while count := answer.readinto(buffer):
                got += buffer[:count]
    assert bytes(got) == b"a" * 1000 + b"b" * 1000 + b"ccc"


def test_what_comes_before_a_stream_hangs_is_handed_out_first(place: Path) -> None:
    got = bytearray()
    with FakeEngine(place) as engine:

        def reply() -> Iterator[bytes]:
            yield chunked(b"early", end=b"")
            yield from engine.hang()

        engine.answers = lambda method, path: None if path == "/_ping" else reply()
        api, buffer = EngineApi(dial_unix(str(place))), memoryview(bytearray(MIB))
        with api.request("GET", "/x", deadline(1.0)) as answer, pytest.raises(TargetError) as caught:
            while count := answer.readinto(buffer):
                got += buffer[:count]
    assert caught.value.kind is Refusal.TIMEOUT
    assert bytes(got) == b"early"


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b""),
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nA: ", b"b"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD, b""),
        (HEAD + b"\r\n", b"1"),
        (HEAD + b"\r\nffff\r\n", b"x"),
        (HEAD + b"\r\n", b"1\r\nx\r\n"),
        (HEAD + b"\r\n0\r\n", b"T: x\r\n"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 99999999\r\n\r\n", b"x"),
    ],
    ids=range(10),
)
def test_what_trickles_for_ever_ends_when_its_time_is_up(place: Path, start: bytes, piece: bytes) -> None:
    with FakeEngine(place) as engine:

        def reply() -> Iterator[bytes]:
            yield start
            yield from engine.trickle(piece) if piece else engine.hang()

        engine.answers = lambda method, path: None if path == "/_ping" else reply()
        with pytest.raises(TargetError) as caught:
            within(60, lambda: EngineApi(dial_unix(str(place))).read("/x", deadline(0.6)))
    assert caught.value.kind is Refusal.TIMEOUT, caught.value


@pytest.mark.parametrize(
    "reply",
    [
        http(b"", length=2 << 30),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n80000000\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n-1\r\n",
    ],
    ids=["length", "chunk", "negative chunk"],
)
def test_a_huge_answer_costs_no_more_memory_than_the_limit(place: Path, reply: bytes) -> None:
    def endless() -> Iterator[bytes]:
        yield reply
        for _ in range(200):
            yield bytes(MIB)

    with FakeEngine(place, only(endless())):
        api = EngineApi(dial_unix(str(place)))
        tracemalloc.start()
        try:
            with api.request("GET", "/x", deadline()) as answer, pytest.raises(TargetError) as caught:
                answer.read(8 * MIB)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert caught.value.kind is Refusal.GARBLED
    assert peak < 32 * MIB, f"{peak / MIB:.0f} MiB"


def test_a_cancelled_wait_ends_at_once(place: Path) -> None:
    cancel = Cancel()
    with FakeEngine(place) as engine:
        engine.answers = lambda method, path: None if path == "/_ping" else engine.hang()
        threading.Timer(0.3, cancel.set).start()
        with pytest.raises(TargetError) as caught:
            within(60, lambda: EngineApi(dial_unix(str(place))).read("/x", deadline(60, cancel=cancel)))
    assert caught.value.kind is Refusal.CANCELLED


@pytest.mark.parametrize(
    ("greeting", "kind", "words"),
    [
        (http(b"OK", headers={"Api-Version": "1.30"}), Refusal.UNSUPPORTED, "too old: it speaks API 1.30"),
        (http(b"OK", headers={"Api-Version": ""}), Refusal.GARBLED, "no container engine"),
        (http(b"OK", headers={"Api-Version": "1." + "9" * 60}), Refusal.GARBLED, "no container engine"),
        (http(b"OK", headers={"Api-Version": "one.two"}), Refusal.GARBLED, "no container engine"),
        (http(b"no", "404 Not Found"), Refusal.ABSENT, "the engine says: no"),
        (http(b"", "302 Found"), Refusal.REFUSED, "the engine says: nothing but status 302"),
        (http(b" ", "101 Switching Protocols"), Refusal.REFUSED, "the engine says: nothing but status 101"),
        (b"* OK IMAP4rev1\r\n", Refusal.GARBLED, "not HTTP"),
    ],
    ids=range(8),
)
def test_what_is_no_engine_or_too_old_says_so(place: Path, greeting: bytes, kind: Refusal, words: str) -> None:
    error = refusal(place, lambda method, path: greeting)
    assert error.kind is kind and words in error.reason


def test_a_newer_engine_is_spoken_to_in_the_version_this_was_written_for(place: Path) -> None:
    with FakeEngine(place, lambda method, path: http(b"OK", headers={"Api-Version": "1.99"})) as engine:
        EngineApi(dial_unix(str(place))).read("/x", deadline())
    assert engine.requests[-1] == "GET /v1.48/x"


def why_not(path: str, seconds: float = 60.0) -> TargetError:
    with pytest.raises(TargetError) as caught:
        EngineApi(dial_unix(path)).read("/x", deadline(seconds))
    return caught.value


def test_every_reason_not_to_connect_is_told_apart(place: Path) -> None:
    assert "there is no such socket" in why_not(str(place)).reason
    place.write_text("a file")
    assert "that is not a socket" in why_not(str(place)).reason
    assert "that is not a socket" in why_not(str(place.parent)).reason
    place.unlink()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(place))
    assert "nothing listens" in why_not(str(place)).reason
    for odd in ("/x" * 200, "with\0nul", "lone\ud800surrogate", ""):
        error = why_not(odd)
        assert error.kind is Refusal.UNREACHABLE and "no engine at" in error.reason


def test_an_engine_that_accepts_nothing_is_waited_for_and_no_longer(place: Path) -> None:
    """A unix socket whose queue is full refuses at once: that is a moment's state, not an answer."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(str(place))
        limit = deadline(0.5)
        with pytest.raises(TargetError) as caught:
            within(60, lambda: EngineApi(dial_unix(str(place))).read("/x", limit))
        with pytest.raises(TargetError):
            limit.remaining()  # all the time that it had was used
        for one in waiting:
            one.close()
    assert caught.value.kind is Refusal.TIMEOUT
