"""Real SFTP servers without SSH around them: OpenSSH's own, at the other end of a pair of sockets."""

import contextlib
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from irkit.core.ports import Deadline
from tests.lab.sshd import sftp_server

# The server itself refuses whatever else is asked of it.
READS = "open,read,close,stat,lstat,opendir,readdir,readlink,statvfs"
NOBODY = 65534


class SocketWire:
    """A socket as a channel; keeps what kinds of request were sent, and what was opened for what."""

    def __init__(self, connected: socket.socket, stop: Callable[[], None] = lambda: None) -> None:
        self._socket, self._stop = connected, stop
        self._sender = connected.dup()  # which has a timeout of its own
        self.sent: list[bytes] = []
        self.is_closed = False

    def settimeout(self, seconds: float | None, /) -> None:
        self._socket.settimeout(seconds)

    def recv_into(self, buffer: memoryview, /) -> int:
        return self._socket.recv_into(buffer)

    def sendall(self, data: bytes, seconds: float, /) -> None:
        self.sent.append(data)
        self._sender.settimeout(seconds)
        self._sender.sendall(data)

    def cancel(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.is_closed = True
        self.cancel()
        self._socket.close()
        self._sender.close()
        self._stop()


class SftpServers:
    """Starts an SFTP server for each channel that is asked for, as another user where one is named."""

    def __init__(self, *, user: int | None = None, reads_only: bool = True) -> None:
        self._user = user
        self._arguments = ("-R", "-p", READS) if reads_only else ()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.wires: list[SocketWire] = []

    def dial(self, deadline: Deadline) -> SocketWire:
        deadline.remaining()
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sftp_server(), *self._arguments],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                user=self._user,
                group=self._user,
            )
        self.processes.append(process)
        self.wires.append(SocketWire(ours))
        return self.wires[-1]

    def close(self) -> None:
        for wire in self.wires:
            wire.close()
        for process in self.processes:
            process.kill()
            process.wait()


def requests_of(sent: list[bytes]) -> list[tuple[int, bytes]]:
    """Kind and body of each request that was sent, taken from the bytes on the wire."""
    stream, found = b"".join(sent), []
    while stream:
        (size,) = struct.unpack_from(">I", stream)
        found.append((stream[4], stream[5 : 4 + size]))
        stream = stream[4 + size :]
    return found


def open_files() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
