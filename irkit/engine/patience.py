"""Waits for a call no longer than its deadline and a grace: one that never comes back must not keep a run.

Whoever is called keeps to the deadline by itself wherever it can; a call of the kernel's that never returns (a file
system whose server is hostile) cannot be ended. Its thread is given up then: it holds what it holds until it ends.
"""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

_T = TypeVar("_T")
GRACE = 30.0
"""Seconds that a call has to come back once its time is up, or the run was told to stop.

Evidence that it has taken in may have to reach a slow disk in that time."""
_LOOK: Final = 0.5


class _Call(Generic[_T]):
    def __init__(self, call: Callable[[], _T]) -> None:
        self._call = call
        self._result: list[_T] = []
        self._error: BaseException | None = None
        self.has_ended = threading.Event()

    def run(self) -> None:
        try:
            self._result.append(self._call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the call is waited for
            self._error = error
        finally:
            self.has_ended.set()

    def result(self) -> _T:
        if self._error is not None:
            raise self._error
        return self._result[0]


def wait_for(call: Callable[[], _T], deadline: Deadline) -> _T:
    """What the call gives or raises. Raises TargetError where it does not come back: of kind timeout, or cancelled."""
    one = _Call(call)
    threading.Thread(target=one.run, name=threading.current_thread().name, daemon=True).start()
    while not one.has_ended.wait(_LOOK):
        try:
            deadline.remaining()
        except TargetError as error:
            if one.has_ended.wait(GRACE):
                break
            reason = f"{error.reason}, and it does not come back: its thread was given up"
            raise TargetError(reason, error.kind or Refusal.TIMEOUT) from error
    return one.result()
