"""The processes of a container with two hundred of them, here and over SSH, against the two commands that list them."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from tests.bench.bench import IRKIT, Bench
from tests.bench.over_ssh import near
from tests.bench.timing import Row, in_turns, run_and_read
from tests.lab.description import Suspect

PROCESSES = 200
GOAL = 5.0
LOOK = "name: look\nversion: 1\nsteps:\n  - {id: look, action: collect.processes}\n"
KINDS = ("read-processes", "list-processes")


class _Ours:
    """Whole runs of irkit; what the collection in each took, from its first record to its last, is noted."""

    def __init__(self, bench: Bench, *words: str) -> None:
        self._bench, self._words = bench, words
        self.collected: list[float] = []

    def __call__(self) -> float:
        self._bench.forget()
        playbook = self._bench.playbook("look", LOOK)
        begun = time.perf_counter()
        told = run_and_read([*IRKIT, "run", playbook, "many", *self._words, "--json"], self._bench.environment)
        took = time.perf_counter() - begun
        self.collected.append(_collection(Path(json.loads(told)["bundle"])))
        return took


def _collection(bundle: Path) -> float:
    """Seconds from the start of the first operation of the step to the end of its last; all processes must be there."""
    mine: dict[int, datetime] = {}
    ends: list[datetime] = []
    for line in (bundle / "data/log/run.jsonl").read_bytes().splitlines():
        record = json.loads(line)
        event, at = record["event"], datetime.fromisoformat(record["at"])
        if event["event"] == "operation-started" and event["operation"]["operation"] in KINDS:
            mine[record["seq"]] = at
        if event["event"] == "operation-finished" and "processes" in event["detail"]:
            ends.append(at)
            if int(event["detail"].split(" ")[0]) < PROCESSES:
                sys.exit(f"bench: too few processes: {event['detail']}")
    return (max(ends) - min(mine.values())).total_seconds()


def _rows(bench: Bench, what: str, ours: _Ours, peers: Callable[[], float], peer: str) -> Iterator[Row]:
    mine, theirs = in_turns(ours, peers, 7)
    collected = statistics.median(ours.collected[1:])
    yield Row(f"{what}: the collection", collected, theirs, GOAL, "s", peer)
    yield Row(f"{what}: the whole run, sealed", mine, theirs, None, "s", peer)


def _many(bench: Bench) -> None:
    script = f"for n in $(seq {PROCESSES - 1}); do sleep 99999 & done; wait"
    bench.lab.make(Suspect(name="many", command=("sh", "-c", script)))


def bench_proc(bench: Bench) -> Iterator[Row]:
    """On this machine."""
    _many(bench)
    with tempfile.NamedTemporaryFile() as out:
        script = f"docker top many > {out.name}; ps auxww >> {out.name}"
        yield from _rows(
            bench, f"{PROCESSES} processes", _Ours(bench), lambda: bench.peer(script), "docker top; ps auxww"
        )
    bench.lab.remove("many")


def bench_proc_ssh(bench: Bench) -> Iterator[Row]:
    """On a host near by."""
    _many(bench)
    with near(bench) as (over_ssh, client), tempfile.NamedTemporaryFile() as out:
        ssh = f"ssh -F {client.config} web"
        script = f"{ssh} docker top many > {out.name}; {ssh} ps auxww >> {out.name}"
        yield from _rows(
            over_ssh,
            f"{PROCESSES} processes over SSH",
            _Ours(over_ssh, "--host", "web"),
            lambda: over_ssh.peer(script),
            "ssh web docker top; ssh web ps auxww",
        )
    bench.lab.remove("many")
