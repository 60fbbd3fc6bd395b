"""HTTP to a container engine over any stream, every wait bounded by a deadline.

The standard library's client on a stream of ours: the docker SDK takes six times as long to import, cannot end a
call that trickles, and copies streams twice (docs/adr/0002). Foreign failures are mapped here, and only here; how a
body ends is `engine_body`'s, the stream itself `engine_wire`'s.
"""

import http.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from irkit.adapters.engine_body import Body
from irkit.adapters.engine_wire import Dial, WireSocket, shut
from irkit.adapters.tally import Tally
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline
from irkit.core.text import safe

T = TypeVar("T")
SMALL_BODY = 64 * 1024 * 1024
"""Bytes of an answer that is read whole; more is refused, as no honest engine sends it."""
NEWEST_API, OLDEST_API = (1, 48), (1, 40)
_PODMAN_HEADER, _PODMAN_SERVER = "Libpod-Api-Version", "Libpod/"
_ERROR_BODY = 64 * 1024
_PIECE = 64 * 1024
_HTTP_OK, _HTTP_BAD, _HTTP_ABSENT, _HTTP_CONFLICT, _HTTP_UNSUPPORTED = 200, 400, 404, 409, 501


class Answer:
    """An answer under way: status, headers, and a body to be read to its end."""

    def __init__(self, response: http.client.HTTPResponse, deadline: Deadline) -> None:
        self._headers, self._deadline = response.headers, deadline
        self._body = Body(response, deadline)
        self.status = response.status

    def header(self, name: str) -> str:
        """A header's value, or empty."""
        return str(self._headers.get(name, ""))

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as the body goes; 0 at its end. Raises TargetError where it is cut short."""
        with mapped_errors(self._deadline):
            return self._body.readinto(buffer)

    def read_some(self, buffer: memoryview) -> int:
        """What there is of the body, as soon as there is something; 0 at its end. Raises TargetError."""
        with mapped_errors(self._deadline):
            return self._body.read_some(buffer)

    def read(self, limit: int = SMALL_BODY) -> bytes:
        """The whole body. Raises TargetError where it is longer than `limit` bytes."""
        body = self.read_start(limit + 1)
        if len(body) > limit:
            raise TargetError(f"the engine's answer is longer than {limit} bytes", Refusal.GARBLED)
        return body

    def read_start(self, limit: int) -> bytes:
        """The body as far as `limit`."""
        body, buffer = bytearray(), memoryview(bytearray(_PIECE))
        while len(body) < limit and (count := self.readinto(buffer[: limit - len(body)])):
            body += buffer[:count]
        return bytes(body)


@contextmanager
def mapped_errors(deadline: Deadline) -> Iterator[None]:
    """Whatever the wire or HTTP can raise, as TargetError."""
    try:
        yield
    except TimeoutError as error:
        deadline.remaining()
        raise TargetError("the engine does not answer", Refusal.TIMEOUT) from error
    except (http.client.RemoteDisconnected, ConnectionError) as error:
        deadline.remaining()
        raise TargetError("the connection ended before the answer did", Refusal.LOST) from error
    except (http.client.HTTPException, ValueError) as error:
        deadline.remaining()
        raise TargetError(f"the engine's answer is not HTTP: {safe(error, 200)}", Refusal.GARBLED) from error
    except OSError as error:
        deadline.remaining()
        raise TargetError(f"the connection failed: {error.strerror or error}", Refusal.LOST) from error


class _Greeting(NamedTuple):
    """What an engine says of itself in its answer to a ping."""

    newest: tuple[int, int]
    is_podman: bool


class EngineApi:
    """Requests to one engine. Threads may share it: every request has a connection of its own.

    `repeats` says that a small read whose answer was lost on the way is asked for once more. `like` is another way to
    the same engine, whose version counts here too. `tally` counts what is asked.
    """

    def __init__(
        self, dial: Dial, *, repeats: bool = False, like: "EngineApi | None" = None, tally: Tally | None = None
    ) -> None:
        self._dial, self._repeats, self._like = dial, repeats, like
        self.tally: Tally = tally or (like.tally if like else Tally())
        self._greeting: _Greeting | None = None

    def version(self, deadline: Deadline) -> tuple[int, int]:
        """The API version spoken: the engine's, but none newer than this code was written for."""
        newest = self._greeted(deadline).newest
        if newest < OLDEST_API:
            spoken, needed = _dotted(newest), _dotted(OLDEST_API)
            reason = f"the engine is too old: it speaks API {spoken}, irkit needs {needed} or later"
            raise TargetError(reason, Refusal.UNSUPPORTED)
        return min(newest, NEWEST_API)

    def is_podman(self, deadline: Deadline) -> bool:
        """Whether the engine is Podman, whose answers do not always mean what Docker's do."""
        return self._greeted(deadline).is_podman

    def _greeted(self, deadline: Deadline) -> _Greeting:
        """What the engine says of itself, asked for once."""
        if self._like is not None:
            return self._like._greeted(deadline)
        if self._greeting is None:
            self._greeting = self._again(lambda: self._greet(deadline))
        return self._greeting

    def _greet(self, deadline: Deadline) -> _Greeting:
        with self._request("GET", "/_ping", deadline, {}, None) as answer:
            answer.read()
            is_podman = bool(answer.header(_PODMAN_HEADER)) or answer.header("Server").startswith(_PODMAN_SERVER)
            return _Greeting(_version_of(answer.header("Api-Version")), is_podman)

    def _again(self, read: Callable[[], T]) -> T:
        """A read, and once more where its answer was lost on the way."""
        try:
            return read()
        except TargetError as error:
            if not self._repeats or error.kind is not Refusal.LOST:
                raise
        return read()

    @contextmanager
    def request(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        query: Mapping[str, str | bytes] | None = None,
        body: object = None,
    ) -> Iterator[Answer]:
        """An answer with status 2xx or 304. Raises TargetError for everything else."""
        with self._request(method, self.prefix(deadline) + path, deadline, query or {}, body) as answer:
            yield answer

    def prefix(self, deadline: Deadline) -> str:
        """What stands before every path: the version that is spoken."""
        return f"/v{_dotted(self.version(deadline))}"

    @contextmanager
    def line(self, deadline: Deadline) -> Iterator[WireSocket]:
        """A connection of its own, for requests that are made elsewhere. It ends where the run is told to stop."""
        wire = self._dial(deadline)
        forget = deadline.on_cancel(lambda: shut(wire))
        try:
            yield WireSocket(wire, deadline, self.tally)
        finally:
            forget()
            wire.close()

    def read(self, path: str, deadline: Deadline, **query: str) -> bytes:
        """The whole body of a GET."""

        def read() -> bytes:
            with self.request("GET", path, deadline, query=query) as answer:
                return answer.read()

        return self._again(read)

    def send(self, method: str, path: str, deadline: Deadline, body: object = None, **query: str) -> bytes:
        """Ask for a change; the answer's body."""
        with self.request(method, path, deadline, query=query, body=body) as answer:
            return answer.read()

    @contextmanager
    def _request(
        self, method: str, path: str, deadline: Deadline, query: Mapping[str, str | bytes], body: object
    ) -> Iterator[Answer]:
        with self.line(deadline) as line:
            self.tally.count("requests")
            answer = self._exchange(line, method, path + ("?" + urlencode(query) if query else ""), deadline, body)
            _raise_for(answer)
            yield answer

    def _exchange(self, line: WireSocket, method: str, path: str, deadline: Deadline, body: object) -> Answer:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = line
        headers = {"Connection": "close", "User-Agent": "irkit"}
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        if content is not None:
            headers["Content-Type"] = "application/x-tar" if content is body else "application/json"
        with mapped_errors(deadline):
            connection.request(method, path, body=content, headers=headers)
            return Answer(connection.getresponse(), deadline)


