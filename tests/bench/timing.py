"""Times commands as whole processes, in turns with their peer, and gives medians and the ratio."""

import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, against what, and the goal for the ratio."""

    name: str
    ours: float
    peers: float
    goal: float | None
    unit: str
    peer: str
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.peers

    def text(self) -> str:
        goal = ", no goal set"
        if self.goal is not None:
            verdict = "reached" if self.ratio <= self.goal else "NOT reached"
            goal = f", goal at most {self.goal:.2f}: {verdict}"
        return (
            f"{self.name}\n    irkit {self.ours:.3g} {self.unit}, peer {self.peers:.3g} {self.unit}, "
            f"ratio {self.ratio:.2f}{goal}\n    peer: {self.peer}" + (f"\n    {self.note}" if self.note else "")
        )


def run(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Wall seconds and peak memory in MB of the largest process of a command; fails where it does."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"bench: {shlex.join(argv)} ended with {process.returncode}: {said.decode(errors='replace')[-500:]}")
    return seconds, usage.ru_maxrss / 1000


def run_and_read(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a command prints; fails where it does."""
    done = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {shlex.join(argv)} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def shell(script: str) -> list[str]:
    """A pipeline of the peer's, that fails where any part of it does."""
    return ["bash", "-c", f"set -euo pipefail; {script}"]


def in_turns(ours: Callable[[], float], peers: Callable[[], float], times: int) -> tuple[float, float]:
    """Medians of both, run A B A B, after one of each that does not count."""
    mine, theirs = all_in_turns((ours, peers), times)
    return mine, theirs


def all_in_turns(runs: Sequence[Callable[[], float]], times: int) -> list[float]:
    """Medians of several, run A B C A B C, after one of each that does not count: what else goes on befalls all."""
    for run_once in runs:
        run_once()
    rounds = [[run_once() for run_once in runs] for _ in range(times)]
    return [statistics.median(figures) for figures in zip(*rounds, strict=True)]
