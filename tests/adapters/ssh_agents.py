"""A real ssh-agent for tests, and something in its place that is none."""

import contextlib
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.counting import wait_until
from tests.lab.tools import clean_environment, tool


@dataclass(frozen=True)
class LabAgent:
    """An agent at a socket of its own."""

    socket: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"SSH_AUTH_SOCK": str(self.socket)}

    def add(self, *words: object, secret: bytes = b"") -> None:
        """What ssh-add is asked for: keys, or options."""
        subprocess.run(
            [tool("ssh-add"), "-q", *map(str, words)],
            env=clean_environment(self.environment),
            check=True,
            capture_output=True,
            input=secret,
            timeout=60,
        )


@contextlib.contextmanager
def start_agent() -> Iterator[LabAgent]:
    with tempfile.TemporaryDirectory(prefix="irkit-agent-") as folder:
        place = Path(folder) / "s"
        process = subprocess.Popen(
            [tool("ssh-agent"), "-D", "-a", str(place)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
        )
        try:
            assert wait_until(place.exists)
            yield LabAgent(place)
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def false_agent(*answers: bytes) -> Iterator[Path]:
    """A socket that answers each request with the next of these, and then with nothing."""
    with tempfile.TemporaryDirectory(prefix="irkit-agent-") as folder, socket.socket(socket.AF_UNIX) as listener:
        place = Path(folder) / "s"
        listener.bind(str(place))
        listener.listen()
        taken: list[socket.socket] = []

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    taken.append(connection)
                    for answer in answers:
                        connection.recv(4096)
                        connection.sendall(answer)
                    if len(answers) < 2:
                        connection.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield place
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for connection in taken:
                connection.close()
            thread.join(5)