def part(foreign: str) -> str:
    """A foreign name as one part of a request's path."""
    return quote(foreign, safe="")


def _raise_for(answer: Answer) -> None:
    status = answer.status
    if _HTTP_OK <= status < 300 or status == 304:  # noqa: PLR2004 - 304: it is so already
        return
    reason = _reason(answer.read_start(_ERROR_BODY)) or f"nothing but status {status}"
    raise TargetError(f"the engine says: {safe(reason, 500)}", _kind(status, reason))


def _reason(body: bytes) -> str:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace").strip()
    return str(found.get("message", found) if isinstance(found, dict) else found).strip()


_ALREADY = (
    "is not connected to",
    "is already connected to",
    "is already paused",
    "is not paused",
    "already exists in network",
)


def _kind(status: int, reason: str) -> Refusal:
    """What an error status means; the texts are those of Docker 20.10 to 29, and of Podman 4.3 to 5.8."""
    if any(text in reason for text in _ALREADY):
        return Refusal.ALREADY
    if status == _HTTP_UNSUPPORTED or "does not support reading" in reason or "client version" in reason:
        return Refusal.UNSUPPORTED
    return Refusal.ABSENT if status == _HTTP_ABSENT else Refusal.REFUSED


def _version_of(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal() and len(text) < 10):  # noqa: PLR2004 - a sane length
        raise TargetError("what answers is no container engine: it names no API version", Refusal.GARBLED)
    return int(major), int(minor)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
