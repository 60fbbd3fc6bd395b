"""Files, links and folders that the kernel makes (/proc, /sys), read with as few calls as there can be.

It is not looked at first what they are, and the kernel walks to them: nothing for what somebody hostile can put in
their place. Raises OSError for what cannot be read, TargetError for what is no path.
"""

import itertools
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from irkit.adapters.file_paths import split_path

_PIECE: Final = 64 * 1024
# Non-blocking, as some files of /proc wait for news.
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_ONCE: Final = frozenset(
    (b"stat", b"status", b"cgroup", b"limits", b"io", b"comm", b"loginuid", b"sessionid", b"oom_score_adj", b"auxv")
)
"""Files of /proc/PID that the kernel gives whole in one piece, where there is room for it."""
_OF_PROC: Final = b"/proc/"
_FEW: Final = 3
"""Paths below one folder from which on it is worth to hold that."""


class Nearby:
    """Many paths, to be gone through in order: what several in a row have in common (/proc/PID) is walked to once."""

    def __init__(self, root: int, paths: Sequence[bytes]) -> None:
        self._root, self._paths = root, paths
        self._at, self._prefix, self._folder = 0, b"", -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def read_file(self, path: bytes, limit: int) -> bytes:
        """The file that is next. Raises OSError."""
        folder, name = self._next(path)
        return _read(folder, name, limit)

    def read_link(self, path: bytes) -> bytes:
        """Where the link points that is next. Raises OSError."""
        folder, name = self._next(path)
        return os.readlink(name, dir_fd=folder)

    def _next(self, path: bytes) -> tuple[int, bytes]:
        self._at += 1
        if self._folder >= 0:
            if path.startswith(self._prefix) and b".." not in path and b"\0" not in path:
                return self._folder, path[len(self._prefix) :]
            self._let_go()
        end = path.find(b"/", len(_OF_PROC)) + 1
        last = self._at + _FEW - 2
        if end and last < len(self._paths) and path.startswith(_OF_PROC) and b".." not in path and b"\0" not in path:
            prefix = path[:end]
            if self._paths[last].startswith(prefix):
                self._folder = os.open(prefix[1:], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._root)
                self._prefix = prefix
                return self._folder, path[end:]
        return self._root, _below(path)

    def _let_go(self) -> None:
        folder, self._folder = self._folder, -1
        if folder >= 0:
            os.close(folder)


def read_file(root: int, path: bytes, limit: int) -> bytes:
    """A file below the folder that `root` stands for, up to `limit` bytes."""
    return _read(root, _below(path), limit)


def _read(folder: int, name: bytes, limit: int) -> bytes:
    file = os.open(name, _FLAGS, dir_fd=folder)
    try:
        first = os.read(file, min(limit, _PIECE))
        if len(first) < min(limit, _PIECE) and (name in _AT_ONCE or name.startswith(b"fdinfo/")):
            return first
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
