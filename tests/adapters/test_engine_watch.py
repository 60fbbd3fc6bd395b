"""Following an engine's events: what is asked for, what is made of what comes, and how it ends."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_watch import watch
from irkit.core.engine_event import UNREADABLE, WATCHING, EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.engine.deadline import Cancel, OperationDeadline

AT = 1_770_000_000_123_456_789
TEXT = "2026-02-02T02:40:00.123456789Z"
START = {
    "Type": "container",
    "Action": "start",
    "Actor": {"ID": "c1", "Attributes": {"name": "web", "label": "x"}},
    "timeNano": AT,
}
CONNECT = {
    "Type": "network",
    "Action": "connect",
    "Actor": {"ID": "n1", "Attributes": {"container": "c1", "name": "shop", "type": "bridge"}},
    "time": AT // 10**9,
}


class Engine:
    """Answers each request in turn: a ping, the time, and events as they are given."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.asked = pieces, list[str]()
        self.threads: list[threading.Thread] = []

    def dial(self, deadline: object) -> socket.socket:
        mine, theirs = socket.socketpair()
        thread = threading.Thread(target=self._answer, args=(theirs,), daemon=True)
        self.threads.append(thread)
        thread.start()
        return mine

    def _answer(self, wire: socket.socket) -> None:
        with wire:
            path = wire.recv(65536).split(b" ")[1].decode()
            self.asked.append(path)
            if "/events" not in path:
                body = b'{"SystemTime": "2026-02-02T02:39:59.5Z"}' if "/info" in path else b"OK"
                head = f"HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nContent-Length: {len(body)}\r\n\r\n"
                wire.sendall(head.encode() + body)
                return
            wire.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            with suppress(OSError):  # whoever follows may have heard enough
                for piece in self.pieces:
                    wire.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                wire.sendall(b"0\r\n\r\n")


@contextmanager
def following(engine: Engine, since: str = "", cancel: Cancel | None = None) -> Iterator[Iterator[EngineEvent]]:
    deadline = OperationDeadline(SystemClock(), 60, 60, cancel or Cancel())
    events = watch(EngineApi(engine.dial), since, deadline)
    try:
        yield events
    finally:
        events.close()  # type: ignore[attr-defined]
        for thread in engine.threads:
            thread.join(60)


def lines(*events: object) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in events)


def seen(engine: Engine, since: str = "") -> tuple[list[EngineEvent], TargetError]:
    """What comes, and how it ends."""
    found = []
    with following(engine, since) as events, pytest.raises(TargetError) as end:
        for one in events:
            found.append(one)
    return found, end.value


def test_the_first_says_from_when_on_nothing_is_missed() -> None:
    engine = Engine(lines(START))
    found, _ = seen(engine)
    assert found[0] == EngineEvent(at="2026-02-02T02:39:59.500000000Z", kind=WATCHING)
    assert "since=1769999999.500000000" in engine.asked[-1]


def test_events_are_read_however_they_are_cut() -> None:
    whole = lines(START, CONNECT)
    for cut in (1, 20, len(lines(START)) - 1, len(lines(START)), len(whole) - 2):
        found, end = seen(Engine(whole[:cut], whole[cut:]))
        assert [one.action for one in found] == ["", "start", "connect"]
        assert end.kind is Refusal.LOST


def test_what_an_event_tells_is_kept_apart() -> None:
    found, _ = seen(Engine(lines(START, CONNECT)))
    _, start, connect = found
    assert (start.at, start.kind, start.container, start.attributes["name"]) == (TEXT, "container", "c1", "web")
    assert (connect.kind, connect.container, connect.network) == ("network", "c1", "shop")
    assert connect.text() == "engine event connect network shop at 2026-02-02T02:40:00.000000000Z"


def test_a_watch_goes_on_from_the_last_event_without_telling_it_again() -> None:
    engine = Engine(lines(START, {**START, "Action": "die", "timeNano": AT + 1}))
    found, _ = seen(engine, since=TEXT)
    assert [one.action for one in found] == ["", "die"]
    assert "since=1770000000.123456789" in engine.asked[-1]
    assert not any("/info" in path for path in engine.asked)


