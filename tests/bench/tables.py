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
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.timing import Row

ROWS, SECONDS = 5000, 10
SIZE = (45, 160)


def bench_table(bench: Bench) -> Iterator[Row]:
    (idle, _, quiet), (ours, our_stall, our_bytes), (peers, peer_stall, peer_bytes) = (
        run_in_terminal(who, bench.folder / f"{who}.json", bench.environment) for who in ("idle", "ours", "peer")
    )
    yield Row(
        f"live list, {ROWS} rows at 1 Hz beyond the idle app",
        (ours - idle) * 100,
        (peers - idle) * 100,
        0.2,
        "% of a processor",
        "Textual's DataTable, cleared and filled",
        f"idle {idle:.1%}; longest stall {our_stall:.0f} ms, peer {peer_stall:.0f} ms; to the terminal "
        f"{(our_bytes - quiet) / SECONDS / 1000:.1f} kB a tick, peer {(peer_bytes - quiet) / SECONDS / 1000:.1f} kB",
    )


def run_in_terminal(who: str, result: Path, environment: Mapping[str, str]) -> tuple[float, float, int]:
    """The share of a processor, the longest stall in ms, and the bytes that came to the terminal."""
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
    told = json.loads(result.read_text())
    return told["share"], told["stall_ms"], count


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


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="irkit-bench-") as folder:
        for kind in ("idle", "ours", "peer"):
            print(kind, run_in_terminal(kind, Path(folder) / kind, os.environ), flush=True)
