"""The connections of the fault proxy: what waits in each direction, and what a fault does to it. Never waits itself."""

import contextlib
import fcntl
import math
import selectors
import socket
import struct
import time
from collections import deque

from .fault_proxy import Direction, Fault

BLOCK = 512 * 2**10
QUEUE_MAX = 2**20  # bytes that wait for a slow reader
QUEUE_MAX_LATE = 256 * 2**20  # and such as are on a long way
NOT_TAKEN = 0x5411  # SIOCOUTQ: bytes that the other side has not taken in yet
NOT_SENT = 0x894B  # SIOCOUTQNSD: bytes that have not left yet
PATIENCE = 1  # seconds in which the other side may take in what came before a reset
LINGER_NONE = struct.pack("ii", 1, 0)


def waiting(each: socket.socket, kind: int) -> int:
    """Bytes that wait in a socket's send buffer."""
    (size,) = struct.unpack("i", fcntl.ioctl(each, kind, bytes(4)))
    return int(size)


class Way:
    """One direction of a connection: what was read and waits for its time, and how much was passed on."""

    def __init__(self, direction: Direction, source: socket.socket, sink: socket.socket, delay: float) -> None:
        self.direction = direction
        self.source = source
        self.sink = sink
        self.delay = delay
        self.queue: deque[tuple[float, memoryview]] = deque()  # an empty block is the end
        self.queued = 0
        self.passed = 0
        self.segments = False
        self.discards = False
        self.read_all = False
        self.finished = False
        self.blocked = False  # the sink takes no more for now

    def wants(self) -> bool:
        return not self.read_all and self.queued < (QUEUE_MAX_LATE if self.delay else QUEUE_MAX)

    def read(self, now: float) -> None:
        """Take what the source has."""
        try:
            block = self.source.recv(BLOCK)
        except BlockingIOError:
            return
        self.read_all = not block
        if not self.discards:
            self.queue.append((now + self.delay, memoryview(block)))
            self.queued += len(block)

    def due(self, now: float) -> bool:
        """True where something can be passed on."""
        return bool(self.queue) and not self.blocked and self.queue[0][0] <= now

    def write(self, block: memoryview) -> int:
        """Give the sink as much as it takes of the beginning of the queue; how many bytes that was."""
        try:
            sent = self.sink.send(block)
        except BlockingIOError:
            sent = 0
        self.blocked = sent < len(block)
        self.passed += sent
        self.drop_first(sent)
        return sent

    def drop_first(self, size: int) -> None:
        due, block = self.queue.popleft()
        self.queued -= size
        if size < len(block):
            self.queue.appendleft((due, block[size:]))

    def waits_for_segment(self, now: float) -> bool:
        """True where the byte before has not left yet: a second one would travel with it."""
        if not self.segments or not waiting(self.sink, NOT_SENT):
            return False
        self.queue[0] = (now + 0.001, self.queue[0][1])
        return True

    def finish(self) -> None:
        """Pass the end on."""
        self.finished = True
        with contextlib.suppress(OSError):
            self.sink.shutdown(socket.SHUT_WR)


class Connection:
    """Two sockets and the two ways between them. Nothing passes before `opens`, a time of the monotonic clock."""

    def __init__(self, client: socket.socket, server: socket.socket, delay: float) -> None:
        self.sockets = (client, server)
        self.up = Way("up", client, server, delay)
        self.down = Way("down", server, client, delay)
        self.opens = time.monotonic() + delay
        self.befallen: set[int] = set()
        self.resets = math.inf  # when it is reset at the latest
        self.closed = False

    @property
    def ways(self) -> tuple[Way, Way]:
        return self.up, self.down

    def passes(self, now: float) -> bool:
        return not self.closed and self.opens <= now

    def mask(self, each: socket.socket, now: float) -> int:
        """What is waited for on one of the sockets."""
        if not self.passes(now):
            return 0
        into, out = (self.up, self.down) if each is self.sockets[0] else (self.down, self.up)
        reads = selectors.EVENT_READ if into.wants() else 0
        return reads | (selectors.EVENT_WRITE if out.blocked else 0)

    def may_reset(self, now: float) -> bool:
        """True where a reset is due, and takes nothing with it that was passed on."""
        if self.closed or self.resets == math.inf:
            return False
        return now >= self.resets or not any(waiting(each, NOT_TAKEN) for each in self.sockets)

    def close(self, *, reset: bool) -> None:
        self.closed = True
        for each in self.sockets:
            if reset:
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
            each.close()

    def befall(self, fault: Fault, now: float) -> None:
        """Do to this connection what the fault says."""
        way = self.up if fault.direction == "up" else self.down
        match fault.kind:
            case "drop":
                self.opens = math.inf
            case "stall":
                self.opens = now + fault.seconds
            case "delay":
                for each in self.ways:
                    each.delay = fault.seconds
                    each.queue = deque((now + fault.seconds, block) for _due, block in each.queue)
            case "half-close":
                way.finish()
                way.discards = True
                way.queue.clear()
                way.queued = 0
            case "reset":
                # A reset throws away what is still in the send buffers, so that is waited for.
                self.opens, self.resets = math.inf, now + PATIENCE
            case "segments":
                way.segments = True


class Armed:
    """A fault that waits for its byte. `start` is how many bytes had passed over all when it was armed."""

    def __init__(self, fault: Fault, total: int) -> None:
        self.fault = fault
        self.start = total
        self.left = fault.times or math.inf

    def room(self, connection: Connection, way: Way, total: int) -> float:
        """How many bytes may pass before it; 0 or less where it is due."""
        if self.left <= 0 or way.direction != self.fault.direction or id(self) in connection.befallen:
            return math.inf
        return self.fault.after - (total - self.start if self.fault.over_all else way.passed)

    def befall(self, connection: Connection, now: float) -> None:
        self.left -= 1
        connection.befallen.add(id(self))
        connection.befall(self.fault, now)
