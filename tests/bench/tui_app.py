"""`python -m tests.bench.tui_app KIND SECONDS FILE`: the terminal interface on hosts in memory, in a terminal.

Kinds: `idle` (5,000 containers of 50 hosts, and nothing happens), `ours` (each host has news every second), `peer` (the
same, the list shown by Textual's DataTable), `first` (ten hosts, one of them dead), `log` (a log of 50,000 lines a
second), `memory` (an hour's worth of events, played fast), `hosts` (those of `ours`, and no app at all). Writes what it
took to FILE as JSON.
"""

import asyncio
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import irkit.tui
from irkit.app.live import Live
from irkit.app.opened import Opened
from irkit.app.run_service import RunService
from irkit.app.setting import Setting
from irkit.core.host import Host
from irkit.tui.app import IrkitApp
from irkit.tui.panes.logs import LogsPane
from irkit.tui.services import Services
from tests.bench.tui_hosts import BusyHost, DeadHost

BEGUN = time.time()
HOSTS, EACH = 50, 100
EVENTS = 36_000
"""An hour of ten events a second."""
PROBE = 0.005
PARTS = 5


class Fleet:
    """The hosts by name, and a thread on which time passes."""

    def __init__(self, names: Sequence[str], each: int, dead: Sequence[str] = ()) -> None:
        self.hosts = {name: BusyHost(Host(name=name, address=name, reach="ssh"), each) for name in names}
        self.dead = {name: DeadHost([], Host(name=name, address=name, reach="ssh")) for name in dead}

    def open(self, host: Host) -> Any:
        return self.hosts.get(host.name) or self.dead[host.name]

    @property
    def names(self) -> list[str]:
        return [*self.dead, *self.hosts]

    def begin(self, share: float) -> None:
        threading.Thread(target=self._pass_time, args=(share,), daemon=True).start()

    def _pass_time(self, share: float) -> None:
        begun = time.perf_counter()
        number = 0
        while True:
            for nth, host in enumerate(self.hosts.values()):
                time.sleep(max(0.0, begun + number + nth / len(self.hosts) - time.perf_counter()))
                host.tick(number, share)
            number += 1


