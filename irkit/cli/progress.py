"""Progress of streams: bars with bytes and rate on a terminal, nothing at all without one (the records say enough)."""

import sys
import threading
from types import TracebackType
from typing import Any

from irkit.core.store import Bytes
from irkit.core.text import safe


class Bars:
    """A context in which `update` draws and `say` prints a line above the bars."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted and sys.stderr.isatty()
        self._lock = threading.Lock()
        self._tasks: dict[tuple[int, str], Any] = {}
        self._progress: Any = None

    def __enter__(self) -> "Bars":
        if self._wanted:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=10),
                DownloadColumn(),
                TransferSpeedColumn(),
                console=Console(stderr=True, markup=False, highlight=False, emoji=False),
                transient=True,
            )
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, item: Bytes) -> None:
        """Take in how far an item has come. The total is not known, so no share is shown."""
        if self._progress is None:
            return
        with self._lock:
            key = (item.task, item.path)
            if item.ended:
                task = self._tasks.pop(key, None)
                if task is not None:
                    self._progress.remove_task(task)
                return
            if key not in self._tasks:
                self._tasks[key] = self._progress.add_task(safe(item.path.rpartition("data/")[2], 60), total=None)
            self._progress.update(self._tasks[key], completed=item.done)

    def say(self, line: str) -> None:
        """A line of its own on standard error."""
        if self._progress is not None:
            self._progress.console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is the front end
