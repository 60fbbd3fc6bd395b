"""Processes as /proc shows them: who is alive, who is ours, and ending them by id. Knows nothing of engines."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .tools import LabError

PROC = Path("/proc")
PATIENCE = 60
"""Seconds in which what was told to stop or to end does so, however busy the machine is."""


def all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def read_proc(pid: int | str, name: str) -> bytes:
    """A file of /proc/PID, empty where the process is gone or not ours to read."""
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""


def arguments(pid: int) -> list[str]:
    return [part.decode("utf-8", "replace") for part in read_proc(pid, "cmdline").split(b"\0") if part]


def _stat_fields(pid: int | str) -> list[str]:
    # The name in brackets may hold anything, so fields are counted from the last bracket.
    return read_proc(pid, "stat").decode("utf-8", "replace").rpartition(")")[2].split()


def start_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; with the pid it names a process for good."""
    fields = _stat_fields(pid)
    return int(fields[19]) if len(fields) > 19 else None


def parent(pid: int) -> int | None:
    fields = _stat_fields(pid)
    return int(fields[1]) if len(fields) > 1 else None


def command(pid: int) -> str:
    """The name of the program (its first 15 characters), whatever its command line says."""
    return read_proc(pid, "comm").decode("utf-8", "replace").rstrip("\n")


def alive(pid: int) -> bool:
    """True unless the process is gone or only waits to be reaped."""
    fields = _stat_fields(pid)
    return bool(fields) and fields[0] not in "ZX"


def send(pid: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)


def stop(pid: int) -> None:
    """SIGSTOP, and wait until each thread has come to rest: the signal alone lets them run a little longer."""
    send(pid, signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        states = {_stat_fields(f"{pid}/task/{task.name}")[:1] == ["T"] for task in (PROC / str(pid) / "task").iterdir()}
        if states == {True}:
            return
        time.sleep(0.02)
    raise LabError(f"process {pid} does not stop")


def wait_gone(pids: Iterable[int], timeout: float) -> set[int]:
    """Wait until all have ended; returns those that have not."""
    left = set(pids)
    deadline = time.monotonic() + timeout
    while left := {pid for pid in left if alive(pid)}:
        if time.monotonic() >= deadline:
            break
        time.sleep(0.02)
    return left


def end(pids: Iterable[int], *, grace: float) -> set[int]:
    """Ask with SIGTERM, and after `grace` seconds SIGKILL what did not listen; returns what is left even then."""
    wanted = set(pids)
    if grace > 0:
        for pid in wanted:
            send(pid, signal.SIGTERM)
            send(pid, signal.SIGCONT)  # one that is stopped could not hear
        wanted = wait_gone(wanted, grace)
    for pid in wanted:
        send(pid, signal.SIGKILL)
    return wait_gone(wanted, PATIENCE)
