"""What a list of 5,000 rows takes that changes once a second, against Textual's DataTable."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.timing import Row

ROWS, SECONDS = 5000, 10
SIZE = (45, 160)


@dataclass(frozen=True)
class Took:
    """Seconds of a processor, of the wall clock and of the longest stall, and the bytes that came to the terminal."""

    used: float
    wall: float
    stall: float
    size: int

    def tick(self, idle: "Took") -> float:
        """Milliseconds of a processor that a tick took, beyond what the app at rest takes in the same time."""
        return (self.used - idle.used / idle.wall * self.wall) / SECONDS * 1000

    def text(self, idle: "Took") -> str:
        size = (self.size - idle.size) / SECONDS / 1000
        return f"longest stall {self.stall * 1000:.0f} ms, {size:.1f} kB to the terminal a tick"


def bench_table(bench: Bench) -> Iterator[Row]:
    idle, ours, peer = (
        run_in_terminal(who, bench.folder / f"{who}.json", bench.environment) for who in ("idle", "ours", "peer")
    )
    yield Row(
        f"live list, {ROWS} rows that change: processor time a tick",
        ours.tick(idle),
        peer.tick(idle),
        0.2,
        "ms",
        "Textual's DataTable, cleared and filled",
        f"{ours.text(idle)}; peer: {peer.text(idle)}",
    )


def run_in_terminal(who: str, result: Path, environment: Mapping[str, str]) -> Took:
    """What one of the apps takes in a pseudo-terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    argv = [sys.executable, "-m", "tests.bench.table_app", who, str(ROWS), str(SECONDS), str(result)]
    terminal = {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(argv, env=terminal, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    count = _drain(ours)
    os.close(ours)
    if process.wait():
        sys.exit(f"bench: the app of {who} ended with {process.returncode}")
    return Took(**json.loads(result.read_text()), size=count)


def _drain(terminal: int) -> int:
    count = 0
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # what Linux says where the other end is closed
            return count
        if not data:
            return count
        count += len(data)
