"""What measures traffic from within a network namespace: a program of its own, told what to do by lines of JSON.

It is started by nsenter, runs with the host's python, and answers each line by one line. It needs nothing of the
project, so that it can be started with a plain interpreter.
"""

import json
import socket
import struct
import sys
import threading
import time

WAIT = 0.6
"""Seconds in which an answer comes, or the traffic is cut."""
_DNS = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0)


class Agent:
    """Echo servers, connections that are kept, and probes."""

    def __init__(self) -> None:
        self.kept: dict[str, socket.socket] = {}
        self.sunk = 0

    def listen(self, address: str, port: int) -> bool:
        """Echo on TCP and UDP; IPv6 where the address is one."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen(50)
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        datagrams.bind((address, port))
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        threading.Thread(target=self._echo_datagrams, args=(datagrams,), daemon=True).start()
        return True

    def _accept(self, server: socket.socket) -> None:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(4096):
                self.sunk += len(data)
                connection.sendall(data)
        except OSError:
            return

    def _echo_datagrams(self, datagrams: socket.socket) -> None:
        while True:
            try:
                data, peer = datagrams.recvfrom(4096)
                datagrams.sendto(data, peer)
            except OSError:
                time.sleep(0.01)

    def keep(self, name: str, address: str, port: int) -> bool:
        """A connection to be kept: whether it was made, and answers."""
        try:
            self.kept[name] = socket.create_connection((address, port), WAIT)
        except OSError:
            return False
        return self.exchange(name)

    def exchange(self, name: str) -> bool:
        """Whether what is sent over a kept connection comes back."""
        return name in self.kept and _answers(self.kept[name])

    def probe(self, kind: str, address: str, port: int) -> bool:
        """Whether a new connection, a datagram or a question for a name is answered."""
        if kind == "tcp":
            try:
                with socket.create_connection((address, port), WAIT) as connection:
                    return _answers(connection)
            except OSError:
                return False
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
            datagrams.settimeout(WAIT)
            try:
                datagrams.sendto(b"ping" if kind == "udp" else _question(), (address, port))
                return bool(datagrams.recv(4096)) if kind == "udp" else _is_answer(datagrams.recv(4096))
            except OSError:
                return False

    def probe_all(self, probes: list[list[object]]) -> list[bool]:
        """All at once."""
        results = [False] * len(probes)

        def one(number: int) -> None:
            kind, *rest = probes[number]
            results[number] = self.exchange(str(rest[0])) if kind == "kept" else self.probe(str(kind), *rest)  # type: ignore[arg-type]

        threads = [threading.Thread(target=one, args=(number,)) for number in range(len(probes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def count(self) -> int:
        """Bytes taken in so far."""
        return self.sunk


def _question() -> bytes:
    """A question for the address of the name `neighbour`."""
    return _DNS + b"\x09neighbour\x00" + struct.pack(">HH", 1, 1)


def _is_answer(reply: bytes) -> bool:
    return len(reply) > 12 and struct.unpack(">H", reply[6:8])[0] > 0


def _answers(connection: socket.socket) -> bool:
    token = f"{time.monotonic_ns():020d}".encode()
    connection.settimeout(WAIT)
    seen = b""
    try:
        connection.sendall(token)
        while token not in seen:
            data = connection.recv(4096)
            if not data:
                return False
            seen += data
    except OSError:
        return False
    return True


def main() -> None:
    """Do what each line says: a method's name and its arguments."""
    agent = Agent()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(getattr(agent, name)(*arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
