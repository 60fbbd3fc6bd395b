"""How soon a break of containment is noticed and made good: unpaused, restarted, connected, replaced.

Times are those of the records in the run log, less that of the engine's event: one clock, as both are on one machine.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from statistics import median
from typing import Any

from tests.bench.bench import Bench
from tests.bench.timing import Row
from tests.lab.description import Attach, Network, Suspect

ROUNDS = 4
"""As many as do not make it pause: that takes twenty within a minute."""
GOAL = 2.0
PLAYBOOK = """name: hold
version: 1
hold: contain
steps:
  - {id: cut, action: isolate.disconnect}
  - {id: freeze, action: contain.pause}
"""
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait")


def bench_hold(bench: Bench) -> Iterator[Row]:
    bench.lab.network(Network("held", subnet="10.79.1.0/24"))
    suspect = bench.lab.make(Suspect(name="held-web", networks=(Attach("held"),), command=SLEEP))
    playbook = bench.playbook("hold", PLAYBOOK)
    bench.forget()
    acts = {
        "unpaused": f"docker unpause {suspect}",
        "connected": f"docker network connect held {suspect}",
        "restarted": f"docker restart --time 0 {suspect}",
    }
    argv = [sys.executable, "-m", "irkit", "run", playbook, "held-web", "--approve", "change", "--hold", "--events"]
    with subprocess.Popen(argv, env=bench.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        records = _records(process)
        _until(records, lambda event: event["event"] == "note" and event["text"].startswith("holding"))
        for name, act in acts.items():
            told, made_good = [], []
            for _ in range(ROUNDS):
                bench.peer(act)
                broken = _until(records, lambda event: _check(event) == "hold.broken")
                again = _until(records, lambda event: _check(event) == "hold.again")
                begun = _moment(broken["event"]["finding"]["because"][-1].rpartition(" at ")[2])
                told.append((_moment(broken["at"]) - begun).total_seconds())
                made_good.append((_moment(again["at"]) - begun).total_seconds())
            yield Row(f"{name} by somebody: told", median(told), GOAL, 1.0, "s", "the goal of 2 s")
            yield Row(f"{name} by somebody: contained again", median(made_good), GOAL, 1.0, "s", "the goal of 2 s")
        process.send_signal(signal.SIGINT)
        for _ in records:
            pass
    bench.lab.remove("held-web")


def _records(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def _until(records: Iterator[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    return next(record for record in records if wanted(record["event"]))


def _check(event: dict[str, Any]) -> str:
    return str(event.get("finding", {}).get("check", ""))


def _moment(text: str) -> datetime:
    """A time of a record or an event; Python keeps six digits of a second."""
    whole, _, digits = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{digits[:6]:0<6}+00:00")
