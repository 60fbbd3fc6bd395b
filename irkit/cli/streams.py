"""Standard output and error as what they may be: a terminal without Unicode, a pipe whose reader went, a full disk."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO


def prepare() -> None:
    """Have what a terminal cannot show written as an escape: that is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def forget(*streams: TextIO | None) -> None:
    """Have what is still to be written go nowhere: Python would try it once more at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in filter(None, streams):
        with contextlib.suppress(OSError, ValueError):  # closed already, or a test's own
            os.dup2(nowhere, stream.fileno())


@contextlib.contextmanager
def read_or_not() -> Iterator[None]:
    """Output that changes nothing about how irkit ends: what it tells of has happened, and is in the bundle."""
    try:
        yield
    except OSError:
        forget(sys.stdout)