NO_EVENTS = pytest.mark.parametrize(
    "line",
    [b"no json\n", b"[]\n", b'{"Type": 5}\n', b'{"Actor": {"Attributes": {"a": 1}}}\n', b"x" * (3 << 20) + b"\n"],
    ids=["no JSON", "a list", "a number", "a number within", "too long"],
)


@NO_EVENTS
def test_what_is_no_event_is_told_of_and_passed_over(line: bytes) -> None:
    die = {**START, "Action": "die", "timeNano": AT + 1}
    found, end = seen(Engine(lines(START) + line + lines(die)))
    assert [one.kind for one in found] == [WATCHING, "container", UNREADABLE, "container"]
    assert found[2].at == TEXT and found[2].action, "a watch is taken up again from the last event"
    assert found[3].action == "die"
    assert end.kind is Refusal.LOST


def test_however_a_line_that_is_too_long_is_cut_it_counts_once() -> None:
    long = b"x" * (3 << 20)
    for size in (1 << 16, 99_991):
        whole = long + b"\n" + lines(START)
        found, _ = seen(Engine(*(whole[at : at + size] for at in range(0, len(whole), size))))
        assert [one.kind for one in found] == [WATCHING, UNREADABLE, "container"]


@NO_EVENTS
def test_an_answer_that_is_full_of_what_are_no_events_ends_with_a_reason(line: bytes) -> None:
    times = 101
    found, end = seen(Engine(*[line] * times))
    assert [one.kind for one in found] == [WATCHING, *[UNREADABLE] * (times - 1)]
    assert end.kind is Refusal.GARBLED


def test_a_line_without_end_ends_it_with_a_reason() -> None:
    found, end = seen(Engine(*[b"x" * (1 << 20)] * 80))
    assert [one.kind for one in found] == [WATCHING, UNREADABLE]
    assert end.kind is Refusal.GARBLED


@pytest.mark.parametrize("at", [-1, 0, 2**70, 10**30])
def test_a_moment_that_there_is_not_is_none_to_fail_for(at: int) -> None:
    found, _ = seen(Engine(lines({**START, "timeNano": at, "time": at})))
    assert found[1].at.startswith("1970-01-01") and found[1].action == "start"


def test_long_and_hostile_texts_are_bounded() -> None:
    attributes = {f"key{number}": "v" * 5000 for number in range(150)}
    actor = {"ID": "c1", "Attributes": attributes}
    found, _ = seen(Engine(lines({**START, "Action": "exec_start: " + "a" * 9999, "Actor": actor})))
    assert found[1].action == "exec_start"
    assert max(len(value) for value in found[1].attributes.values()) == 1000


def test_it_is_ended_from_another_thread() -> None:
    engine, cancel = Engine(), Cancel()
    blocked = threading.Event()
    engine._answer = lambda wire: _hang(wire, engine, blocked)  # type: ignore[method-assign]
    with following(engine, since=TEXT, cancel=cancel) as events:
        assert next(events).kind == WATCHING
        threading.Timer(0.1, cancel.set).start()
        with pytest.raises(TargetError) as end:
            next(events)
        blocked.set()
    assert end.value.kind is Refusal.CANCELLED


def _hang(wire: socket.socket, engine: Engine, blocked: threading.Event) -> None:
    with wire:
        path = wire.recv(65536).split(b" ")[1].decode()
        if "/events" not in path:
            wire.sendall(b"HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nContent-Length: 2\r\n\r\nOK")
            return
        wire.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        blocked.wait(60)


@pytest.mark.parametrize(("said", "action"), [("died", "die"), ("remove", "destroy"), ("start", "start")])
def test_podmans_words_are_read_as_dockers(said: str, action: str) -> None:
    found, _ = seen(Engine(lines({**START, "Action": said})))
    assert found[1].action == action


def test_a_network_event_that_names_its_container_as_the_actor_is_of_that_container() -> None:
    found, _ = seen(Engine(lines({**CONNECT, "Actor": {"ID": "c1", "Attributes": {"name": "shop"}}})))
    assert (found[1].container, found[1].network) == ("c1", "shop")
