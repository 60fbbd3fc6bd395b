"""A server with TLS on a loopback address, in front of an engine that a test makes up."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_tls import dial_tcp
from irkit.core.errors import Refusal, TargetError, UnreachableError
from irkit.core.host import Host
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import Answers, honest, http
from tests.lab.counting import LONG

from .made_certificates import Authority, Made

CA, OTHER = Authority(), Authority("other CA")
HERE = "127.0.0.1"
SHORT = 0.3
"""Seconds that a test waits where it waits in vain."""


def server_context(made: Made, folder: Path, client_authority: bytes = b"") -> ssl.SSLContext:
    """How the server speaks TLS; with a CA for clients it wants their certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.write(folder)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_authority.decode())
    return context


class TlsEngine:
    """Answers requests over TLS, or over nothing where there is no context; with an engine behind, as that does.

    `cuts` has it end connections as if the line were cut.
    """

    def __init__(
        self,
        context: ssl.SSLContext | None,
        answers: Answers = lambda method, path: None,
        *,
        behind: Path | None = None,
        cuts: bool = False,
    ) -> None:
        self._context, self.answers, self.behind, self.cuts = context, answers, behind, cuts
        self._listener = socket.create_server((HERE, 0))
        self.port: int = self._listener.getsockname()[1]
        self.is_closing = threading.Event()
        self.requests: list[str] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(LONG)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(LONG)
            if self._context is None:
                self._talk(connection)
                return
            with self._context.wrap_socket(connection, server_side=True) as secured:
                self._talk(secured)

    def _talk(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
            request += piece
            if request.startswith(b"\x16"):  # TLS, where there is none
                connection.sendall(http(b"", "400 Bad Request"))
                return
        if not request.count(b" "):
            return
        method, path = (part.decode("latin-1") for part in request.split(b" ", 2)[:2])
        self.requests.append(f"{method} {path}")
        for piece in self._pieces(request, method, path):
            connection.sendall(piece)
        if isinstance(connection, ssl.SSLSocket) and not self.cuts:
            connection.unwrap()

    def _pieces(self, request: bytes, method: str, path: str) -> Iterator[bytes]:
        if self.behind is None:
            reply = self.answers(method, path) or honest(method, path)
            yield from [reply] if isinstance(reply, bytes) else reply
            return
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(self.behind))
            engine.sendall(request)
            while piece := engine.recv(65536):
                yield piece


def deadline(seconds: float = 60.0, idle: float | None = None, cancel: Cancel | None = None) -> OperationDeadline:
    return OperationDeadline(SystemClock(), seconds, idle or seconds, cancel or Cancel())


def reached(port: int, tls: Path | str = "", address: str = HERE) -> Host:
    return Host(name="far", address=address, reach="tcp", port=port, tls=str(tls))


def ask(host: Host) -> bytes:
    return EngineApi(dial_tcp(host)).read("/info", deadline())


def refusal(host: Host, within: OperationDeadline | None = None) -> UnreachableError:
    with pytest.raises(UnreachableError) as caught:
        EngineApi(dial_tcp(host)).read("/info", within or deadline())
    assert caught.value.kind is Refusal.UNREACHABLE
    assert str(caught.value).isprintable()
    return caught.value


@contextlib.contextmanager
def serving(
    place: Path,
    made: Made,
    *,
    clients: Authority | None = None,
    newest: ssl.TLSVersion | None = None,
) -> Iterator[int]:
    """An engine with that certificate; the port."""
    authority = clients.pem if clients else b""
    context = server_context(made, place / "server", authority)
    if newest:
        context.maximum_version = newest
    with TlsEngine(context) as server:
        yield server.port


def cancelled(wait: Callable[[OperationDeadline], object]) -> TargetError:
    """What a wait that would be very long ends with when it is cancelled; fails where it goes on."""
    cancel, errors = Cancel(), []

    def run() -> None:
        try:
            wait(deadline(600, cancel=cancel))
        except TargetError as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SHORT)
    cancel.set()
    thread.join(LONG)
    assert not thread.is_alive()
    (error,) = errors
    return error
