"""Looks at one container for a screen: what its processes, sockets, files, configuration and logs are right now.

Each look is the operation that a playbook would run, on a thread of its own, into memory. A look can be given up at any
time, and is polled: nobody waits for it.
"""

from __future__ import annotations  # see the imports for types only, below

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from irkit.app.look_intake import LookIntake
from irkit.app.seen import (
    Change,
    LogLine,
    Process,
    Socket,
    changes_of,
    log_line,
    processes_of,
    processes_of_list,
    sockets_of,
)
from irkit.core.errors import IrkitError, Refusal, TargetError
from irkit.core.operations import Diff, Inspect, ListProcesses, ReadProcesses, ReadSockets, ReadStats
from irkit.engine.deadline import Cancel
from irkit.engine.unforeseen import shield

if TYPE_CHECKING:
    from irkit.adapters.log_stream import LogRecord
    from irkit.app.live import Live
    from irkit.app.reach import HostTarget
    from irkit.core.operations import AnyOperation
    from irkit.core.ports import Deadline

T = TypeVar("T")
LOOK_SECONDS = 60.0
_LONGEST = 7 * 86400.0
PENDING = 20_000
"""Log lines that wait for a screen at most: of a container that writes faster the oldest are left out, and counted."""
_LIVING = ("running", "paused")


class Look(Generic[T]):
    """One look: `value` once it is there, or `error` in a line. `notes` are to be said beside it."""

    def __init__(self, work: Callable[[Look[T]], T]) -> None:
        self.cancel_switch = Cancel()
        self.value: T | None = None
        self.error = ""
        self.source = ""
        self.notes: tuple[str, ...] = ()
        self.as_of: datetime | None = None
        self._work = work
        self._over = threading.Event()
        threading.Thread(target=self._run, name="look", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._over.is_set()

    def cancel(self) -> None:
        """Give it up."""
        self.cancel_switch.set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long."""
        return self._over.wait(seconds)

    def _run(self) -> None:
        try:
            shield(self._look, self._break_off)
        except IrkitError as error:
            self.error = str(error)
        finally:
            self._over.set()

    def _look(self) -> None:
        self.value = self._work(self)
        self.as_of = datetime.now(UTC)

    def _break_off(self, error: Exception) -> None:
        known = isinstance(error, IrkitError)
        self.error = str(error) if known else f"a bug in irkit while it looked: {type(error).__name__}"


class LogLook(Look[None]):
    """A log as it is written: `take` gives what came since it was last asked, and how many lines were left out."""

    def __init__(self, work: Callable[[LogLook], None]) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[LogRecord] = deque()
        self._left_out = 0
        self.lines = 0
        super().__init__(lambda _: work(self))

    def keep(self, batch: Sequence[LogRecord]) -> None:
        """Take in what came; called on its own thread."""
        with self._lock:
            self.lines += len(batch)
            self._waiting.extend(batch[-PENDING:])
            self._left_out += max(0, len(batch) - PENDING)
            while len(self._waiting) > PENDING:
                self._waiting.popleft()
                self._left_out += 1

    def take(self, most: int = PENDING) -> tuple[list[LogLine], int]:
        """The newest lines, at most so many, and how many before them were left out of view."""
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
            left_out, self._left_out = self._left_out, 0
        cut = max(0, len(waiting) - most)
        lines = [log_line(one.stream, one.stamp, one.content) for one in list(waiting)[cut:]]
        return lines, left_out + cut


class Looks:
    """Looks through the hosts of a live list."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def processes(self, key: str) -> Look[list[Process]]:
        """Its processes as a tree: from the host's /proc where that can be read, else from the engine's list."""

        def work(look: Look[list[Process]]) -> list[Process]:
            target, container, deadline = self._reach(key, look)
            reason = target.why_no_files(deadline)
            if not reason:
                intake = self._apply(look, target, ReadProcesses(container), deadline, "processes/processes.jsonl")
                look.source = "/proc of the host"
                return processes_of(intake.content("processes/processes.jsonl"))
            intake = self._apply(look, target, ListProcesses(container), deadline, "processes.json")
            look.source = "the engine's list"
            look.notes = (*look.notes, f"the host's /proc cannot be read: {reason}")
            return processes_of_list(intake.content("processes.json"))

        return Look(work)

    def sockets(self, key: str) -> Look[list[Socket]]:
        """The sockets of its network namespaces, and who holds them."""
        return self._read(key, ReadSockets, "sockets/sockets.jsonl", sockets_of)

    def changes(self, key: str) -> Look[list[Change]]:
        """Which files were added, changed and deleted."""
        return self._read(key, Diff, "changes.json", changes_of)

    def raw(self, key: str) -> Look[Any]:
        """All that the engine knows of it, as JSON. Holds secrets."""
        return self._read(key, Inspect, "inspect.json", msgspec.json.decode)

    def stats(self, key: str) -> Look[Any]:
        """One sample of its use of CPU, memory and network, as the engine tells it."""
        return self._read(key, ReadStats, "stats.json", msgspec.json.decode)

    def logs(self, key: str, *, tail: int) -> LogLook:
        """Its log from the last `tail` lines on, for as long as it is looked at."""

        def work(look: LogLook) -> None:
            target, container, first = self._reach(key, look)
            facts = target.examine(container, first)
            deadline = self._live.deadline(_LONGEST, look.cancel_switch)
            for batch in target.follow_logs(container, deadline, tty=facts.tty, tail=tail):
                look.keep(batch)

        return LogLook(work)

    def _read(self, key: str, kind: Callable[[str], AnyOperation], path: str, parse: Callable[[bytes], T]) -> Look[T]:
        def work(look: Look[T]) -> T:
            target, container, deadline = self._reach(key, look)
            operation = kind(container)
            path_of = operation.file
            intake = self._apply(look, target, operation, deadline, path, path_of)
            try:
                return parse(intake.content(path) or intake.content(path_of))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
                raise TargetError("the answer has not the expected form", Refusal.GARBLED) from error

        return Look(work)

    def _reach(self, key: str, look: Look[Any]) -> tuple[HostTarget, str, Deadline]:
        host, _, container = key.partition("/")
        deadline = self._live.deadline(LOOK_SECONDS, look.cancel_switch)
        return self._live.target(host, deadline), container, deadline

    def _apply(
        self, look: Look[Any], target: HostTarget, operation: AnyOperation, deadline: Deadline, *wanted: str
    ) -> LookIntake:
        intake = LookIntake(*wanted)
        target.apply(operation, intake, deadline)
        look.notes = tuple(intake.warnings)
        return intake
