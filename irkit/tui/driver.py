"""The terminal itself: written to, stopped, continued and given back, whatever becomes of it meanwhile.

Textual's own driver would wait for ever for a terminal that takes nothing, end its thread that writes at the first
error, and take a SIGCONT that follows no SIGTSTP for a start from nothing, after which it cannot restore what was.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import queue
import select
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Final, cast

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from types import FrameType

PATIENCE: Final = 1.0
"""Seconds for which a terminal that takes nothing is waited for, once irkit is to end."""
_SLICE: Final = 0.2
_AT_ONCE: Final = 4096


class SteadyOutput(io.TextIOBase):
    """What is written to the terminal; once it is lost, nothing more is, and nobody fails for it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending: list[str] = []
        self.is_lost = False

    def fileno(self) -> int:
        """The terminal's."""
        return self._descriptor

    def isatty(self) -> bool:
        """It is one."""
        return True

    def write(self, text: str, /) -> int:
        """Keep it for the next flush."""
        self._pending.append(text)
        return len(text)

    def flush(self) -> None:
        """Write what was kept, past Python's own buffers: their locks would be held by whoever waits here."""
        text, self._pending = "".join(self._pending), []
        data = text.encode("utf-8", "replace")
        while data and not self.is_lost:
            try:
                data = data[os.write(self._descriptor, data[:_AT_ONCE]) :]
            except OSError:
                self.is_lost = True


class SteadyDriver(LinuxDriver):
    """Gives the terminal back as it was, or gives it up where it is gone or takes nothing any more."""

    is_to_end = False
    """Whether irkit was told to end: from then on it waits for the terminal only so long."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._output = SteadyOutput(self._file.fileno() if self._file else 2)
        self._file = self._output  # type: ignore[assignment]
        self._loop = asyncio.get_running_loop()
        self._was_continued, self._is_stopped = threading.Event(), False
        self._hang_up = select.poll()
        self._hang_up.register(self.fileno, 0)  # what is always told: a hang-up, an error

    @property
    def is_lost(self) -> bool:
        """Whether the terminal is gone."""
        return self._output.is_lost or bool(self._hang_up.poll(0))

    def _get_terminal_size(self) -> tuple[int, int]:
        """As it is: COLUMNS and LINES of the environment say how it was once."""
        with contextlib.suppress(OSError):
            width, height = os.get_terminal_size(self.fileno)
            if width and height:
                return width, height
        return super()._get_terminal_size()

    def write(self, data: str) -> None:
        """Have it written. What a lost terminal is sent goes nowhere."""
        begun = time.monotonic()
        waiting = _queue_of(self._writer_thread)
        while waiting is not None and not self._output.is_lost:
            try:
                waiting.put(data, timeout=_SLICE)
            except queue.Full:
                self._output.is_lost = self.is_to_end and time.monotonic() - begun > PATIENCE
            else:
                return

    def run_input_thread(self) -> None:
        """Until the terminal is given back, or cannot be read."""
        with contextlib.suppress(OSError):  # the app looks after that: `is_lost`
            super().run_input_thread()

    def close(self) -> None:
        """End the thread that writes, without waiting for a terminal that takes nothing."""
        thread, self._writer_thread = self._writer_thread, None
        waiting = _queue_of(thread)
        if thread is not None and waiting is not None:
            with contextlib.suppress(queue.Full):
                waiting.put(None, timeout=PATIENCE)
            thread.join(PATIENCE)
            self._output.is_lost = thread.is_alive()

    # Stopped and continued -------------------------------------------------------------------------------------------

    def _sigtstp_application(self, *_: int | FrameType | None) -> None:
        if self._auto_restart:
            self._loop.call_soon_threadsafe(self._stop)
        else:  # the terminal is not ours just now: somebody is asked on it
            os.kill(os.getpid(), signal.SIGSTOP)

    def _sigcont_application(self, *_: int | FrameType | None) -> None:
        self._was_continued.set()
        if self._auto_restart and not self._is_stopped:
            self._loop.call_soon_threadsafe(self._take_again)

    def _stop(self) -> None:
        """Give the terminal back, stop, and take it again when that is over. Called by the event loop."""
        self._is_stopped = True
        self._was_continued.clear()
        self.suspend_application_mode()
        os.kill(os.getpid(), signal.SIGSTOP)
        while not self._was_continued.wait(_SLICE):
            pass
        self._is_stopped = False
        self.resume_application_mode()
        self._app.refresh(layout=True)

    def _take_again(self) -> None:
        """Draw anew: somebody else may have written there, where SIGSTOP gave us no time to leave it."""
        if self._writer_thread is not None and not self.is_lost:
            self.suspend_application_mode()
            self.resume_application_mode()
            self._app.refresh(layout=True)


def _queue_of(thread: threading.Thread | None) -> queue.Queue[str | None] | None:
    """What a thread that writes waits for; Textual is pinned (docs/adr/0025)."""
    return cast("queue.Queue[str | None] | None", getattr(thread, "_queue", None))
