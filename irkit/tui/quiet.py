"""What would write on the terminal beside the screens, kept off it: logging, warnings, threads that end in a bug.

It goes to a file, as one line each and with nothing in it that a terminal could obey.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import sys
import threading
from typing import TYPE_CHECKING, Final

from irkit.cli.report import write_report
from irkit.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_BYTES: Final = 1 << 20
_LOG: Final = logging.getLogger("irkit.tui")


class _OneLine(logging.Formatter):
    """The time, who says it, and what; of an exception its kind alone, as what it says may be a secret."""

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0] if record.exc_info else None
        raised = f" ({kind.__name__})" if kind is not None else ""
        return safe(f"{self.formatTime(record)} {record.name}: {record.getMessage()}{raised}", 2000)


@contextlib.contextmanager
def kept_off_the_terminal(tell: Callable[[str], None]) -> Iterator[None]:
    """As long as the context lasts; `tell` is given a line for what is to be known of it."""

    def bug_in_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and not isinstance(given.exc_value, SystemExit):
            report(given.exc_value)

    def bug_in_passing(given: sys.UnraisableHookArgs) -> None:
        if given.exc_value is not None:
            report(given.exc_value)

    def report(error: BaseException) -> None:
        line = f"a bug: {type(error).__name__}; a report to send is at {write_report(error)}"
        _LOG.error("%s", line)
        tell(f"note: {line}")

    root, log = logging.getLogger(), _log()
    handlers, hooks = root.handlers[:], (threading.excepthook, sys.unraisablehook)
    root.handlers[:] = [log]
    logging.captureWarnings(True)
    threading.excepthook, sys.unraisablehook = bug_in_thread, bug_in_passing
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        log.close()


def _log() -> logging.Handler:
    """The file that it goes to, made when there is something to write; nowhere, where there can be none."""
    handler: logging.Handler = logging.NullHandler()
    with contextlib.suppress(ImportError, RuntimeError, OSError):
        from platformdirs import user_log_path

        folder = user_log_path("irkit")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = _Kept(folder / "terminal.log", maxBytes=_MOST_BYTES, backupCount=1, encoding="utf-8", delay=True)
        handler.setFormatter(_OneLine())
    return handler


class _Kept(logging.handlers.RotatingFileHandler):
    """A file; where it cannot be written, that is said nowhere."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as logging calls it
        del record
