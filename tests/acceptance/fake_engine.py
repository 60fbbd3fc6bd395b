"""What answers on an engine's socket and is none, or a hostile one: every answer is said by the test, to the byte."""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ID = "c0ffee" * 10 + "beef"
Reply = bytes | Iterable[bytes]
Answers = Callable[[str, str], "Reply | None"]


def http(
    body: bytes | object = b"",
    status: str = "200 OK",
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """A whole answer; `length` is what it claims to be long."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Content-Type": "application/json", "Api-Version": "1.41", **(headers or {})}
    said.setdefault("Content-Length", str(len(content) if length is None else length))
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + content


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A whole chunked answer, or one that ends as said."""
    head = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def listed(**more: Any) -> dict[str, Any]:
    """A container as a list shows it."""
    return {"Id": ID, "Names": ["/victim"], "Image": "app:1", "State": "running", "Created": 1_700_000_000, **more}


def inspected(**more: Any) -> dict[str, Any]:
    """A container as an inspect shows it."""
    state = {"Status": "running", "Pid": 1, "StartedAt": "2026-01-01T00:00:00Z"}
    return {"Id": ID, "Name": "/victim", "State": state, "Image": "", "Config": {"Image": "app:1"}, **more}


INFO = {"ID": "x", "SystemTime": "2026-01-01T00:00:00.5Z", "ServerVersion": "20.10"}


def honest(method: str, path: str) -> Reply:
    """What an engine with one container says, as far as a look at it needs."""
    match re.sub(r"^/(v1\.[0-9]+/)?", "", path.partition("?")[0]):
        case "containers/json":
            return http([listed()])
        case "info":
            return http(INFO)
        case "version":
            return http({"Version": "20.10", "ApiVersion": "1.41"})
        case "_ping":
            return http(b"OK")
        case what if what == f"containers/{ID}/json":
            return http(inspected())
        case _:
            return http({"message": "page not found"}, "404 Not Found")


class FakeEngine:
    """A server on a unix socket. `answers` may leave a request to `honest`, or to the engine behind, by saying None."""

    def __init__(self, path: Path, answers: Answers = lambda method, path: None, behind: Path | None = None) -> None:
        self.path, self.answers, self.behind = path, answers, behind
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.is_closing = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = _receive(connection)
            if b"\r\n\r\n" not in request:
                return  # whoever asked has gone before the question was whole
            method, path = (part.decode() for part in request.split(b" ", 2)[:2])
            self.requests.append(f"{method} {path}")
            self.bodies.append(request.partition(b"\r\n\r\n")[2])
            reply = self.answers(method, path)
            if reply is None:
                reply = honest(method, path) if self.behind is None else self.forward(request)
            for piece in [reply] if isinstance(reply, bytes) else reply:
                if self.is_closing.is_set():
                    return
                connection.sendall(piece)

    def forward(self, request: bytes, most: int = 1 << 60) -> Iterator[bytes]:
        """What the engine behind answers, cut after so many bytes."""
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(self.behind))
            engine.sendall(request)
            while most > 0 and (piece := engine.recv(min(65536, most))):
                most -= len(piece)
                yield piece

    def trickle(self, piece: bytes, pause: float = 0.02) -> Iterator[bytes]:
        """The same piece over and over, for as long as the server is there."""
        while not self.is_closing.wait(pause):
            yield piece

    def hang(self) -> Iterator[bytes]:
        """Nothing at all, for as long as the server is there."""
        self.is_closing.wait()
        yield from ()


def _receive(connection: socket.socket) -> bytes:
    """A whole request: head, and a body as long as it says."""
    request = b""
    while b"\r\n\r\n" not in request or len(request.partition(b"\r\n\r\n")[2]) < _length(request):
        piece = connection.recv(65536)
        if not piece:
            break
        request += piece
    return request


def _length(request: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", request)
    return int(found[1]) if found else 0
