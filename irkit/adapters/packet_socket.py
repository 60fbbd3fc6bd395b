"""Packets of another network namespace of this machine, by a socket of the kernel's: for where there is no tcpdump.

Linux alone, and root alone. A thread enters the namespace, opens the socket and ends; the socket stays there. The
kernel puts packets into memory that it shares with this process (TPACKET_V3, packet(7)), so that one look takes many.
What comes out is a pcap of LINUX_SLL2 packets, as tcpdump makes of all interfaces, with times to the nanosecond.
"""

import ctypes
import mmap
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
_SOL_PACKET, _RX_RING, _STATISTICS, _VERSION = 263, 5, 6, 10
_TPACKET_V3: Final = 2
_ATTACH_FILTER: Final = 26
_MAGIC: Final = 0xA1B23C4D
_LINUX_SLL2: Final = 276
_BLOCK, _BLOCKS, _FRAME = 1 << 20, 64, 1 << 11
"""The shared memory: blocks, each of which is handed over when it is full, or soon after its first packet."""
_RETIRE: Final = 60
_LOOK: Final = 0.1
_RING: Final = struct.Struct("7I")
_BLOCK_HEAD: Final = struct.Struct("8x3I")
_PACKET: Final = struct.Struct("6I2H")
_PROTOCOL: Final = struct.Struct(">2xH")
_FACTS: Final = struct.Struct("=4xiHBB8s")
_PLACE: Final = struct.Struct("=HHiHBB8s")
_FACTS_AT: Final = 48
"""Where the facts of a packet (`struct sockaddr_ll`) begin after its header."""
_INDEX: Final = struct.Struct("=i")
_STATUS_AT: Final = 8
_OURS: Final = 1
_COUNTS: Final = struct.Struct("3I")
_RECORD: Final = struct.Struct("<4I")
_COOKED: Final = struct.Struct(">HHIHBB8s")


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
        # No protocol yet, so that nothing comes before there is memory for it.
        return socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    except (OSError, AttributeError) as error:
        return str(error)


def capture(
    made: socket.socket, seconds: float, snap: int, deadline: Deadline, told: Callable[[str], None]
) -> Iterator[memoryview]:
    """A pcap of what passes for so long, as it comes; then `told` is given what the kernel counted."""
    with made, _shared(made, snap) as ring, memoryview(ring) as memory:
        yield memoryview(struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, snap + _COOKED.size, _LINUX_SLL2))
        poll, end, number = select.poll(), time.monotonic() + seconds, 0
        poll.register(made, select.POLLIN)
        while (left := end - time.monotonic()) > 0 or _is_ours(memory, number):
            deadline.remaining()
            if not _is_ours(memory, number):
                poll.poll(min(left, _LOOK) * 1000)
                continue
            yield memoryview(_taken(memory, number))
            _INDEX.pack_into(memory, number * _BLOCK + _STATUS_AT, 0)  # it is the kernel's again
            number = (number + 1) % _BLOCKS
            if left <= 0 and number == 0:
                break  # so much that it would never end
        packets, dropped, _ = _COUNTS.unpack(made.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTS.size))
    told(f"{packets} packets received by filter\n{dropped} packets dropped by kernel\n")


def _shared(made: socket.socket, snap: int) -> mmap.mmap:
    """The memory that the kernel puts packets into, from here on."""
    try:
        made.setsockopt(_SOL_PACKET, _VERSION, struct.pack("I", _TPACKET_V3))
        frames = _BLOCK // _FRAME * _BLOCKS
        made.setsockopt(_SOL_PACKET, _RX_RING, _RING.pack(_BLOCK, _BLOCKS, _FRAME, frames, _RETIRE, 0, 0))
        # A filter of one instruction: take so many bytes of every packet.
        keep = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, snap))
        made.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(keep)))
        ring = mmap.mmap(made.fileno(), _BLOCK * _BLOCKS)
        _bind_to_all(made)
    except OSError as error:
        raise TargetError(f"packets cannot be captured here: {error.strerror}", Refusal.UNSUPPORTED) from error
    return ring


def _bind_to_all(made: socket.socket) -> None:
    """Have packets of all interfaces come. Raises OSError. (Python's own `bind` wants the name of one.)"""
    place = _PLACE.pack(socket.AF_PACKET, socket.htons(_ALL), 0, 0, 0, 0, b"")
    if ctypes.CDLL(None, use_errno=True).bind(made.fileno(), place, len(place)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _is_ours(memory: memoryview, number: int) -> bool:
    return bool(_INDEX.unpack_from(memory, number * _BLOCK + _STATUS_AT)[0] & _OURS)


def _taken(memory: memoryview, number: int) -> bytearray:
    """The packets of one block, as records of a pcap."""
    begin, out = number * _BLOCK, bytearray()
    _, count, at = _BLOCK_HEAD.unpack_from(memory, begin)
    at += begin
    for _ in range(count):
        after, second, nano, kept, size, _, place, _ = _PACKET.unpack_from(memory, at)
        (protocol,) = _PROTOCOL.unpack_from(memory, at + _FACTS_AT)
        interface, hardware, kind, length, address = _FACTS.unpack_from(memory, at + _FACTS_AT)
        out += _RECORD.pack(second, nano, kept + _COOKED.size, size + _COOKED.size)
        out += _COOKED.pack(protocol, 0, interface, hardware, kind, min(length, 8), address)
        out += memory[at + place : at + place + kept]
        at += after
    return out
