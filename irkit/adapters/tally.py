"""Counts what is asked of one host, as it is asked: the source of a run's footprint. Threads share one."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence

from irkit.core.footprint import Footprint


class Tally:
    """The counts of one host, from zero."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._commands: Counter[str] = Counter()
        self._written: dict[str, int] = {}

    def count(self, what: str, number: int = 1) -> None:
        """So many more of what a Footprint counts."""
        with self._lock:
            self._counts[what] += number

    def command(self, argv: Sequence[str]) -> None:
        """A command that is run there."""
        with self._lock:
            self._commands[" ".join(argv)] += 1

    def wrote(self, what: str, size: int = -1) -> None:
        """Something that is made there and stays."""
        with self._lock:
            self._written[what] = size

    def unwrote(self, what: str) -> None:
        """It was taken away again."""
        with self._lock:
            self._written.pop(what, None)

    def footprint(self) -> Footprint:
        """The counts as they are."""
        with self._lock:
            return Footprint(**self._counts, commands=dict(self._commands), written=dict(self._written))


_of_thread = threading.local()


@contextlib.contextmanager
def counting(tally: Tally) -> Iterator[None]:
    """What this thread reads of this machine's files meanwhile counts as read of the host."""
    before = getattr(_of_thread, "tally", None)
    _of_thread.tally = tally
    try:
        yield
    finally:
        _of_thread.tally = before


def count_file(what: str = "files", number: int = 1) -> None:
    """A file, or a folder, of this machine was opened, or so many were."""
    tally: Tally | None = getattr(_of_thread, "tally", None)
    if tally is not None:
        tally.count(what, number)


def count_bytes(number: int) -> None:
    """So much of a file of this machine was read."""
    tally: Tally | None = getattr(_of_thread, "tally", None)
    if tally is not None:
        tally.count("file_bytes", number)
