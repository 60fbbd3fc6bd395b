"""Packets of another network namespace of this machine, by a socket of the kernel's: for where there is no tcpdump.

Linux alone, and root alone. A thread enters the namespace, opens the socket and ends; the socket stays there. What it
gives is a pcap of LINUX_SLL2 packets, as tcpdump makes of all interfaces, with times to the nanosecond.
"""

import ctypes
import fcntl
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

_CLONE_NEWNET: Final = 0x40000000
_ALL: Final = 3
_STAMPS, _FORCED_BUFFER = 35, 33
_SOL_PACKET, _STATISTICS = 263, 6
_INDEX_OF: Final = 0x8933
_BUFFER: Final = 32 << 20
_MAGIC: Final = 0xA1B23C4D
_LINUX_SLL2: Final = 276
_COOKED: Final = struct.Struct(">HHIHBB8s")
_RECORD: Final = struct.Struct("<IIII")
_BATCH: Final = 1 << 18
_LOOK: Final = 0.1
_TIMESPEC: Final = struct.Struct("qq")
_COUNTS: Final = struct.Struct("II")


def open_within(pid: int, namespace: str) -> socket.socket:
    """A socket that sees what passes in a process's network namespace, which must be the one named `net:[...]`."""
    found: list[socket.socket | str] = []
    thread = threading.Thread(target=lambda: found.append(_open(pid, namespace)), name="enters a network namespace")
    thread.start()
    thread.join()
    result = found[0] if found else "the thread that was to enter it broke off"
    if isinstance(result, str):
        raise TargetError(f"its network namespace cannot be entered: {result}", Refusal.UNSUPPORTED)
    return result


def _open(pid: int, namespace: str) -> socket.socket | str:
    """On a thread of its own, which the kernel moves for good; why it cannot be, where it cannot."""
    try:
        held = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if f"net:[{os.fstat(held).st_ino}]" != namespace:
                return "the process has another one by now"
            if ctypes.CDLL(None, use_errno=True).setns(held, _CLONE_NEWNET):
                return os.strerror(ctypes.get_errno())
        finally:
            os.close(held)
        made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))
    except (OSError, AttributeError) as error:
        return str(error)
    made.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
    made.setsockopt(socket.SOL_SOCKET, _FORCED_BUFFER, _BUFFER)
    return made


def capture(
    made: socket.socket, seconds: float, snap: int, deadline: Deadline, told: Callable[[str], None]
) -> Iterator[memoryview]:
    """A pcap of what passes for so long, as it comes; then `told` is given what the kernel counted."""
    names = _Indexes(made)
    out = bytearray(struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, snap + _COOKED.size, _LINUX_SLL2))
    buffer = memoryview(bytearray(1 << 18))
    poll, end = select.poll(), time.monotonic() + seconds
    poll.register(made, select.POLLIN)
    with made:
        while (left := end - time.monotonic()) > 0:
            deadline.remaining()
            if poll.poll(min(left, _LOOK) * 1000):
                _take(made, buffer, snap, names, out)
            if out:
                yield memoryview(bytes(out))
                out.clear()
        packets, dropped = _COUNTS.unpack(made.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTS.size))
    told(f"{packets} packets received by filter\n{dropped} packets dropped by kernel\n")


def _take(made: socket.socket, buffer: memoryview, snap: int, names: "_Indexes", out: bytearray) -> None:
    """What waits in the socket, as far as one batch goes."""
    while len(out) < _BATCH:
        try:
            size, extra, _, place = made.recvmsg_into(
                [buffer], socket.CMSG_SPACE(_TIMESPEC.size), socket.MSG_DONTWAIT | socket.MSG_TRUNC
            )
        except BlockingIOError:
            return
        except OSError as error:
            raise TargetError(f"packets cannot be read any more: {error.strerror}", Refusal.LOST) from error
        stamp = next((data for level, kind, data in extra if (level, kind) == (socket.SOL_SOCKET, _STAMPS)), b"")
        second, nano = _TIMESPEC.unpack(stamp) if len(stamp) == _TIMESPEC.size else divmod(time.time_ns(), 10**9)
        name, protocol, kind, hardware, address = place
        kept = min(size, len(buffer), snap)
        out += _RECORD.pack(second, nano, kept + _COOKED.size, size + _COOKED.size)
        out += _COOKED.pack(protocol, 0, names.of(name), hardware, kind, min(len(address), 8), address[:8])
        out += buffer[:kept]


class _Indexes:
    """The numbers of interfaces by their names, as the socket's own namespace has them."""

    def __init__(self, made: socket.socket) -> None:
        self._socket = made
        self._known: dict[str, int] = {}

    def of(self, name: str) -> int:
        if name not in self._known:
            request = struct.pack("16s16x", name.encode("utf-8", "surrogateescape")[:15])
            try:
                answer = fcntl.ioctl(self._socket, _INDEX_OF, request)
            except OSError:
                return 0
            self._known[name] = int(struct.unpack_from("16xi", answer)[0])
        return self._known[name]
