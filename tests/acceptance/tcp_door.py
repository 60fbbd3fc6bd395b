"""A way to an engine that is no way to its host's files: a port of the loopback, relayed to its socket."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

PIECE = 1 << 16


@contextlib.contextmanager
def tcp_door(engine: Path) -> Iterator[str]:
    """What DOCKER_HOST must say to come in by it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threads = [threading.Thread(target=_accept, args=(server, engine), daemon=True)]
        threads[0].start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        threads[0].join(10)


def _accept(server: socket.socket, engine: Path) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_relay, args=(connection, engine), daemon=True).start()


def _relay(connection: socket.socket, engine: Path) -> None:
    with connection, socket.socket(socket.AF_UNIX) as inner:
        inner.connect(str(engine))
        back = threading.Thread(target=_pump, args=(inner, connection), daemon=True)
        back.start()
        _pump(connection, inner)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(PIECE):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
