"""`python -m tests.bench.table_app ours|peer|idle ROWS SECONDS FILE`: a list that changes once a second, in a terminal.

Every row's processor share changes at each tick, fifty change their state and twenty come and go, and the list is
sorted anew. `peer` is Textual's DataTable, cleared and filled, which is how a list that is sorted is shown by it.
Writes what it took to FILE as JSON, all in seconds: processor time, wall time, and the longest time that nothing else
could run.
"""

import asyncio
import json
import random
import sys
import time
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import DataTable

from irkit.core.text import safe
from irkit.tui.live_table import Cell, Column, LiveTable, Row

COLUMNS = (
    Column("risk", "R", 2), Column("flags", "EXPOSE", 6), Column("name", "NAME", 22, grow=2),
    Column("state", "STATE", 10), Column("image", "IMAGE", 20, grow=1), Column("age", "AGE", 4, align="right"),
    Column("host", "HOST", 10), Column("cpu", "CPU", 6, align="right"), Column("memory", "MEMORY", 8, align="right"),
    Column("ports", "PORTS", 12),
)  # fmt: skip
STATES = ("running", "exited", "paused", "restarting")
PROBE = 0.01


class Fleet:
    """Containers of fifty hosts, as much of them as a list shows."""

    def __init__(self, count: int) -> None:
        self.choice = random.Random(6)
        self.rows: dict[str, list[str]] = {}
        self.risks: dict[str, int] = {}
        self.made = 0
        for _ in range(count):
            self.make()

    def make(self) -> None:
        number, risk = self.made, self.choice.randrange(4)
        self.made += 1
        key = f"prod-{number % 50}/{number:064x}"
        self.risks[key] = risk
        name, image = f"service-{number}", f"corp/api:{number % 9}"
        host = f"prod-{number % 50}"
        self.rows[key] = ["CHML"[risk], "PND.CU", name, "running", image, "3d", host, "0 %", "12 MB", "80/tcp"]

    def tick(self) -> list[str]:
        """Change them, and the keys in their order from now on."""
        for row in self.rows.values():
            row[7] = f"{self.choice.random():.1%}"
        for key in self.choice.sample(list(self.rows), 50):
            self.rows[key][3] = self.choice.choice(STATES)
        for key in self.choice.sample(list(self.rows), 20):
            del self.rows[key]
            self.make()
        return sorted(self.rows, key=lambda key: (self.risks[key], key))


class TableApp(App[None]):
    """One table and nothing else."""

    def __init__(self, who: str, rows: int, seconds: int, result: Path) -> None:
        super().__init__()
        self.who, self.seconds, self.result = who, seconds, result
        self.fleet = Fleet(rows)
        self.live = LiveTable(COLUMNS, self.look)
        self.peer: DataTable[str] = DataTable()

    def compose(self) -> ComposeResult:
        yield self.peer if self.who == "peer" else self.live

    def look(self, key: str) -> Row:
        return Row(tuple(Cell(safe(text)) for text in self.fleet.rows[key]))

    def on_mount(self) -> None:
        for column in COLUMNS:
            self.peer.add_column(column.title, key=column.id, width=column.width)
        self.show()
        if self.who != "peer":
            self.live.focus()
            self.live.action_last()
        self.run_worker(self.measure())

    def show(self) -> None:
        keys = self.fleet.tick()
        if self.who != "peer":
            self.live.show(keys)
            return
        self.peer.clear()
        for key in keys:
            self.peer.add_row(*(safe(text) for text in self.fleet.rows[key]), key=key)

    async def measure(self) -> None:
        await asyncio.sleep(3)
        probe = asyncio.create_task(self.longest_stall())
        used, begun = time.process_time(), time.perf_counter()
        for tick in range(self.seconds):
            await asyncio.sleep(max(0.0, begun + tick + 1 - time.perf_counter()))
            if self.who != "idle":
                self.show()
        await asyncio.sleep(1)
        took = {"used": time.process_time() - used, "wall": time.perf_counter() - begun, "stall": self.stall}
        probe.cancel()
        self.result.write_text(json.dumps(took))
        self.exit()

    async def longest_stall(self) -> None:
        self.stall = 0.0
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(PROBE)
            self.stall = max(self.stall, time.perf_counter() - begun - PROBE)


if __name__ == "__main__":
    who, rows, seconds, result = sys.argv[1:]
    TableApp(who, int(rows), int(seconds), Path(result)).run()
