"""From the start of a run to proven isolation, of one container and of fifty, against a loop of docker's client."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

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


def until_proven(bench: Bench, *words: str) -> tuple[float, str]:
    """Seconds from the start of irkit to the record of the last isolation, each of them proven; the id of the run."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [*IRKIT, "run", *words, "--approve", "change", "--events"],
        env=bench.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stderr
        last, run = 0.0, ""
        for line in process.stdout:
            event = json.loads(line)["event"]
            run = event.get("run", run)
            if event["event"] == "operation-finished" and event.get("proof"):
                last = time.perf_counter() - begun
                if event["proof"] != "proven":
                    sys.exit(f"bench: isolated, and not proven: {line.decode()}")
        said = process.stderr.read()
    if process.returncode or not last:
        sys.exit(f"bench: irkit run ended with {process.returncode}: {said.decode(errors='replace')[-500:]}")
    return last, run


def _ours(bench: Bench, playbook: str, words: Sequence[str]) -> float:
    bench.forget()
    seconds, run = until_proven(bench, playbook, *words)
    bench.irkit("undo", run, "--approve", "change", "--json")
    return seconds


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
            mine, peers = in_turns(partial(_ours, bench, playbook, chosen), partial(theirs, chosen), 3)
            yield Row(f"{way} of {count} to its proof", mine, peers, goal, "s", "a loop of docker network disconnect")
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
            mine, theirs = in_turns(
                partial(_ours, over_ssh, playbook, ["name:suspect-*", "--host", ",".join(placed)]),
                partial(_theirs_over_ssh, over_ssh, placed, engines),
                3,
            )
            peer = "a loop of docker -H ssh://HOST network disconnect"
            yield Row(f"{way} of {MANY} on {HOSTS} hosts over SSH to its proof", mine, theirs, 0.1, "s", peer)


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
