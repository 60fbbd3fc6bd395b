"""The packets of an SSH connection as they come and go over its stream: paramiko's, with bounds and signs of life.

paramiko takes packets and greetings of any length, keeps time by the wall clock, needs a thread for a timer, and has
whoever sends wait until the host has read; a host under suspicion gets none of that. What packets say is left to
`ssh_transport`.
"""

import errno
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

import paramiko
from paramiko.packet import NeedRekeyException, Packetizer

MOST_IN_PACKET: Final = 256 * 1024
"""Bytes that a packet may have, as in OpenSSH."""
_OVERHEAD: Final = 1024
_LINE: Final = 8 * 1024
"""Bytes of a line before the handshake."""
ROOM: Final = 256 * 1024
"""Bytes that wait to be sent, from which on nothing more is read: the host first takes what it was sent."""
_MOST: Final = 16 * ROOM
_LOOK: Final = 0.02


class Stream(Protocol):
    """What a connection runs over: a socket, a command, or a channel of another connection."""

    def settimeout(self, seconds: float | None, /) -> None: ...
    def send_ready(self) -> bool:
        """Whether it takes something, or fails, without waiting."""
        ...

    def send(self, data: bytes, /) -> int: ...
    def recv(self, count: int, /) -> bytes: ...
    def close(self) -> None: ...


class Packets(Packetizer):
    """What stands between a connection and its stream.

    `heard_at` is when something last came, `said` what came in the place of a greeting (foreign text). `when_quiet` is
    called on the connection's thread several times a second while nothing comes, and `is_dead` tells whether sending
    has any sense still.

    Nobody waits for a host that does not read: what it does not take at once waits here, and goes out from whatever
    thread comes by next, the connection's own at the latest.
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__(cast("Any", stream))
        self._stream, self._rest = stream, b""
        self._handshake_ends: float | None = None
        self.heard_at, self.said = time.monotonic(), ""
        self.when_quiet: Callable[[], None] = lambda: None
        self.is_dead: Callable[[], bool] = lambda: False
        self._sending = threading.Lock()
        self._waiting: deque[memoryview] = deque()
        self._moved_at = 0.0
        self._failed: Exception | None = None
        self.waiting = 0
        """Bytes that wait to be sent."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """So many bytes, as paramiko asks for them. Raises EOFError, OSError, SSHException."""
        if n > MOST_IN_PACKET + _OVERHEAD:
            raise paramiko.SSHException(f"a packet of {n} bytes, where {MOST_IN_PACKET} are the most")
        start, self._rest = self._rest[: max(n, 0)], self._rest[max(n, 0) :]
        pieces, missing = [start] if start else [], n - len(start)
        while missing > 0:
            piece = self._receive(missing)
            if piece is None:
                if check_rekey and not pieces and self.need_rekey():
                    raise NeedRekeyException
                self.when_quiet()
                continue
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _receive(self, most: int) -> bytes | None:
        """What came; None where nothing did for a while."""
        if self.handshake_timed_out():
            raise EOFError
        if not self.has_room():
            self._hold_back()
            return None
        try:
            piece = self._stream.recv(most)
        except TimeoutError:
            piece = None
        except OSError as error:
            if self.closed:
                raise EOFError from error
            if error.errno != errno.EAGAIN:
                raise
            piece = None
        if piece is None and self.closed:
            raise EOFError
        if piece is not None and not piece:
            raise EOFError from self._failed
        if piece:
            self.heard_at = time.monotonic()
        return piece

    def _hold_back(self) -> None:
        """Nothing is read from a host that does not read: it would be answered, and the answers would pile up."""
        if self.closed or self.is_dead():
            raise EOFError
        time.sleep(_LOOK)

    def write_all(self, out: Any) -> None:
        """Have it sent, waiting for nothing. Raises EOFError where that cannot be done any more."""
        with self._sending:
            if self.closed or self.waiting > _MOST:
                self._failed = self._failed or EOFError()
            if self._failed:
                raise EOFError from self._failed
            self._moved_at = self._moved_at if self._waiting else time.monotonic()
            self._waiting.append(memoryview(bytes(out)))
            self.waiting += len(out)
            self._send_on()
            if self._failed:
                raise EOFError from self._failed

    def has_room(self, share: int = 1) -> bool:
        """Send on what waits, as far as the host takes it; whether it fills less than all room, or than a share."""
        if self._waiting:
            with self._sending:
                self._send_on()
            if self._waiting and self.is_dead():
                raise EOFError
        return self.waiting <= ROOM // share

    @property
    def stuck(self) -> float:
        """Seconds that the packet which is to go out next waits already."""
        moved_at = self._moved_at
        return time.monotonic() - moved_at if self._waiting else 0.0

    def _send_on(self) -> None:
        """What the stream takes without waiting."""
        try:
            while self._waiting and self._stream.send_ready():
                self._count(self._stream.send(cast("bytes", self._waiting[0])))
        except TimeoutError:
            return
        except (OSError, EOFError, paramiko.SSHException) as error:
            if getattr(error, "errno", None) != errno.EAGAIN:
                self._failed, self.waiting = error, 0
                self._waiting.clear()

    def _count(self, sent: int) -> None:
        self.waiting -= sent
        left = self._waiting[0][sent:]
        if left:
            self._waiting[0] = left
        else:
            self._waiting.popleft()
            self._moved_at = time.monotonic()

    def readline(self, timeout: float) -> str:
        """A line of what comes before the handshake. Raises EOFError, OSError, SSHException."""
        while b"\n" not in self._rest:
            if len(self._rest) > _LINE:
                raise paramiko.SSHException("a greeting without an end")
            self._rest += self._read_timeout(timeout)
        line, _, self._rest = self._rest.partition(b"\n")
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        self.said = "" if text.startswith("SSH-") else text or self.said
        return text

    def _read_timeout(self, timeout: float) -> bytes:
        end = time.monotonic() + timeout
        while (piece := self._receive(1024)) is None:
            if time.monotonic() > end:
                raise TimeoutError("nothing came")
        return piece

    # A timer without a thread:

    def start_handshake(self, timeout: float) -> None:
        """From now on a first packet has so many seconds to come."""
        self._handshake_ends = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        """Whether it did not come in time."""
        return self._handshake_ends is not None and time.monotonic() > self._handshake_ends

    def complete_handshake(self) -> None:
        """It came."""
        self._handshake_ends = None
