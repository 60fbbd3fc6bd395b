"""What an SSH connection runs over: a TCP connection, or a ProxyCommand. What is said over it is left to others."""

import contextlib
import errno
import ipaddress
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from irkit.adapters.ssh_cut import CutError
from irkit.adapters.ssh_life import DEAD, KEEP_ALIVE
from irkit.adapters.ssh_transport import STEP
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError
from irkit.core.ports import Deadline
from irkit.core.text import safe

_TRIES: Final = 4
_PATIENCE: Final = 2.0
"""Seconds that a ProxyCommand has to end by itself."""
_LOOK: Final = 0.02
_SAID: Final = 64 * 1024

_Address = tuple[int, Any]
"""A family of addresses and an address of it."""


class TcpStream(socket.socket):
    """A TCP connection."""

    def send_ready(self) -> bool:
        """Whether it takes something, or fails, without waiting."""
        return _takes_more(self)


def _takes_more(connected: socket.socket) -> bool:
    poll = select.poll()
    try:
        poll.register(connected, select.POLLOUT)
    except ValueError:
        return True  # it was closed, as sending will tell
    return bool(poll.poll(0))


def open_tcp(host: str, port: int, seconds: float, deadline: Deadline) -> TcpStream:
    """A TCP connection; each address has `seconds` to answer. Raises UnreachableError, TargetError."""
    where = f"[{safe(host, 100)}]:{port}" if ":" in host else f"{safe(host, 100)}:{port}"
    last: OSError | None = None
    for family, address in _find_addresses(host, port, where, deadline):
        try:
            return _connect(family, address, seconds, deadline)
        except OSError as error:
            last = last or error
    kind = CutError if isinstance(last, ConnectionResetError) else UnreachableError
    raise kind(f"{where} {_why(last)}") from last


def _find_addresses(host: str, port: int, where: str, deadline: Deadline) -> list[_Address]:
    """The addresses of a name. It is looked up on a thread, as nothing else can end that in time."""
    found: list[_Address] = []
    thread = threading.Thread(target=_look_up, args=(host, port, found), name="looks up a name", daemon=True)
    if _is_address(host):
        _look_up(host, port, found)
    else:
        thread.start()
    try:
        while thread.is_alive():
            thread.join(min(STEP, deadline.remaining()))
    except TargetError as error:
        if error.kind is Refusal.TIMEOUT:
            raise UnreachableError(f"{where}: no name server told its address in time") from error
        raise
    if not found:
        raise UnreachableError(f"{where} has no address: its name is not known here")
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int, found: list[_Address]) -> None:
    with contextlib.suppress(OSError, UnicodeError):
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found += dict.fromkeys((family, address) for family, _, _, _, address in answers)


def _connect(family: int, address: Any, seconds: float, deadline: Deadline) -> TcpStream:
    """Connect, in short waits. Raises OSError, TargetError where the run was told to stop."""
    made = TcpStream(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        code = made.connect_ex(address)
        end = time.monotonic() + seconds
        while code in (errno.EINPROGRESS, errno.EAGAIN, errno.EALREADY):
            code = _wait(made, end, deadline)
        if code:
            raise OSError(code, os.strerror(code))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _have_it_watched(made)
    except (OSError, TargetError):
        made.close()
        raise
    return made


def _wait(made: socket.socket, end: float, deadline: Deadline) -> int:
    """Wait a little; how the connecting stands. Raises TimeoutError, TargetError where the run was told to stop."""
    try:
        left = min(STEP, end - time.monotonic(), deadline.remaining())
    except TargetError as error:
        if error.kind is Refusal.TIMEOUT:
            raise TimeoutError from error
        raise
    if left <= 0:
        raise TimeoutError
    poll = select.poll()
    poll.register(made, select.POLLOUT)
    return made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if poll.poll(left * 1000) else errno.EINPROGRESS


def _have_it_watched(connected: socket.socket) -> None:
    """The kernel notices a dead peer too, also where this process is too busy to."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with contextlib.suppress(OSError, AttributeError):  # not on every system
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(KEEP_ALIVE))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, int(KEEP_ALIVE))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _TRIES)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2 * DEAD * 1000))


def _why(error: OSError | None) -> str:
    match error:
        case None:
            return "has no address"
        case TimeoutError():
            return "does not answer"
    match error.errno:
        case errno.ETIMEDOUT:
            return "does not answer"
        case errno.ECONNREFUSED:
            return "refuses the connection: no SSH server listens there"
        case errno.EHOSTUNREACH | errno.ENETUNREACH:
            return "cannot be reached: there is no way to it"
        case _:
            return f"cannot be reached: {safe(error.strerror or error, 100)}"


class CommandStream:
    """The standard input and output of a command as one stream, ended with it.

    It has a session of its own: it cannot ask anything on the terminal, and an interrupt there does not end it.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._ours, theirs = socket.socketpair()
        self._errors, errors = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._closed = False  # paramiko asks for this name
        self._said = b""
        self._lock = threading.Lock()
        try:
            # The responder's own configuration names the command; there is no shell, so a host's name stays a word.
            self._process = subprocess.Popen(  # noqa: S603
                argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors,
                env=dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            self._ours.close()
            os.close(self._errors)
            reason = f"the ProxyCommand {safe(argv[0], 100)!r} cannot be run: {error.strerror}"
            raise UnreachableError(reason, HostState.DOWN) from error
        finally:
            theirs.close()
            os.close(errors)

    def settimeout(self, seconds: float | None, /) -> None:
        """How long the next wait may take."""
        self._ours.settimeout(seconds)

    def send_ready(self) -> bool:
        """Whether it takes something, or fails, without waiting."""
        return _takes_more(self._ours)

    def send(self, data: bytes, /) -> int:
        """Send some of it; how much."""
        return self._ours.send(data)

    def recv(self, count: int, /) -> bytes:
        """What came, empty at the end."""
        return self._ours.recv(count)

    def last_words(self) -> str:
        """The last line that the command has said on its standard error. Foreign text."""
        with self._lock:
            self._listen()
        lines = self._said.decode("utf-8", "replace").rpartition("\n")[0].split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # nothing more right now
            while not self._closed and len(self._said) < _SAID and (piece := os.read(self._errors, _SAID)):
                self._said += piece

    def close(self) -> None:
        """End the stream, and the command; waits for nothing."""
        with self._lock:
            if self._closed:
                return
            self._listen()
            self._closed = True
            os.close(self._errors)
        self._ours.close()
        self._signal(signal.SIGTERM)
        threading.Thread(target=self._see_it_end, name="ends a ProxyCommand", daemon=True).start()

    def _see_it_end(self) -> None:
        """As long as it was not waited for, its number stays its own."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and not self._has_ended():
            time.sleep(_LOOK)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _signal(self, number: int) -> None:
        """To the command and all that it started."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, number)
