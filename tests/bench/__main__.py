"""`python -m tests.lab exec -- python -m tests.bench [NAME...]`: run the benchmarks on the lab's engine."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.containing import bench_contain, bench_contain_ssh
from tests.bench.holding import bench_hold
from tests.bench.images import bench_image
from tests.bench.layers import bench_changes
from tests.bench.over_ssh import bench_ssh_calls, bench_ssh_export, bench_ssh_far, bench_ssh_hosts
from tests.bench.process_memory import bench_memory, bench_memory_ssh
from tests.bench.processes import bench_proc, bench_proc_ssh
from tests.bench.tables import bench_table
from tests.bench.timing import Row, in_turns, run
from tests.bench.tui import bench_tui_first, bench_tui_list, bench_tui_log, bench_tui_memory
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import LabError, adopted_engine
from tests.lab.images import base_image, big_image
from tests.lab.suspects import Lab

EXPORT = "name: export\nversion: 1\nsteps:\n  - {id: disk, action: snapshot.export, with: {%s}}\n"
ISOLATE = "name: cut\nversion: 1\nsteps:\n  - {id: cut, action: isolate.disconnect}\n"


def bench_help(bench: Bench) -> Iterator[Row]:
    ours, peers = in_turns(
        lambda: bench.irkit("--help")[0],
        lambda: run([sys.executable, "-c", "import click"], bench.environment)[0],
        9,
    )
    yield Row("irkit --help", ours * 1000, peers * 1000, 2.5, "ms", "python -c 'import click'")


def bench_list(bench: Bench) -> Iterator[Row]:
    image = base_image(bench.engine)
    for start in range(0, 500, 50):
        script = "; ".join(f"docker create --name many-{n} {image} >/dev/null" for n in range(start, start + 50))
        bench.peer(script)
    ours, peers = in_turns(lambda: bench.irkit("ls")[0], lambda: bench.peer("docker ps -a"), 9)
    yield Row("irkit ls, 500 containers", ours * 1000, peers * 1000, 3.0, "ms", "docker ps -a")
    bench.peer("docker rm -f $(docker ps -aq --filter name=many-) >/dev/null")


def bench_isolate(bench: Bench) -> Iterator[Row]:
    for number in (1, 2):
        bench.lab.network(Network(f"net{number}", subnet=f"10.77.{number}.0/24"))
    names = [f"suspect-{number}" for number in range(30)]
    for name in names:
        bench.lab.make(Suspect(name=name, networks=(Attach("net1"), Attach("net2"))))
    playbook = bench.playbook("cut", ISOLATE)

    def connect() -> None:
        bench.peer("; ".join(f"for n in net1 net2; do docker network connect $n {name}; done" for name in names))

    def ours() -> float:
        bench.forget()
        seconds = bench.irkit("run", playbook, "name:suspect-*", "--approve", "change", "--json")[0]
        connect()
        return seconds

    def peers() -> float:
        seconds = bench.peer(
            "; ".join(f"for n in net1 net2; do docker network disconnect $n {name}; done" for name in names)
        )
        connect()
        return seconds

    mine, theirs = in_turns(ours, peers, 3)
    peer = "a shell loop of docker network disconnect"
    yield Row("isolating 30 containers on 2 networks each", mine, theirs, 0.3, "s", peer)
    for name in names:
        bench.lab.remove(name)


def bench_export(bench: Bench) -> Iterator[Row]:
    suspect = bench.lab.make(
        Suspect(name="big", image=big_image(bench.engine, 2048, 20_000), command=("sleep", "9999"))
    )
    sink = bench.folder / "f"
    for name, options, goal, peer in (
        ("snapshot.export of 2 GB, zstd 3, with index", "", 1.05, f"docker export {suspect} | zstd -3 -c | sha256sum"),
        ("the same without index", "index: false", 1.05, f"docker export {suspect} | zstd -3 -c | sha256sum"),
        (
            "snapshot.export of 2 GB, not compressed, without index",
            "compress: false, index: false",
            1.05,
            f"docker export {suspect} | tee {sink} | sha256sum",
        ),
    ):
        playbook = bench.playbook("export", EXPORT % options)

        def ours(playbook: str = playbook) -> float:
            bench.forget()
            return bench.irkit("run", playbook, "big", "--json")[0]

        def peers(peer: str = peer) -> float:
            return bench.peer(peer)

        mine, theirs = in_turns(ours, peers, 3)
        yield Row(name, mine, theirs, goal, "s", peer.replace(str(sink), "f").replace(suspect, "ID"))
    bench.lab.remove("big")


def bench_export_memory(bench: Bench) -> Iterator[Row]:
    bench.lab.make(Suspect(name="huge", image=big_image(bench.engine, 4096, 20_000), command=("sleep", "9999")))
    playbook = bench.playbook("export", EXPORT % "")
    bench.forget()
    _, peak = bench.irkit("run", playbook, "huge", "--json")
    yield Row("peak memory, export of 4 GB", peak, 90, 1.0, "MB", "the goal of 90 MB")
    bench.lab.remove("huge")


BENCHMARKS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "help": bench_help,
    "ls": bench_list,
    "isolate": bench_isolate,
    "export": bench_export,
    "export-memory": bench_export_memory,
    "memory": bench_memory,
    "memory-ssh": bench_memory_ssh,
    "changes": bench_changes,
    "image": bench_image,
    "proc": bench_proc,
    "proc-ssh": bench_proc_ssh,
    "contain": bench_contain,
    "contain-ssh": bench_contain_ssh,
    "hold": bench_hold,
    "ssh-export": bench_ssh_export,
    "ssh-far": bench_ssh_far,
    "ssh-calls": bench_ssh_calls,
    "ssh-hosts": bench_ssh_hosts,
    "tui-table": bench_table,
    "tui-list": bench_tui_list,
    "tui-first": bench_tui_first,
    "tui-log": bench_tui_log,
    "tui-memory": bench_tui_memory,
}


def main() -> int:
    engine = adopted_engine()
    if engine is None:
        raise LabError("no engine of the lab: run this by `make bench`")
    wanted = sys.argv[1:] or list(BENCHMARKS)
    docker = subprocess.run(["docker", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    zstd = subprocess.run(["zstd", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{os.cpu_count()} processors; {docker}; {zstd}; medians of runs in turns with the peer\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="irkit-bench-") as folder, Lab(engine) as lab:
        for name in wanted:
            for row in BENCHMARKS[name](Bench(engine, lab, Path(folder))):
                print(row.text(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
