"""Follows a host's engine events on a thread of its own, and takes them up again after a loss where they ended."""

import threading
from collections.abc import Callable

from irkit.core.engine_event import EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Target
from irkit.engine.bench import LONGEST
from irkit.engine.deadline import OperationDeadline
from irkit.engine.hold_desk import Desk
from irkit.engine.unforeseen import reason_of, shield

_PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each further try to follow; the last one for all that come after."""
_LASTS = 5.0
"""Seconds after which a watch counts as one that works: what ends sooner is tried again after growing pauses."""
_NOT_YET = float("inf")


class Follower:
    """One watch of one host. `told` is called with each event, and with what ended a try and how many failed in a row.

    It is called on the follower's thread, and must not wait.
    """

    def __init__(self, desk: Desk, target: Target, told: Callable[[EngineEvent | TargetError, int], None]) -> None:
        self._desk, self._target, self._told = desk, target, told
        self._stop = threading.Event()
        self._failures = 0
        self._since = ""
        self._began = _NOT_YET
        self._thread = threading.Thread(target=self._follow, name=f"watch {target.host.name}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End: the hold's switch must be set already. Waits for the thread."""
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._desk.is_ending:
            self._began = _NOT_YET
            error = shield(self._watch, self._break_off)
            if self._desk.bench.clock.monotonic() - self._began >= _LASTS:
                self._failures = 0
            if not self._desk.is_ending:
                self._told(error, self._failures)
            self._stop.wait(_PAUSES[min(self._failures, len(_PAUSES) - 1)])
            self._failures += 1

    def _watch(self) -> TargetError:
        """Tell of all that comes; what ended it."""
        deadline = OperationDeadline(self._desk.bench.clock, LONGEST, LONGEST, self._desk.ending)
        try:
            for event in self._target.watch(self._since, deadline):
                if self._began == _NOT_YET:
                    self._began = self._desk.bench.clock.monotonic()
                self._since = event.at
                self._told(event, 0)
        except TargetError as error:
            return error
        return TargetError("the engine ended its events", Refusal.LOST)

    def _break_off(self, error: Exception) -> TargetError:
        self._desk.tell_bug(error, "follow the events of its engine", self._target.host.name)
        return TargetError(reason_of(error), Refusal.GARBLED)
