"""`irkit`, and `python -m irkit`: the one place that knows both front ends."""

import contextlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from irkit.cli import main as run_verbs

if TYPE_CHECKING:
    from irkit.app import Setting
    from irkit.app.opened import Opened


def main() -> None:
    """The verbs, and without one the terminal interface."""
    try:
        run_verbs(_open_terminal)
    except SystemExit as end:
        if "irkit.tui.start" in sys.modules:
            _leave(end.code)
        raise


def _open_terminal(setting: "Setting", opened: "Opened") -> int:
    from irkit.tui.start import open_terminal

    return open_terminal(setting, opened)


def _leave(status: object) -> NoReturn:
    """End at once, with runs sealed and the terminal given back: threads that wait for hosts are not waited for.

    Python's own end would stop them where they stand; within code that is not Python's that is an abort, with a core.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    main()
