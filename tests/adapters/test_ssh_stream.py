"""What a connection runs over: found or not in the time there is, and ended with all that it started."""

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from irkit.adapters import ssh_stream
from irkit.adapters.ssh_stream import CommandStream, open_tcp
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError
from irkit.engine.deadline import Cancel
from tests.adapters.ssh_side import Doing, deadline, one_line
from tests.lab.counting import LONG, Held, wait_released, wait_until


@pytest.fixture
def full() -> Iterator[int]:
    """A port that takes no connection, as its queue is full: to a caller, a host that does not answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])
        for one in waiting:
            one.close()


def why_not(host: str, port: int, seconds: float = 30.0) -> str:
    with pytest.raises(UnreachableError) as caught:
        open_tcp(host, port, seconds, deadline())
    assert caught.value.state is HostState.DOWN
    return one_line(caught.value).reason


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that nobody listens on, nor can meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def test_a_connection_sends_at_once_and_is_watched_by_the_kernel() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        open_tcp("localhost", listener.getsockname()[1], 5, deadline()) as made,
    ):
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 40_000


def test_each_way_of_not_answering_is_told_apart(full: int, closed: int) -> None:
    assert "no SSH server listens there" in why_not("127.0.0.1", closed)
    assert why_not("::1", closed).startswith("[::1]:")
    assert "does not answer" in why_not("127.0.0.1", full, 0.2)
    assert "name is not known" in why_not("no-such-host.invalid", 22)
    assert "name is not known" in why_not("a" * 70 + ".example", 22)  # no name that could be looked up


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.EHOSTUNREACH, "no way to it"), (errno.ETIMEDOUT, "does not answer"), (errno.EACCES, "Permission denied")],
)
def test_what_the_kernel_says_is_told(code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: code)
    assert said in why_not("127.0.0.1", 22)


def test_nobody_is_waited_for_beyond_the_deadline(full: int) -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        open_tcp("127.0.0.1", full, 60, deadline(0.2))


def test_being_told_to_stop_ends_connecting_and_looking_up(full: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cancel, answer = Cancel(), threading.Event()
    real = socket.getaddrinfo

    def look_up(host: str, *rest: object, **more: object) -> object:
        if host == "slow.example":
            answer.wait(LONG)
        return real("127.0.0.1", *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    ways = [Doing(open_tcp, host, full, 60.0, deadline(60, cancel)) for host in ("127.0.0.1", "slow.example")]
    time.sleep(0.1)
    cancel.set()
    assert all(one.ended() for one in ways)
    assert [one.error.kind for one in ways if one.error] == [Refusal.CANCELLED] * 2
    with pytest.raises(UnreachableError, match="name server"):
        open_tcp("slow.example", full, 60, deadline(0.2))
    answer.set()


def test_failing_leaves_no_descriptors(full: int, closed: int) -> None:
    before = Held()
    for port in (full, closed):
        why_not("127.0.0.1", port, 0.05)
    assert wait_released(before) == {}


# Commands:


def echo(*argv: str) -> CommandStream:
    return CommandStream(argv, os.environ)


def read(stream: CommandStream, count: int) -> bytes:
    found = b""
    while len(found) < count and (piece := stream.recv(count)):
        found += piece
    return found


def test_a_command_is_spoken_to_and_ends_with_the_stream() -> None:
    before = Held()
    stream = echo("cat")
    stream.settimeout(LONG)
    assert stream.send(b"hello") == 5
    assert read(stream, 5) == b"hello"
    pid = stream._process.pid
    stream.close()
    stream.close()
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists())
    assert wait_released(before) == {}


def test_what_a_command_started_ends_too_also_where_it_does_not_want_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_stream, "_PATIENCE", 0.2)
    stream = echo("sh", "-c", "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1; done")
    stream.settimeout(LONG)
    child = int(stream.recv(20))
    pid = stream._process.pid
    stream.close()
    for number in (pid, child):
        assert wait_until(lambda number=number: is_gone(number)), number  # type: ignore[misc]


def is_gone(pid: int) -> bool:
    """Whether a process has ended, or waits for its parent only."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_command_that_ends_by_itself_leaves_nothing() -> None:
    before = Held()
    stream = echo("true")
    stream.settimeout(LONG)
    assert stream.recv(1) == b""
    stream.close()
    assert wait_released(before) == {}


def test_the_last_words_of_a_command_are_known_and_too_many_do_not_stop_it() -> None:
    with closing(echo("sh", "-c", "yes noise | head -100000 >&2 2>/dev/null; echo done")) as stream:
        stream.settimeout(LONG)
        assert read(stream, 5) == b"done\n"
        assert stream.last_words() == "noise"
    assert stream.last_words() == "noise"  # still
    with closing(echo("true")) as quiet:
        assert quiet.last_words() == ""


def test_a_command_that_is_not_there_is_named() -> None:
    before = Held()
    with pytest.raises(UnreachableError, match="no-such-program") as caught:
        echo("no-such-program", "x")
    assert "cannot be run" in one_line(caught.value).reason
    assert wait_released(before) == {}


def test_a_command_has_no_terminal_to_ask_on() -> None:
    stream = echo("sh", "-c", "(exec 3</dev/tty) 2>/dev/null && echo yes || echo no")
    stream.settimeout(LONG)
    assert stream.recv(9) == b"no\n"
    stream.close()


def test_time_that_is_up_before_connecting_is_no_answer(full: int) -> None:
    late = deadline(0.01)
    time.sleep(0.05)
    with pytest.raises(TargetError):
        open_tcp("127.0.0.1", full, 5, late)
