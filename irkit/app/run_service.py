"""Runs that go on by themselves: whoever watches one may leave, and come back to it."""

from __future__ import annotations  # see the imports for types only, below

import threading
from contextlib import closing
from typing import TYPE_CHECKING

from irkit.adapters.clock import SystemClock
from irkit.app.runs import start
from irkit.core.errors import IrkitError, UsageError
from irkit.core.run import Run
from irkit.engine.unforeseen import shield

if TYPE_CHECKING:
    from pathlib import Path

    from irkit.app.runs import Execution, Prepared
    from irkit.app.setting import Setting
    from irkit.core.events import Record
    from irkit.core.holding import Holding
    from irkit.core.plan import Plan
    from irkit.core.store import Bytes

PARALLEL = 8
"""Containers worked on at a time."""
_INTERRUPTED = "interrupted by the responder"


class ActiveRun:
    """A run on a thread of its own, from its beginning until its bundle is sealed. Its methods may be called whenever.

    `run` is what its records say so far, to be looked at by whoever calls `take`; `error` says in a line why there is
    no bundle, or no whole one.
    """

    def __init__(self, setting: Setting, prepared: Prepared, *, parallel: int, hold_for: float) -> None:
        self.plan: Plan = prepared.plan
        self.run = Run()
        self.bundle: Path | None = None
        self.error = ""
        self.holding: Holding | None = None
        self.begun = SystemClock().now()
        self._setting, self._prepared = setting, prepared
        self._parallel, self._hold_for = parallel, hold_for
        self._lock = threading.Lock()
        self._records: list[Record] = []
        self._taken = 0
        self._progress: dict[tuple[int, str], Bytes] = {}
        self._execution: Execution | None = None
        self._asked: str = ""
        self._at_once = False
        self._over = threading.Event()
        # No daemon: the program does not end before the bundle is sealed.
        self._thread = threading.Thread(target=self._conduct, name=f"run {self.plan.run[:12]}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether nothing of it goes on any more: its bundle is sealed, or `error` says why not."""
        return self._over.is_set()

    @property
    def is_ending(self) -> bool:
        """Whether it was told to end."""
        return bool(self._asked)

    @property
    def records(self) -> list[Record]:
        """All records so far."""
        with self._lock:
            return self._records[:]

    def take(self) -> list[Record]:
        """The records since this was last called; `run` is what all up to these say. For one caller."""
        with self._lock:
            new = self._records[self._taken :]
            self._taken = len(self._records)
        for record in new:
            self.run.add(record)
        return new

    @property
    def progress(self) -> list[Bytes]:
        """The items that are being read just now, and how far each has come."""
        with self._lock:
            return list(self._progress.values())

    def end(self, reason: str = _INTERRUPTED, *, at_once: bool = False) -> None:
        """Have it end: reads stop, a change under way is waited for unless `at_once`, what waits is not begun."""
        with self._lock:
            self._asked, self._at_once = reason, self._at_once or at_once
            execution = self._execution
        if execution is not None:
            execution.runner.interrupt(reason, at_once=at_once)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end, at most so long; whether it came."""
        return self._over.wait(seconds)

    def _conduct(self) -> None:
        try:
            self.error = shield(self._carry_out, _bug)
        except IrkitError as error:
            self.error = str(error)
        finally:
            self._over.set()

    def _carry_out(self) -> str:
        try:
            with self._prepared:
                execution = start(
                    self._setting,
                    self._prepared,
                    parallel=self._parallel,
                    progress=self._note_progress,
                    hold_for=self._hold_for,
                    holding=self._note_holding,
                )
                with closing(execution):
                    self._take_over(execution)
                    for record in execution.records():
                        self._keep(record)
                    self.bundle = execution.seal()
        except IrkitError as error:
            return str(error)
        return ""

    def _take_over(self, execution: Execution) -> None:
        """From here on it can be ended; it may have been told to already."""
        with self._lock:
            self._execution = execution
            reason, at_once = self._asked, self._at_once
        if reason:
            execution.runner.interrupt(reason, at_once=at_once)

    def _keep(self, record: Record) -> None:
        with self._lock:
            self._records.append(record)

    def _note_holding(self, holding: Holding) -> None:
        self.holding = holding

    def _note_progress(self, item: Bytes) -> None:
        key = (item.task, item.path)
        with self._lock:
            if item.ended:
                self._progress.pop(key, None)
            else:
                self._progress[key] = item

    def note(self, text: str, by: str) -> bool:
        """Write what the responder has to say into its log; whether it was taken in. Raises StorageError."""
        with self._lock:
            execution = self._execution
        return execution is not None and execution.runner.note(text, by)


def _bug(error: Exception) -> str:
    return f"a bug in irkit ({type(error).__name__}) ended the run: its bundle is kept, `irkit seal` closes it"


class RunService:
    """The runs that were begun here; at most one goes on at a time."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.runs: list[ActiveRun] = []

    @property
    def current(self) -> ActiveRun | None:
        """The run that goes on, or None."""
        latest = self.latest
        return latest if latest is not None and not latest.is_over else None

    @property
    def latest(self) -> ActiveRun | None:
        """The run that was begun last, or None."""
        return self.runs[-1] if self.runs else None

    def begin(self, prepared: Prepared, *, parallel: int = PARALLEL, hold_for: float = 0) -> ActiveRun:
        """Begin to carry a plan out; its hosts are let go once it has ended. Raises UsageError while one goes on."""
        if self.current is not None:
            raise UsageError(f"run {self.current.plan.run[:12]} goes on: wait for it, or end it first")
        run = ActiveRun(self._setting, prepared, parallel=parallel, hold_for=hold_for)
        self.runs.append(run)
        run.start()
        return run
