"""Memory of processes: against a bare loop that reads it into nothing, here and over SFTP."""

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.over_ssh import near
from tests.bench.timing import Row, all_in_turns, in_turns, run
from tests.lab.description import Suspect
from tests.lab.images import big_image

MEMORY = "name: memory\nversion: 1\nsteps:\n  - {id: memory, action: snapshot.memory%s}\n"
LOOK = "name: look\nversion: 1\nsteps:\n  - {id: look, action: collect.inspect}\n"
MIB, FILES = 2048, 20_000
_FAR_MIB = 1024


def hold_in_memory(bench: Bench, name: str, mib: int, zeros: bool = False) -> str:
    """A container with a process that has so much in memory, and waits; the process's number.

    It is of mixed content (a third random, a third like text, a third records that are mostly zeros), or zeros.
    """
    image = big_image(bench.engine, mib, FILES)
    what = f"head -c {mib << 20} /dev/zero" if zeros else "cat /data/*/*"
    script = f"{what} | /bin/busybox dd ibs={mib}M obs={mib}M iflag=fullblock 2>/dev/null | sleep 9999"
    bench.lab.make(Suspect(name=name, image=image, command=("sh", "-c", script)))
    end = time.monotonic() + 120
    while time.monotonic() < end:
        # It writes what it can once it has read all, and waits in that.
        for pid in _pids(bench, name):
            words = (Path(f"/proc/{pid}/cmdline")).read_bytes().split(b"\0")
            if b"dd" in words and "pipe_w" in (Path(f"/proc/{pid}/wchan")).read_text():
                return pid
        time.sleep(0.2)
    sys.exit("bench: the memory was not filled")


def _pids(bench: Bench, name: str) -> list[str]:
    said = bench.engine.docker("top", name, "-eo", "pid").stdout.decode().split()
    return said[1:]


def bench_memory(bench: Bench) -> Iterator[Row]:
    playbook = bench.playbook("memory", MEMORY % "")
    peaks: list[float] = []

    def ours() -> float:
        bench.forget()
        seconds, peak = bench.irkit("run", playbook, "full", "--approve", "change", "--json")
        peaks.append(peak)
        return seconds

    for zeros, what in ((False, "2 GB, mixed content"), (True, "2 GB that are zeros")):
        pid = hold_in_memory(bench, "full", MIB, zeros)
        loop = [sys.executable, "-m", "tests.bench.read_memory", pid]
        mine, theirs = in_turns(ours, lambda loop=loop: run(loop, bench.environment)[0], 3)  # type: ignore[misc]
        yield Row(f"snapshot.memory of {what}", mine, theirs, 2.5, "s", "a bare loop over /proc/PID/mem, into nothing")
        bench.lab.remove("full")
    bench.lab.make(Suspect(name="small", command=("sleep", "9999")))
    _, baseline = bench.irkit("run", bench.playbook("look", LOOK), "small", "--json")
    yield Row("the same: peak memory", max(peaks), baseline + 60, 1.0, "MB", "60 MB more than a run that reads little")
    bench.forget()
    bench.lab.remove("small")


def bench_memory_ssh(bench: Bench) -> Iterator[Row]:
    pid = hold_in_memory(bench, "full", _FAR_MIB)
    with near(bench) as (over_ssh, _):
        loop = [sys.executable, "-m", "tests.bench.read_memory", pid, "web"]

        def ours(playbook: str) -> float:
            bench.forget()
            return over_ssh.irkit("run", playbook, "full", "--host", "web", "--approve", "change", "--json")[0]

        by_sftp = bench.playbook("memory", MEMORY % "")
        by_dd = bench.playbook("memory-dd", MEMORY % ", with: {host_command: true}")
        runs = (partial(ours, by_sftp), partial(ours, by_dd), lambda: run(loop, over_ssh.environment)[0])
        sftp, dd, theirs = all_in_turns(runs, 3)
        what = f"snapshot.memory of {_FAR_MIB} MB over SSH"
        peer = "a bare loop of seeks and reads by SFTP (paramiko), into nothing"
        yield Row(what, sftp, theirs, 1.1, "s", peer)
        yield Row(f"{what}, by dd as root", dd, theirs, 0.3, "s", peer)
    bench.forget()
    bench.lab.remove("full")
