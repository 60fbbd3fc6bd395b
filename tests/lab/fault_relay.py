"""The process behind `fault_proxy`: one thread, one loop over all connections, so that faults fall on the exact byte.

`python -m tests.lab.fault_relay ADDRESS PORT DELAY` prints the port that it listens on; commands and answers are lines
of JSON. It ends when its standard input does.
"""

import json
import math
import os
import selectors
import socket
import sys
import time
from typing import Any

from .fault_proxy import Fault
from .fault_ways import Armed, Connection, Way

CONNECTIONS_MAX = 512
SEGMENTS_A_TURN = 64  # so that one connection does not hold up the others


class Relay:
    """Takes connections and passes on what they say, until its standard input ends."""

    def __init__(self, target: tuple[str, int], delay: float) -> None:
        self.target = target
        self.delay = delay
        self.armed: list[Armed] = []
        self.connections: list[Connection] = []
        self.totals = {"up": 0, "down": 0}
        self.accepted = self.befallen = 0
        self.serving = True
        self.said = b""
        self.masks: dict[socket.socket, int] = {}
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(0, selectors.EVENT_READ)

    def run(self) -> None:
        while self.serving:
            ready = {key.fileobj: events for key, events in self.selector.select(self._patience())}
            if self.listener in ready:
                self._accept()
            if 0 in ready:
                self._obey()
            for connection in self.connections:
                self._serve(connection, ready)
            self._forget_closed()

    def _patience(self) -> float | None:
        """Seconds until something is due; None where nothing is."""
        soonest, now = math.inf, time.monotonic()
        for connection in self.connections:
            if connection.resets < math.inf:
                soonest = min(soonest, now + 0.001)
            elif now < connection.opens < soonest:
                soonest = connection.opens
            elif connection.passes(now):
                for way in connection.ways:
                    if way.queue and not way.blocked:
                        soonest = min(soonest, way.queue[0][0])
        return None if soonest == math.inf else max(0.0, soonest - now)

    def _accept(self) -> None:
        client, _address = self.listener.accept()
        if len(self.connections) >= CONNECTIONS_MAX:
            client.close()
            return
        server = socket.socket()
        for each in (client, server):
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.connect_ex(self.target)  # how that ends is seen when it is read from
        self.connections.append(Connection(client, server, self.delay))
        self.accepted += 1

    def _serve(self, connection: Connection, ready: dict[Any, int]) -> None:
        now = time.monotonic()
        try:
            for way in connection.ways:
                if ready.get(way.sink, 0) & selectors.EVENT_WRITE:
                    way.blocked = False
                if connection.passes(now) and ready.get(way.source, 0) & selectors.EVENT_READ:
                    way.read(now)
                self._flush(connection, way, now)
            if connection.may_reset(now):
                connection.close(reset=True)
        except OSError:
            connection.close(reset=True)
        if connection.up.finished and connection.down.finished:
            connection.close(reset=False)
        self._watch(connection, time.monotonic())

    def _flush(self, connection: Connection, way: Way, now: float) -> None:
        """Pass on what is due, up to the byte that a fault waits for."""
        room = self._befall(connection, way, now)
        for _turn in range(SEGMENTS_A_TURN):
            if not connection.passes(now) or not way.due(now) or way.waits_for_segment(now):
                break
            block = way.queue[0][1]
            if not block:
                way.drop_first(0)
                way.finish()
                break
            sent = way.write(block[: int(min(room, len(block), 1 if way.segments else math.inf))])
            self.totals[way.direction] += sent
            room = self._befall(connection, way, now)

    def _befall(self, connection: Connection, way: Way, now: float) -> float:
        """Let what is armed and due befall the connection; how many bytes may pass before the next fault."""
        room = math.inf
        for armed in self.armed:
            left = armed.room(connection, way, self.totals[way.direction])
            if left > 0:
                room = min(room, left)
            elif connection.passes(now):
                armed.befall(connection, now)
                self.befallen += 1
        return room

    def _watch(self, connection: Connection, now: float) -> None:
        """Have the selector wait for what the connection can take now; none at all is never asked for."""
        for each in connection.sockets:
            wanted, known = connection.mask(each, now), self.masks.get(each, 0)
            if wanted == known:
                continue
            if not known:
                self.selector.register(each, wanted)
            elif not wanted:
                self.selector.unregister(each)
            else:
                self.selector.modify(each, wanted)
            self.masks[each] = wanted

    def _forget_closed(self) -> None:
        for connection in self.connections:
            if connection.closed:
                for each in connection.sockets:
                    self.masks.pop(each, None)
        self.connections = [each for each in self.connections if not each.closed]

    def _obey(self) -> None:
        said = os.read(0, 2**16)
        self.serving = bool(said)
        *lines, self.said = (self.said + said).split(b"\n")
        for line in lines:
            print(json.dumps(self._answer(**json.loads(line))), flush=True)

    def _answer(self, command: str, **told: Any) -> dict[str, int]:
        match command:
            case "arm":
                fault = Fault(**told)
                self.armed.append(Armed(fault, self.totals[fault.direction]))
            case "disarm":
                self.armed.clear()
            case "strike":
                for connection in self.connections:
                    connection.befall(Fault(**told), time.monotonic())
                self.befallen += len(self.connections)
            case "counts":
                told = {"accepted": self.accepted, "open": len(self.connections), "befallen": self.befallen}
                return {**self.totals, **told}
        return {}


def main() -> None:
    address, port, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    relay = Relay((address, port), delay)
    print(relay.listener.getsockname()[1], flush=True)
    relay.run()


if __name__ == "__main__":
    main()
