"""One look for a screen: work on a thread, into memory, that can be given up at any time and is polled.

What is looked at is in `looks` and `evidence_look`; how many go on at a time on a host is `look_pool`'s.
"""

from __future__ import annotations  # see the imports for types only, below

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from irkit.app.seen import LONGEST_LINE, LogLine, log_line
from irkit.core.errors import IrkitError
from irkit.engine.deadline import Cancel
from irkit.engine.unforeseen import shield

if TYPE_CHECKING:
    from irkit.adapters.log_stream import LogRecord

T = TypeVar("T")
Begin = Callable[[Callable[[], None]], Callable[[], None]]
"""What begins work on another thread; it gives back what takes the work out again where it has not begun yet."""
PENDING = 20_000
"""Log lines that wait for a screen at most: of a container that writes faster the oldest are left out, and counted."""
GIVEN_UP = "given up"


def on_own_thread(work: Callable[[], None]) -> Callable[[], None]:
    """Begin it at once, on a thread that keeps nobody from ending."""
    threading.Thread(target=work, name="look", daemon=True).start()
    return lambda: None


class Look(Generic[T]):
    """One look: `value` once it is there, or `error` in a line. `notes` are to be said beside it.

    `is_begun` tells one that is under way from one that waits for others on its host.
    """

    def __init__(self, work: Callable[[Look[T]], T], begin: Begin = on_own_thread) -> None:
        self.cancel_switch = Cancel()
        self.value: T | None = None
        self.error = ""
        self.source = ""
        self.notes: tuple[str, ...] = ()
        self.as_of: datetime | None = None
        self.is_begun = False
        self._work = work
        self._over = threading.Event()
        self._ending = threading.Lock()
        self._take_out = begin(self._run)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._over.is_set()

    def cancel(self) -> None:
        """Give it up: it is over at once, whatever its thread is held up by."""
        self._end(None, GIVEN_UP)
        self._take_out()
        self.cancel_switch.set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long."""
        return self._over.wait(seconds)

    def _run(self) -> None:
        self.is_begun = True
        if self.is_over:
            return
        try:
            shield(self._look, self._break_off)
        except IrkitError as error:
            self._end(None, str(error))

    def _look(self) -> None:
        self._end(self._work(self), "")

    def _break_off(self, error: Exception) -> None:
        known = isinstance(error, IrkitError)
        self._end(None, str(error) if known else f"a bug in irkit while it looked: {type(error).__name__}")

    def _end(self, value: T | None, error: str) -> None:
        """What comes after it is over is of no interest."""
        with self._ending:
            if not self._over.is_set():
                self.value, self.error, self.as_of = value, error, datetime.now(UTC)
                self._over.set()


class LogLook(Look[None]):
    """A log as it is written: `take` gives what came since it was last asked, and how many lines were left out."""

    def __init__(self, work: Callable[[LogLook], None]) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[LogRecord] = deque()
        self._left_out = 0
        self.lines = 0
        super().__init__(lambda _: work(self))

    def keep(self, batch: Sequence[LogRecord]) -> None:
        """Take in what came, of each record no more than is shown; called on its own thread."""
        short = [
            one if len(one.content) <= LONGEST_LINE else one._replace(content=one.content[: LONGEST_LINE + 1])
            for one in batch[-PENDING:]
        ]
        with self._lock:
            self.lines += len(batch)
            self._waiting.extend(short)
            self._left_out += len(batch) - len(short)
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
