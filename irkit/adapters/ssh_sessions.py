"""How many commands run at once over one connection: as many as its host allows, which shows when it refuses one."""

import threading
import time
from typing import Final

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

_STEP: Final = 0.1
_SETTLE: Final = 3.0
"""Seconds in which a host has noticed that a session was ended."""
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4)


class Sessions:
    """Places for sessions. A host that refused one is not asked for as many again, as each refusal is in its log."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._open = 0
        self._most = 1 << 16
        self._freed_at = -_SETTLE
        self._refusals = 0

    def take(self, deadline: Deadline) -> None:
        """Wait for a place. Raises TargetError."""
        with self._changed:
            while self._open >= self._most:
                self._changed.wait(min(_STEP, self._seconds(deadline)))
            self._open += 1

    def _seconds(self, deadline: Deadline) -> float:
        try:
            return deadline.remaining()
        except TargetError as error:
            if error.kind is not Refusal.TIMEOUT:
                raise
            reason = f"the host lets {self._most} commands run at once, and those of irkit took too long"
            raise TargetError(reason, error.kind) from error

    def give_back(self) -> None:
        """A session has ended."""
        with self._changed:
            self._open -= 1
            self._freed_at = time.monotonic()
            self._changed.notify()

    def was_granted(self) -> None:
        """The host had room for one."""
        self._refusals = 0

    def was_refused(self) -> float | None:
        """The place is of no use now. Seconds after which another attempt has sense, None where none has."""
        with self._changed:
            self._open -= 1
            self._changed.notify()
            self._refusals += 1
            if self._open:
                self._most = self._open
            elif time.monotonic() - self._freed_at > _SETTLE:
                return None
            return _PAUSES[min(self._refusals, len(_PAUSES)) - 1]
