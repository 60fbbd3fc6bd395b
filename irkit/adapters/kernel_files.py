"""Files, links and folders that the kernel makes (/proc, /sys), read with as few calls as there can be.

It is not looked at first what they are, and the kernel walks to them: nothing for what somebody hostile can put in
their place. Raises OSError for what cannot be read, TargetError for what is no path.
"""

import itertools
import os
from typing import Final

from irkit.adapters.file_paths import split_path

_PIECE: Final = 64 * 1024
# Non-blocking, as some files of /proc wait for news.
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC


def read_file(root: int, path: bytes, limit: int) -> bytes:
    """A file below the folder that `root` stands for, up to `limit` bytes."""
    file = os.open(_below(path), _FLAGS, dir_fd=root)
    try:
        first = os.read(file, min(limit, _PIECE))
        second = os.read(file, min(limit - len(first), _PIECE)) if first else b""
        if not second:
            return first
        pieces = [first, second]
        left = limit - len(first) - len(second)
        while left > 0 and (piece := os.read(file, min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(file)


def read_link(root: int, path: bytes) -> bytes:
    """Where a link points."""
    return os.readlink(_below(path), dir_fd=root)


def read_names(root: int, path: bytes, limit: int) -> list[bytes]:
    """Up to `limit` names in a folder."""
    folder = os.open(_below(path), _FLAGS | os.O_DIRECTORY, dir_fd=root)
    try:
        with os.scandir(folder) as entries:
            return [os.fsencode(entry.name) for entry in itertools.islice(entries, limit)]
    finally:
        os.close(folder)


def _below(path: bytes) -> bytes:
    """The path as seen from the root; what may be no path is looked at in full."""
    if path[:6] == b"/proc/" and b".." not in path and b"\0" not in path:
        return path[1:]
    return b"/".join(split_path(path)) or b"."
