"""The terminal interface in a pseudo-terminal: a list that changes, the first list, a log at full speed, an hour."""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.bench import Bench
from tests.bench.terminal import Terminal
from tests.bench.timing import Row

SECONDS = 10
KEYS = 60
STALL_MS = ECHO_MS = 100.0
ALL, USUAL = "1", "0.05"
_FIRST_ROW = "service-"


def bench_tui_list(bench: Bench) -> Iterator[Row]:
    """Shares of a processor beyond those of the idle app, which has the same rows, and of the hosts in memory."""
    idle = play(bench, "idle")
    fakes = play(bench, "hosts")["share"]
    peer = play(bench, "peer")
    for share, what in ((ALL, "the status of every row"), (USUAL, "the status of every 20th row")):
        ours = play(bench, "ours", share)
        spent, shown = 100 * (ours["share"] - idle["share"] - fakes), 100 * (ours["loop"] - idle["loop"])
        name = f"5,000 rows of 50 hosts listed at 1 Hz, {what} changing, beyond the idle app"
        note = (
            f"idle {idle['share']:.1%}, hosts in memory {fakes:.1%}; of it the screens {shown:.1f}; "
            f"{ours['lists']:.0f} lists a second; {load()}"
        )
        yield Row(name, spent, 10, 1.0, "% of a processor", "the goal of 10 %", note)
        yield Row("the same: longest stall", ours["stall_ms"], STALL_MS, 1.0, "ms", "the goal of 100 ms", _stalls(ours))
        if share == ALL:
            beside = 100 * (peer["share"] - idle["share"] - fakes)
            note = f"{_stalls(ours)}; peer {_stalls(peer)}"
            yield Row("the same, against a peer", spent, beside, 0.2, "% of a processor", "Textual's DataTable", note)


def _stalls(told: dict[str, Any]) -> str:
    stalls = f"longest stall {told['stall_ms']:.0f} ms, {told['busy_ms']:.0f} ms of work, {told['late']} over 100 ms"
    return f"{stalls}, longest for garbage {told['gc_ms']:.0f} ms"


def bench_tui_first(bench: Bench) -> Iterator[Row]:
    """Ten hosts of 100 containers, one of which never answers: medians of five starts, after one more."""
    starts = [first_list(bench) for _ in range(6)][1:]
    whole, own = (statistics.median(one[part] for one in starts) for part in (0, 1))
    python = statistics.median(one[2] for one in starts)
    note = f"{python:.2f} s of it until Python had loaded what the app needs; {load()}"
    yield Row("first list, one dead host of ten, from the start of the process", whole, 1, 1.0, "s", "1 s", note)
    yield Row("the same, from the start of the app", own, 1, 1.0, "s", "1 s")


def first_list(bench: Bench) -> tuple[float, float, float]:
    """Seconds from the start of the process, and of the app, until a row is shown; and those between the two."""
    result = bench.folder / "first.json"
    terminal = Terminal(argv("first", 1, result), bench.environment)
    shown = terminal.wait_for(_FIRST_ROW, 60)
    terminal.wait()
    begun: float = json.loads(result.read_text())["begun"]
    return shown - terminal.begun, shown - begun, begun - terminal.begun


def bench_tui_log(bench: Bench) -> Iterator[Row]:
    """How long a letter takes that is typed into the search field while a log rushes by."""
    result = bench.folder / "log.json"
    ready = result.with_suffix(".ready")
    ready.unlink(missing_ok=True)
    terminal = Terminal(argv("log", 30, result), bench.environment)
    while not ready.exists():
        time.sleep(0.1)
        if terminal.process.poll() is not None:
            terminal.wait()
    time.sleep(2)
    echoes = [echo_ms(terminal, number) for number in range(KEYS)]
    terminal.wait()
    told = json.loads(result.read_text())
    note = (
        f"median {statistics.median(echoes):.0f} ms, the slowest of {KEYS}; "
        f"longest stall {told['stall_ms']:.0f} ms, {told['busy_ms']:.0f} ms of work; "
        f"{told['lines'] / told['seconds']:,.0f} lines a second came, {told['shown']:,} were shown; {load()}"
    )
    yield Row("a key's echo beside a log of 50,000 lines a second", max(echoes), ECHO_MS, 1.0, "ms", "100 ms", note)


def echo_ms(terminal: Terminal, number: int) -> float:
    """Type a letter that stands nowhere else, and wait until it is written; then take it away."""
    letter = chr(0x3B1 + number % 17)
    begun = time.time()
    terminal.press(letter)
    shown = terminal.wait_for(letter, 10)
    terminal.press("\x7f")
    time.sleep(0.13 + number % 7 / 50)
    return (shown - begun) * 1000


def bench_tui_memory(bench: Bench) -> Iterator[Row]:
    """An hour's worth of events, after each fifth of which what the process holds is told."""
    sizes = play(bench, "memory")["sizes"]
    note = f"MB after each fifth: {', '.join(f'{one:.1f}' for one in sizes)}"
    yield Row(
        "memory after an hour's worth of events", sizes[-1], sizes[1], 1.05, "MB", "after two fifths of them", note
    )


def play(bench: Bench, kind: str, share: str = ALL) -> dict[str, Any]:
    """What the app told of itself."""
    result = bench.folder / f"{kind}.json"
    Terminal(argv(kind, SECONDS, result), {**bench.environment, "IRKIT_BENCH_SHARE": share}).wait()
    told: dict[str, Any] = json.loads(result.read_text())
    return told


def argv(kind: str, seconds: float, result: Path) -> list[str]:
    return [sys.executable, "-m", "tests.bench.tui_app", kind, str(seconds), str(result)]


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"
