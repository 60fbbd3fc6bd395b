"""Sockets in other network namespaces, and whether traffic passes between them: what an isolation is measured with."""

import contextlib
import ctypes
import os
import secrets
import socket
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .counting import LONG

CLONE_NEWNET = 0x40000000
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
_AGAIN = 0.5
"""Seconds after which a packet is sent again."""


def namespace_of(pid: int) -> Path:
    """The network namespace of a process."""
    return Path(f"/proc/{pid}/ns/net")


def socket_in(namespace: Path, kind: int, family: int = socket.AF_INET, protocol: int = 0) -> socket.socket:
    """A socket that belongs to another network namespace, whoever uses it."""
    made: list[socket.socket] = []
    faults: list[OSError] = []

    def make() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        handle = os.open(namespace, os.O_RDONLY)
        try:
            if libc.setns(handle, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(family, kind, protocol))
        except OSError as error:
            faults.append(error)
        finally:
            os.close(handle)

    thread = threading.Thread(target=make)  # its namespace ends with it
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
    return made[0]


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Echo:
    """Answers TCP connections and UDP packets at a port of a namespace with what they say."""

    def __init__(self, namespace: Path, port: int) -> None:
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        for family in (socket.AF_INET, socket.AF_INET6):
            for kind in (TCP, UDP):
                one = socket_in(namespace, kind, family)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("", port))
                if kind == TCP:
                    one.listen(16)  # here, as whoever made it may connect from here on
                one.settimeout(0.1)
                self._sockets.append(one)
                self._begin(self._accept if kind == TCP else self._answer, one)

    def _begin(self, what: object, one: socket.socket) -> None:
        thread = threading.Thread(target=what, args=(one,))  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, one: socket.socket) -> None:
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError):
                peer, _ = one.accept()
                peer.settimeout(0.1)
                self._sockets.append(peer)
                self._begin(self._repeat, peer)

    def _repeat(self, peer: socket.socket) -> None:
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError):
                try:
                    data = peer.recv(4096)
                    if not data:
                        return
                    peer.sendall(data)
                except ConnectionError:
                    return

    def _answer(self, one: socket.socket) -> None:
        while not self._end.is_set():
            with contextlib.suppress(OSError):  # an answer that may not leave is an error here
                data, peer = one.recvfrom(4096)
                one.sendto(data, peer)

    def close(self) -> None:
        self._end.set()
        for thread in list(self._threads):
            thread.join()
        for one in self._sockets:
            one.close()


@dataclass
class Way:
    """A way that traffic may take: from a namespace to an address."""

    source: Path
    address: str
    port: int
    kind: int = TCP
    standing: socket.socket | None = None

    def open(self) -> "Way":
        """Connect now, so that `passes` tells of an established connection from here on."""
        self.standing = self._connected(LONG)
        return self

    def _connected(self, seconds: float) -> socket.socket:
        one = socket_in(self.source, self.kind, family_of(self.address))
        one.settimeout(seconds)
        try:
            one.connect((self.address, self.port))
        except OSError:
            one.close()
            raise
        return one

    def passes(self, seconds: float) -> bool:
        """Whether what is said comes back in time. What is refused at once is tried again: an address that is new is
        not taken for one's own before nobody else was found to have it.
        """
        if self.standing is not None:
            return _comes_back(self.standing, seconds)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(OSError), self._connected(left) as one:
                if _comes_back(one, end - time.monotonic()):
                    return True
            time.sleep(0.05)
        return False

    def close(self) -> None:
        if self.standing is not None:
            self.standing.close()


def _comes_back(one: socket.socket, seconds: float) -> bool:
    word, heard, end = secrets.token_hex(8).encode(), b"", time.monotonic() + seconds
    try:
        one.sendall(word)
        while word not in heard and (left := end - time.monotonic()) > 0:
            one.settimeout(min(left, _AGAIN))
            try:
                data = one.recv(4096)
            except TimeoutError:
                if one.type == UDP:  # nobody else sends a packet again that was lost
                    one.sendall(word)
                continue
            if not data:
                return False
            heard = heard[-64:] + data
    except OSError:
        return False
    return word in heard


@dataclass
class Traffic:
    """Ways by name, measured all at once."""

    ways: dict[str, Way]
    echoes: list[Echo] = field(default_factory=list)

    def passing(self, seconds: float, wanted: Collection[str] = ()) -> set[str]:
        """The names of those on which traffic passes, each given so long, and those wanted as long as it takes."""
        passed: set[str] = set()

        def measure(name: str, way: Way) -> None:
            if way.passes(LONG if name in wanted else seconds):
                passed.add(name)

        threads = [threading.Thread(target=measure, args=item) for item in self.ways.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return passed

    def close(self) -> None:
        for way in self.ways.values():
            way.close()
        for echo in self.echoes:
            echo.close()


@contextlib.contextmanager
def measured(ways: dict[str, Way], echoes: list[Echo]) -> Iterator[Traffic]:
    """Traffic on these ways; those named `established ...` are connected first."""
    traffic = Traffic(ways, echoes)
    try:
        for name, way in ways.items():
            if name.startswith("established"):
                way.open()
        yield traffic
    finally:
        traffic.close()
