"""Streams to a container engine, every wait on them bounded by a deadline. What goes over them is `engine_http`'s."""

import errno
import io
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from irkit.adapters.tally import Tally
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

_BUFFER = 256 * 1024
_TRY_AGAIN = 0.02


class Wire(Protocol):
    """A connected stream: a socket, or something that behaves like one."""

    def settimeout(self, seconds: float | None, /) -> None: ...
    def recv_into(self, buffer: memoryview, /) -> int: ...
    def sendall(self, data: bytes, /) -> None: ...
    def close(self) -> None: ...


class Channel(Wire, Protocol):
    """A wire that is no socket."""

    def cancel(self) -> None:
        """Wake whoever reads, as if it had ended. Waits for nothing: a signal's handler may call it."""
        ...


Dial = Callable[[Deadline], socket.socket | Channel]


def dial_unix(path: str) -> Dial:
    """How to connect to a unix socket on this machine."""

    def dial(deadline: Deadline) -> socket.socket:
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _connect(wire, path, deadline)
        except (OSError, ValueError) as error:
            wire.close()
            raise TargetError(_why_unreachable(path, error), Refusal.UNREACHABLE) from error
        except TargetError:
            wire.close()
            raise
        return wire

    return dial


def _connect(wire: socket.socket, path: str, deadline: Deadline) -> None:
    """Connect, waiting where the queue of connections is full: a unix socket says so at once, and does not wait."""
    while True:
        seconds = deadline.remaining()
        wire.settimeout(seconds)
        try:
            return wire.connect(path)
        except BlockingIOError:
            time.sleep(min(_TRY_AGAIN, seconds))


def _why_unreachable(path: str, error: OSError | ValueError) -> str:
    if isinstance(error, TimeoutError):
        return f"the engine at {path} accepts no connection: it may hang"
    match getattr(error, "errno", None):
        case errno.ENOENT:
            return f"no engine at {path}: there is no such socket (is it running? DOCKER_HOST names another)"
        case errno.ECONNREFUSED if not _is_socket(path):
            return f"no engine at {path}: that is not a socket (DOCKER_HOST names another)"
        case errno.ECONNREFUSED:
            return f"no engine at {path}: nothing listens on that socket (start the engine)"
        case errno.EACCES | errno.EPERM:
            return f"no access to the engine at {path}: run as root or as a member of the socket's group"
        case _:
            return f"no engine at {path}: {getattr(error, 'strerror', None) or error}"


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False


class _Stream(io.RawIOBase):
    """A wire as a raw file: each read waits no longer than the deadline allows."""

    def __init__(self, wire: Wire, deadline: Deadline, tally: Tally) -> None:
        self._wire, self._deadline, self._tally = wire, deadline, tally

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        seconds = self._deadline.remaining()
        self._wire.settimeout(seconds)
        try:
            count = self._wire.recv_into(memoryview(buffer))
        except TimeoutError:
            self._deadline.remaining()  # says so where the whole time is up, or the run was told to stop
            raise TargetError(f"the engine sent nothing for {seconds:.3g} s", Refusal.TIMEOUT) from None
        self._tally.count("received", count)
        return count


class WireSocket:
    """What http.client needs of a socket."""

    def __init__(self, wire: Wire, deadline: Deadline, tally: Tally) -> None:
        self._wire, self._deadline, self._tally = wire, deadline, tally

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._tally.count("sent", len(data))
        self._wire.settimeout(self._deadline.remaining())
        self._wire.sendall(data)

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """What comes, to be read."""
        del mode  # http.client only reads
        return io.BufferedReader(_Stream(self._wire, self._deadline, self._tally), _BUFFER)

    def close(self) -> None:
        """The answer keeps reading after the connection lets go; `Answer.close` closes the wire."""


def shut(wire: socket.socket | Channel) -> None:
    """End a wire that another thread waits on: closing alone would leave it waiting."""
    if isinstance(wire, socket.socket):
        try:
            wire.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it had ended already
    else:
        wire.cancel()
