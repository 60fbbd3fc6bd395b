"""Counting what a process holds, for tests of leaks: threads, and file descriptors by kind."""

import os
import re
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LONG = 60.0
"""Seconds that only a test waits that fails: what is waited for comes sooner, however busy the machine is."""
KINDS = ((stat.S_ISSOCK, "socket"), (stat.S_ISFIFO, "pipe"), (stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"))


def count_threads() -> int:
    """Threads of this process as the kernel sees them."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208


def thread_names() -> list[str]:
    """Threads that Python started, by name; to say in a failing test who is left."""
    return sorted(thread.name for thread in threading.enumerate())


def count_descriptors() -> Counter[str]:
    """Open file descriptors of this process by kind: socket, pipe, file, folder, or what the kernel calls it."""
    found: Counter[str] = Counter()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            found[_kind(int(name))] += 1
        except OSError:
            continue  # the one that listed
    return found


def _kind(descriptor: int) -> str:
    mode = os.fstat(descriptor).st_mode
    for is_kind, name in KINDS:
        if is_kind(mode):
            return name
    target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    return re.sub(r"^anon_inode:\[?|\]$", "", target) if target.startswith("anon_inode:") else Path(target).name


@dataclass(frozen=True)
class Held:
    """What this process holds at one moment."""

    threads: int = field(default_factory=count_threads)
    descriptors: Counter[str] = field(default_factory=count_descriptors)

    def more(self, before: "Held") -> dict[str, int]:
        """What is held beyond an earlier moment, by kind; empty where nothing is."""
        grown = {"thread": self.threads - before.threads}
        grown |= {kind: count - before.descriptors[kind] for kind, count in self.descriptors.items()}
        return {kind: count for kind, count in grown.items() if count > 0}


def wait_released(before: Held, timeout: float = LONG) -> dict[str, int]:
    """Wait until no more is held than before; what is held beyond it even then."""
    deadline = time.monotonic() + timeout
    while (grown := Held().more(before)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return grown


def wait_until(reached: Callable[[], bool], timeout: float = LONG) -> bool:
    """True as soon as it is so; False where it never was in that time."""
    deadline = time.monotonic() + timeout
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
