"""A TLS connection ends when it is told to, and what comes out of it is what was sent, or an error."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_tls import dial_tcp
from irkit.adapters.tls_socket import TlsSocket
from irkit.core.errors import Refusal, TargetError
from irkit.engine.deadline import Cancel

from .tls_engine import CA, HERE, SHORT, TlsEngine, deadline, reached, server_context


@pytest.fixture
def trusting(tmp_path: Path) -> Path:
    """A folder with the CA alone."""
    return CA.write(tmp_path / "trusting")


@contextmanager
def connected(tmp_path: Path, trusting: Path, reply: bytes, *, cuts: bool = False) -> Iterator[TlsSocket]:
    """A connection on which a request was sent that is answered so."""
    context = server_context(CA.sign(HERE), tmp_path / "server")
    with TlsEngine(context, lambda method, path: reply, cuts=cuts) as server:
        wire = dial_tcp(reached(server.port, trusting))(deadline())
        assert isinstance(wire, TlsSocket)
        try:
            wire.settimeout(10)
            wire.sendall(b"GET / HTTP/1.1\r\n\r\n")
            yield wire
        finally:
            wire.close()


def read_to_end(wire: TlsSocket) -> bytes:
    got, buffer = b"", memoryview(bytearray(16384))
    while count := wire.recv_into(buffer):
        got += buffer[:count]
    return got


def test_an_answer_that_ends_is_told_from_one_that_is_cut(tmp_path: Path, trusting: Path) -> None:
    with connected(tmp_path, trusting, b"whole") as wire:
        assert read_to_end(wire) == b"whole"
    with connected(tmp_path, trusting, b"whole", cuts=True) as wire, pytest.raises(ssl.SSLEOFError):
        read_to_end(wire)


def test_what_is_read_after_the_connection_was_ended_is_never_ciphertext(tmp_path: Path, trusting: Path) -> None:
    with connected(tmp_path, trusting, b"A" * (1 << 20)) as wire:
        got = wire.recv(10)
        wire.shutdown(socket.SHUT_RDWR)
        buffer = memoryview(bytearray(1 << 20))
        try:
            while count := wire.recv_into(buffer):
                got += buffer[:count]
        except OSError:
            pass
        assert set(got) == set(b"A")


def test_an_answer_can_be_cancelled(tmp_path: Path, trusting: Path) -> None:
    cancel = Cancel()
    context = server_context(CA.sign(HERE), tmp_path / "server")
    with TlsEngine(context) as server:

        def trickle() -> Iterator[bytes]:
            yield b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 1000\r\n\r\nA"
            cancel.set()
            server.is_closing.wait()

        server.answers = lambda method, path: trickle()
        with pytest.raises(TargetError) as caught:
            EngineApi(dial_tcp(reached(server.port, trusting))).read("/x", deadline(60, cancel=cancel))
    assert caught.value.kind is Refusal.CANCELLED


def test_an_engine_that_takes_nothing_is_waited_for_no_longer_than_said(tmp_path: Path, trusting: Path) -> None:
    context = server_context(CA.sign(HERE), tmp_path / "server")
    with socket.create_server((HERE, 0)) as listener:
        taken: list[ssl.SSLSocket] = []
        thread = threading.Thread(target=lambda: taken.append(context.wrap_socket(listener.accept()[0], True)))
        thread.start()
        wire = dial_tcp(reached(listener.getsockname()[1], trusting))(deadline())
        thread.join()
        assert isinstance(wire, TlsSocket)
        with wire, taken[0]:
            wire.settimeout(SHORT)
            with pytest.raises(TimeoutError):
                wire.sendall(bytes(1 << 26))
