"""Asking for a secret on the terminal: not shown while it is typed, and never an argument, a file or a variable."""

import atexit
import contextlib
import os
import termios
import threading
from collections.abc import Iterator
from typing import Any

_TERMINAL = "/dev/tty"
_LONGEST = 4096
_LOCAL_MODES = 3


class TerminalAsk:
    """Asks on the terminal that irkit was started from, whatever its input and output are. One question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: tuple[int, list[Any]] | None = None
        atexit.register(self._put_back)

    def __call__(self, prompt: str) -> str | None:
        """What was typed; None where there is no terminal, or nothing was typed. The prompt must be safe to show."""
        with self._lock:
            try:
                terminal = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            except OSError:
                return None
            try:
                with self._unseen(terminal):
                    os.write(terminal, prompt.encode("utf-8", "replace"))
                    return _read_line(terminal)
            except (OSError, termios.error):
                return None
            finally:
                os.close(terminal)

    @contextlib.contextmanager
    def _unseen(self, terminal: int) -> Iterator[None]:
        """Have the terminal show nothing of what is typed, until the context ends or irkit does."""
        modes = termios.tcgetattr(terminal)
        self._before = terminal, list(modes)
        modes[_LOCAL_MODES] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSAFLUSH, modes)
        try:
            yield
        finally:
            self._put_back()

    def _put_back(self) -> None:
        """An interrupt ends irkit and not the thread that asks: the terminal must not stay mute."""
        before, self._before = self._before, None
        if before is not None:
            terminal, modes = before
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(terminal, termios.TCSADRAIN, modes)
                os.write(terminal, b"\n")


def _read_line(terminal: int) -> str | None:
    typed = b""
    while not typed.endswith(b"\n") and len(typed) < _LONGEST:
        piece = os.read(terminal, _LONGEST)
        if not piece:
            break
        typed += piece
    return typed.rstrip(b"\r\n").decode("utf-8", "replace") or None


def terminal_ask(*, wanted: bool) -> TerminalAsk | None:
    """How to ask, where somebody sits at the terminal, or it is `wanted` all the same."""
    return TerminalAsk() if wanted or (os.isatty(0) and os.isatty(2)) else None
