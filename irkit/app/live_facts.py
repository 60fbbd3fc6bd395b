"""Fetches the facts of one host's containers, a few at once, as long as `live_rows` names any and the host answers."""

from __future__ import annotations  # see the imports for types only, below

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from irkit.core.errors import Refusal, TargetError
from irkit.core.text import safe
from irkit.engine.unforeseen import shield

if TYPE_CHECKING:
    from irkit.app.live_rows import HostRows
    from irkit.app.reach import HostTarget
    from irkit.core.ports import Clock, Deadline

REASON = 500
"""Characters of a reason that are kept."""
_HOST_LOST = (Refusal.UNREACHABLE, Refusal.LOST)
_PATIENCE = 2
"""Times in a row that a container is tried again which was gone, or whose host was lost, when it was to be examined."""


class LiveFacts:
    """The fetching of one host, by `most` threads at once. `poke` has the host listed soon."""

    def __init__(
        self,
        name: str,
        rows: HostRows,
        deadline: Callable[[], Deadline],
        clock: Clock,
        most: int,
        poke: Callable[[], None],
    ) -> None:
        self._name, self._rows, self._deadline, self._clock = name, rows, deadline, clock
        self._most, self._poke = most, poke
        self._lock = threading.Lock()
        self._threads = 0
        self._may_go_on = False

    def fetch(self, target: HostTarget) -> None:
        """Have fetched what is ready to be. Waits for nothing."""
        with self._lock:
            self._may_go_on = True
            count = max(0, min(self._most, self._rows.ready) - self._threads)
            self._threads += count
        for _ in range(count):
            threading.Thread(target=self._work, args=(target,), name=f"facts of {self._name}", daemon=True).start()

    def hold(self) -> None:
        """Begin with no more of them until `fetch` is called again."""
        with self._lock:
            self._may_go_on = False

    def _work(self, target: HostTarget) -> None:
        while (container := self._next()) is not None:
            self._fetch_one(target, container)

    def _next(self) -> str | None:
        """What this thread does next; None where it is to end, which is counted as soon as it is so."""
        with self._lock:
            found = self._rows.next_to_fetch() if self._may_go_on else None
            self._threads -= found is None
            return found

    def _fetch_one(self, target: HostTarget, container: str) -> None:
        def broke_off(error: Exception) -> None:
            self._rows.fail(container, bug_text(error), self._clock.monotonic())

        shield(lambda: self._examine(target, container), broke_off)

    def _examine(self, target: HostTarget, container: str) -> None:
        try:
            facts = target.examine(container, self._deadline())
        except TargetError as error:
            self._failed(container, error)
        else:
            self._rows.succeed(container, facts)

    def _failed(self, container: str, error: TargetError) -> None:
        """One that is gone, or whose host is lost, is for the next list to show; what else fails is its own problem."""
        is_late = error.kind in (Refusal.ABSENT, Refusal.CANCELLED, *_HOST_LOST)
        self._rows.fail(container, safe(error.reason, REASON), self._clock.monotonic(), patience=_PATIENCE * is_late)
        if error.kind in _HOST_LOST:
            self.hold()
        if is_late:
            self._poke()


def bug_text(error: Exception) -> str:
    """A failure that nobody foresaw; what the exception says of itself may be foreign, or a secret."""
    return f"a bug in irkit ({type(error).__name__})"
