"""A channel of an SSH connection as a stream that bytes are read from straight into a buffer.

paramiko's own channel copies what came twice more on the way, which costs as much as the decryption (measured; see
docs/benchmarks.md), and keeps whatever a host sends. How channels are opened is left to `ssh_transport`.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_CHANNEL_WINDOW_ADJUST

_ERRORS_KEPT: Final = 4096
_STEP, _LOOK = 0.1, 0.01
_SMALL, _JOINED = 4 * 1024, 64 * 1024
"""Bytes of a piece that is joined to the one before it, and of a piece that no more is joined to."""


class ChunkBuffer:
    """What a channel has received: pieces as they came, given out without joining them.

    Stands in for paramiko's `BufferedPipe`, whose methods it has as far as a channel calls them. A host that fills it
    with tiny pieces does not make it hold much more than their bytes. The lock may be taken again by the thread that
    holds it, as a signal's handler may close it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: deque[bytes | bytearray] = deque()
        self._taken = 0  # bytes of the first piece
        self._changed = threading.Condition(threading.RLock())
        self._size = 0
        self._closed = False
        self.overflowed = False

    def __len__(self) -> int:
        return self._size

    def feed(self, data: bytes) -> None:
        """Take in what came, on the connection's thread."""
        with self._changed:
            if self._closed or self.overflowed or not data:
                return
            if self._size + len(data) > self._limit:
                self.overflowed = True
            else:
                self._append(data)
                self._size += len(data)
            self._changed.notify()

    def _append(self, data: bytes) -> None:
        last = self._pieces[-1] if self._pieces else None
        if len(data) >= _SMALL:
            self._pieces.append(data)
        elif isinstance(last, bytearray) and len(last) < _JOINED:
            last += data
        else:
            self._pieces.append(bytearray(data))

    def close(self) -> None:
        """Nothing comes any more; what is here may still be read."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def drop(self) -> None:
        """Forget what was not read: nobody will."""
        with self._changed:
            self._pieces.clear()
            self._size = self._taken = 0
            self._closed = True
            self._changed.notify_all()

    def read_ready(self) -> bool:
        """Whether something can be read at once."""
        return self._size > 0

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """At most that many bytes, for paramiko's own readers. Raises TimeoutError, ConnectionError."""
        buffer = bytearray(min(nbytes, max(self._size, 1 << 15)))
        count = self.read_into(memoryview(buffer), timeout)
        return bytes(memoryview(buffer)[:count])

    def read_into(self, buffer: memoryview, timeout: float | None) -> int:
        """Fill the buffer with what is here; 0 at the end.

        Raises TimeoutError where nothing comes in time, ConnectionError where more came than was allowed.
        """
        with self._changed:
            self._wait(timeout)
            done = 0
            while self._pieces and done < len(buffer):
                piece = self._pieces[0]
                count = min(len(piece) - self._taken, len(buffer) - done)
                buffer[done : done + count] = memoryview(piece)[self._taken : self._taken + count]
                done += count
                self._taken += count
                if self._taken == len(piece):
                    self._pieces.popleft()
                    self._taken = 0
            self._size -= done
            if not done and self.overflowed and len(buffer):
                raise ConnectionError("the host sent more than it may")
            return done

    def _wait(self, timeout: float | None) -> None:
        """Until there is something, or nothing comes any more."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._pieces and not self._closed and not self.overflowed:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            self._changed.wait(left)


class SshChannel(paramiko.Channel):
    """A channel that takes in so much and no more: `limit` bytes that were not read, and the start of the errors.

    `when_closed` is called once, on whatever thread closes it. `was_lost` says that the connection ended, and not the
    stream; `ends_command` that what runs on it is to end with it.
    """

    def __init__(self, number: int, limit: int, when_closed: Callable[[], None] = lambda: None) -> None:
        super().__init__(number)
        self.received = ChunkBuffer(limit)
        self.in_buffer = cast("Any", self.received)
        self._errors = bytearray()
        self._when_closed: Callable[[], None] | None = when_closed
        self.was_lost = self.ends_command = False

    def __del__(self) -> None:
        """Nothing: paramiko would send something here, on a thread that may hold the lock for sending."""

    def close(self) -> None:
        """Close it; where the connection is lost by now there is nobody to tell.

        The thread of a connection that goes through this channel closes it as it ends, and must get to its end.
        """
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            super().close()

    def send_ready(self) -> bool:
        """Whether it takes something, or fails, without waiting: its connection must have room, too."""
        return super().send_ready() and (self.closed or bool(cast("Any", self.transport).has_room))

    def take_errors(self, m: paramiko.Message) -> None:
        """Errors of a command: kept as far as they are shown; for the rest there is room again at once."""
        m.get_int()
        said = m.get_binary()
        self._errors += said[: _ERRORS_KEPT - len(self._errors)]
        self.acknowledge(len(said))

    def _set_closed(self) -> None:
        super()._set_closed()  # type: ignore[misc]
        self._tell_closed()

    def _tell_closed(self) -> None:
        """To be called with the channel's lock held."""
        tell, self._when_closed = self._when_closed, None
        if tell is not None:
            tell()

    def _unlink(self) -> None:
        self.was_lost = self.was_lost or not (self.closed or self.eof_received)
        super()._unlink()  # type: ignore[misc]

    def _end_command(self) -> None:
        """Have what runs on the channel end: a host lets it run on when its channel is closed."""
        if not self.ends_command or self.closed or self.status_event.is_set():
            return
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self.remote_chanid)
        message.add_string("signal")
        message.add_boolean(False)
        message.add_string("TERM")
        cast("Any", self.transport)._send_user_message(message)

    def acknowledge(self, count: int) -> None:
        """Tell the other side that so many bytes more may come."""
        inner = cast("Any", self)
        room = inner._check_add_window(count) if count else 0
        if room <= 0:
            return
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(inner.remote_chanid)
        message.add_int(room)
        try:
            inner.transport._send_user_message(message)
        except (paramiko.SSHException, OSError, EOFError):
            return  # what was read is good; that the connection has ended, the next read will say

    def error_text(self) -> str:
        """The start of what a command said on its standard error so far, whole lines where it is cut. Foreign text."""
        said = bytes(self._errors)
        kept = said.rpartition(b"\n")[0] if len(said) == _ERRORS_KEPT else said
        return (kept or said).decode("utf-8", "replace")

    def let_go(self) -> None:
        """Close it, waiting for nothing, also where it was never opened. What comes late is dropped."""
        self.received.drop()
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):  # it may have ended with the connection
            self._end_command()
        self.close()
        with self.lock:
            self._tell_closed()