class BenchApp(IrkitApp):
    """The app, and beside it the measurement."""

    CSS_PATH = str(Path(irkit.tui.__file__).with_name("irkit.tcss"))

    def __init__(self, services: Services, kind: str, fleet: Fleet, seconds: float, result: Path) -> None:
        super().__init__(services)
        self.kind, self.fleet, self.seconds, self.result = kind, fleet, seconds, result
        self.delays: list[float] = []
        self.pauses: list[float] = []
        self.busy = 0.0
        gc.callbacks.append(self.note_pause)
        self.paused_at = 0.0

    def note_pause(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self.paused_at = time.perf_counter()
        else:
            self.pauses.append(time.perf_counter() - self.paused_at)

    def on_ready(self) -> None:
        self.run_worker(getattr(self, f"measure_{MEASURES[self.kind]}")())

    def end(self, **told: object) -> None:
        self.result.write_text(json.dumps(told))
        self.exit(0)

    async def settle(self) -> None:
        """Until all facts are there."""
        live = self.services.live
        count = EACH * len(self.fleet.hosts)
        while len(live.rows) < count or any(one.unread for one in live.hosts.values()):
            await asyncio.sleep(0.2)
        await asyncio.sleep(2)

    async def measure_list(self) -> None:
        await self.settle()
        await self.pilot_down()
        if self.kind != "idle":
            self.fleet.begin(SHARE)
            await asyncio.sleep(3)
        self.pauses.clear()
        probe = asyncio.create_task(self.longest_stall())
        used, mine, begun = time.process_time(), time.thread_time(), time.perf_counter()
        lists = sum(one.lists for one in self.fleet.hosts.values())
        await asyncio.sleep(self.seconds)
        spent = time.perf_counter() - begun
        probe.cancel()
        self.end(
            busy_ms=self.busy * 1000,
            gc_ms=max(self.pauses, default=0.0) * 1000,
            share=(time.process_time() - used) / spent, loop=(time.thread_time() - mine) / spent,
            stall_ms=max(self.delays) * 1000, late=sum(one > 0.1 for one in self.delays),
            lists=(sum(one.lists for one in self.fleet.hosts.values()) - lists) / spent,
        )  # fmt: skip

    async def pilot_down(self) -> None:
        """The cursor holds a row, as it does for whoever works."""
        for _ in range(5):
            self.simulate_key("j")
            await asyncio.sleep(0.05)

    async def measure_log(self) -> None:
        await self.settle()
        self.open_container(next(iter(self.services.live.rows)), "logs")
        await asyncio.sleep(3)
        self.simulate_key("slash")
        await asyncio.sleep(1)
        self.result.with_suffix(".ready").write_text("")
        probe, begun = asyncio.create_task(self.longest_stall()), time.perf_counter()
        pane = self.screen.query_one(LogsPane)
        before = pane._log.lines if pane._log else 0
        await asyncio.sleep(self.seconds)
        probe.cancel()
        spent, lines = time.perf_counter() - begun, (pane._log.lines if pane._log else 0) - before
        self.end(
            stall_ms=max(self.delays) * 1000, busy_ms=self.busy * 1000, lines=lines, shown=pane._shown, seconds=spent
        )

    async def measure_memory(self) -> None:
        await self.settle()
        await self.pilot_down()
        sizes: list[float] = []
        hosts = list(self.fleet.hosts.values())
        for _ in range(PARTS):
            for number in range(EVENTS // PARTS // 2):
                hosts[number % len(hosts)].replace_one()
                if number % 20 == 0:
                    await asyncio.sleep(0.01)
            await self.settle()
            gc.collect()
            sizes.append(resident_mb())
        self.end(sizes=sizes)

    async def measure_first(self) -> None:
        while len(self.services.live.rows) < EACH * len(self.fleet.hosts):
            await asyncio.sleep(0.01)
        await asyncio.sleep(self.seconds)
        self.end(begun=BEGUN)

    async def longest_stall(self) -> None:
        while True:
            begun, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(PROBE)
            self.delays.append(time.perf_counter() - begun - PROBE)
            self.busy = max(self.busy, time.thread_time() - worked)


MEASURES = {"idle": "list", "ours": "list", "peer": "list", "first": "first", "log": "log", "memory": "memory"}
SHARE = float(os.environ.get("IRKIT_BENCH_SHARE", "1"))


def resident_mb() -> float:
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def fleet_for(kind: str) -> Fleet:
    if kind == "first":
        return Fleet([f"prod-{number}" for number in range(9)], EACH, ["dead"])
    return Fleet([f"prod-{number}" for number in range(HOSTS if kind != "memory" else 5)], EACH)


def hosts_alone(fleet: Fleet, seconds: float, result: Path) -> int:
    """What the hosts in memory cost by themselves, listed as often."""
    for host in fleet.hosts.values():
        threading.Thread(target=host.hear, daemon=True).start()
    fleet.begin(SHARE)
    used, begun = time.process_time(), time.perf_counter()
    while (spent := time.perf_counter() - begun) < seconds:
        for host in fleet.hosts.values():
            host.lists += len(host.listed) > 0
            time.sleep(1 / len(fleet.hosts))
    result.write_text(json.dumps({"share": (time.process_time() - used) / spent}))
    return 0


def main(kind: str, seconds: float, result: Path) -> int:
    fleet = fleet_for(kind)
    if kind == "hosts":
        return hosts_alone(fleet, seconds, result)
    if kind == "peer":
        from tests.bench.tui_peer import use_data_table

        use_data_table()
    setting = Setting(environment={}, evidence=result.parent, opener=fleet.open)
    live = Live(setting, fleet.names)
    live.start()
    services = Services(
        setting, Opened(hosts=tuple(fleet.names), case="IR-1", responder="ann"), live, RunService(setting)
    )
    app = BenchApp(services, kind, fleet, seconds, result)
    try:
        app.run()
    finally:
        services.close()
    if app.crash is not None:
        raise app.crash
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])))
