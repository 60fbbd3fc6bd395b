"""So that no test with threads can hang: it fails with the stacks of all threads, and pytest still ends."""

import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
HUNG: list[str] = []
"""What did not come back; the process must then be ended by force, as its threads would keep it."""


def within(seconds: float, function: Callable[[], T]) -> T:
    """What the function returns or raises; an AssertionError where it is not back in time."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
    stacks = "\n".join("".join(traceback.format_stack(frame)) for frame in sys._current_frames().values())
    HUNG.append(stacks)
    raise AssertionError(f"it is not back after {seconds:g} s:\n{stacks}")
