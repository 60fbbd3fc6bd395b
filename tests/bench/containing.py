"""From the start of a run to proven isolation, of one container and of fifty, against a loop of docker's client."""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from tests.bench.bench import IRKIT, Bench
from tests.bench.timing import Row, in_turns
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import start_host
from tests.lab.suspects import Lab

MANY = 50
HOSTS = 5
CUT = "name: cut\nversion: 1\nsteps:\n  - {id: cut, action: %s}\n"
WAYS = ("isolate.disconnect", "isolate.firewall")


class Isolated(NamedTuple):
    """Seconds to the record of the last isolation: from the start of the process, and from the first record.

    A responder at the terminal interface has the process running already; `run` is the id of the run.
    """

    of_process: float
    of_run: float
    run: str


def until_proven(bench: Bench, *words: str) -> Isolated:
    """A run of irkit, each isolation of which must be proven."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [*IRKIT, "run", *words, "--approve", "change", "--events"],
        env=bench.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stderr
        last, first, run = 0.0, 0.0, ""
        for line in process.stdout:
            event = json.loads(line)["event"]
            run, first = event.get("run", run), first or time.perf_counter() - begun
            if event["event"] == "operation-finished" and event.get("proof"):
                last = time.perf_counter() - begun
                if event["proof"] != "proven":
                    sys.exit(f"bench: isolated, and not proven: {line.decode()}")
        said = process.stderr.read()
    if process.returncode or not last:
        sys.exit(f"bench: irkit run ended with {process.returncode}: {said.decode(errors='replace')[-500:]}")
    return Isolated(last, last - first, run)


@dataclass
class Ours:
    """irkit's turns, each taken back at once; what each took from its first record on is noted."""

    bench: Bench
    playbook: str
    words: Sequence[str]
    of_runs: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        self.bench.forget()
        took = until_proven(self.bench, self.playbook, *self.words)
        self.bench.irkit("undo", took.run, "--approve", "change", "--json")
        self.of_runs.append(took.of_run)
        return took.of_process

    def rows(self, what: str, peers: Callable[[], float], goal: float, peer: str) -> Iterator[Row]:
        """Both measures against one peer, run in turns."""
        mine, theirs = in_turns(self, peers, 3)
        yield Row(f"{what} to its proof, from the start of the program", mine, theirs, goal, "s", peer)
        of_run = statistics.median(self.of_runs[1:])
        yield Row(f"{what} to its proof, from the first record of the run", of_run, theirs, goal, "s", peer)


def _suspects(lab: Lab, names: Sequence[str]) -> None:
    lab.network(Network("net1", subnet="10.77.0.0/16"))
    for name in names:
        lab.make(Suspect(name=name, networks=(Attach("net1"),), command=("sleep", "9999")))


def _connect(engine: Engine, names: Sequence[str]) -> None:
    for name in names:
        engine.docker("network", "connect", "net1", name, check=False)


def bench_contain(bench: Bench) -> Iterator[Row]:
    """One container, then fifty of one host."""
    names = [f"suspect-{number}" for number in range(MANY)]
    _suspects(bench.lab, names)

    def theirs(chosen: Sequence[str]) -> float:
        seconds = bench.peer(f"for one in {' '.join(chosen)}; do docker network disconnect net1 $one; done")
        _connect(bench.engine, chosen)
        return seconds

    for way in WAYS:
        playbook = bench.playbook("cut", CUT % way)
        for count, goal in ((1, 1.5), (MANY, 0.2)):
            chosen = names[:count]
            ours = Ours(bench, playbook, chosen)
            yield from ours.rows(
                f"{way} of {count}", partial(theirs, chosen), goal, "a loop of docker network disconnect"
            )
    for name in names:
        bench.lab.remove(name)


def bench_contain_ssh(bench: Bench) -> Iterator[Row]:
    """Fifty containers over five hosts, each with an engine and an sshd of its own."""
    with contextlib.ExitStack() as stack:
        client = ClientSide(bench.folder / "client")
        placed: dict[str, list[str]] = {}
        engines: dict[str, Engine] = {}
        for number in range(HOSTS):
            host = stack.enter_context(start_host(name=f"host{number}", engine=True, port=2300 + number))
            assert host.engine
            client.add(host, host.name)
            lab = stack.enter_context(Lab(host.engine))
            placed[host.name] = [f"suspect-{number}-{one}" for one in range(MANY // HOSTS)]
            engines[host.name] = host.engine
            _suspects(lab, placed[host.name])
        over_ssh = Bench(bench.engine, bench.lab, bench.folder, client.environment() | _of(bench, client))
        for way in WAYS:
            playbook = bench.playbook("cut", CUT % way)
            ours = Ours(over_ssh, playbook, ["name:suspect-*", "--host", ",".join(placed)])
            theirs = partial(_theirs_over_ssh, over_ssh, placed, engines)
            peer = "a loop of docker -H ssh://HOST network disconnect"
            yield from ours.rows(f"{way} of {MANY} on {HOSTS} hosts over SSH", theirs, 0.1, peer)


def _of(bench: Bench, client: ClientSide) -> dict[str, str]:
    """The environment in which docker's client, too, has ssh read the configuration of the lab."""
    folder = bench.folder / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {client.config} "$@"\n')
    program.chmod(0o755)
    return {"IRKIT_EVIDENCE": str(bench.folder / "evidence"), "PATH": f"{folder}:{os.environ['PATH']}"}


def _theirs_over_ssh(bench: Bench, placed: Mapping[str, Sequence[str]], engines: Mapping[str, Engine]) -> float:
    loops = [
        f"for one in {' '.join(names)}; do docker -H ssh://{host} network disconnect net1 $one; done"
        for host, names in placed.items()
    ]
    seconds = bench.peer("; ".join(loops))
    for host, names in placed.items():
        _connect(engines[host], names)
    return seconds
