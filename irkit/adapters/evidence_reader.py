"""Stored evidence read back: the bytes as they came from the host, whatever is stored of them.

Whether they are still what was stored is `verify`'s concern.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

from irkit.adapters.storage import open_regular, storing
from irkit.adapters.zstd_frames import SUFFIX, UNREADABLE, open_frames
from irkit.core.errors import VerificationError


@contextlib.contextmanager
def open_stored(path: Path) -> Iterator[io.BufferedIOBase]:
    """The source bytes of an item. What is torn or no zstd raises VerificationError once it is reached."""
    with storing(path):
        file = os.fdopen(open_regular(path), "rb")
    with file:
        try:
            # Nothing at all is no frame, but it is what a full disk leaves.
            packed = path.suffix == SUFFIX and os.fstat(file.fileno()).st_size > 0
            yield open_frames(file) if packed else file
        except UNREADABLE as error:
            raise VerificationError(f"{path}: {error}") from error


def bounded_lines(file: io.BufferedIOBase, limit: int) -> Iterator[bytes | None]:
    """Its lines that are not empty, without LF; None for one of `limit` bytes or more, which is passed over."""
    while line := file.readline(limit):
        if len(line) == limit and not line.endswith(b"\n"):
            yield None
            while line and not line.endswith(b"\n"):
                line = file.readline(limit)
        elif line.strip():
            yield line.rstrip(b"\n")