class ChannelWire:
    """A channel as a `Wire`: what is asked of an engine goes out, what it answers comes in."""

    def __init__(self, channel: SshChannel) -> None:
        self.channel = channel
        self._seconds: float | None = None
        self._cancelled = False

    def settimeout(self, seconds: float | None, /) -> None:
        """How long the next wait may take."""
        self._seconds = seconds

    def recv_into(self, buffer: memoryview, /) -> int:
        """What came, 0 at the end. Raises TimeoutError; ConnectionError where it is no true end."""
        count = self.channel.received.read_into(buffer, self._seconds)
        if not count and len(buffer) and self.channel.was_lost:
            raise ConnectionError("the SSH connection was lost")
        self.channel.acknowledge(count)
        return count

    def sendall(self, data: bytes, seconds: float | None = None, /) -> None:
        """Send it whole, in so many seconds, or in the time that a wait may take. Raises TimeoutError, OSError."""
        seconds = self._seconds if seconds is None else seconds
        end = None if seconds is None else time.monotonic() + seconds
        left = memoryview(data)
        while left:
            if end is not None and time.monotonic() >= end:
                raise TimeoutError
            if self._cancelled:
                raise ConnectionError("it was cancelled")
            self.channel.settimeout(_STEP)
            try:
                if not cast("Any", self.channel.transport).has_room:
                    time.sleep(_LOOK)
                    continue  # the connection has none
                left = left[self.channel.send(bytes(left)) :]
            except TimeoutError:
                continue  # the host has no room for it yet
            except (paramiko.SSHException, EOFError) as error:
                raise ConnectionError(str(error)) from error

    def cancel(self) -> None:
        """Wake whoever reads, as if it had ended, and whoever sends; a signal's handler may call it."""
        self._cancelled = True
        self.channel.received.close()

    def close(self) -> None:
        """Let go of the channel."""
        self.channel.let_go()
