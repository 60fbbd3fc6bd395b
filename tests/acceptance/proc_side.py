"""Processes that come into a suspect's namespaces from its host, and what /proc tells of any, read the plain way."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.lab.suspects import Lab
from tests.lab.tools import tool


def main_of(lab: Lab, name: str) -> int:
    """The suspect's first process."""
    return int(lab.engine.inspect(name)["State"]["Pid"])


def proc(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def link(pid: int, name: str) -> bytes:
    return os.fsencode(Path(f"/proc/{pid}/{name}").readlink())


def true_start(pid: int) -> float:
    """In seconds since 1970; the second in which the machine was started is all that is known of that."""
    ticks = int(proc(pid, "stat").rpartition(b")")[2].split()[19])
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return float(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def pids_in(namespace: str, like: int) -> set[int]:
    """All that are in the same namespace of that kind as another process."""
    wanted = link(like, f"ns/{namespace}")
    found = set()
    for one in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if link(int(one.name), f"ns/{namespace}") == wanted:
                found.add(int(one.name))
    return found


def wait_for(wanted: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not wanted():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@contextlib.contextmanager
def entered(pid: int, kinds: Sequence[str], code: str) -> Iterator[int]:
    """A program of the host's in namespaces of that process; its pid, once it has done what it was told."""
    argv = [tool("nsenter"), *(f"--{kind}=/proc/{pid}/ns/{kind}" for kind in kinds), sys.executable, "-I", "-c"]
    code += "\nprint(flush=True); input()"
    with subprocess.Popen([*argv, code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"\n"
        yield started.pid
        started.kill()


def leave_group(pid: int) -> None:
    """Put a process into the control group of all controllers that is the root of each, as one with root can."""
    for line in proc(pid, "cgroup").decode().splitlines():
        _, names, _ = line.split(":", 2)
        name = names.removeprefix("name=") or "unified"
        for root in (Path("/sys/fs/cgroup") / name, Path("/sys/fs/cgroup")):
            if (root / "cgroup.procs").exists():
                (root / "cgroup.procs").write_text(str(pid))
                break
