"""Sorting more than memory holds: parts are sorted and put aside in files, then merged."""

import contextlib
import heapq
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from irkit.adapters.storage import storing

_HELD: Final = 16 << 20
"""Bytes of lines that are held in memory at a time; Python needs about three times as much for them."""
_FILES: Final = 64
_SHIFT: Final = 1 << 63
_PLACES: Final = 20


def sorted_lines(lines: Iterable[tuple[int, bytes]], folder: Path, held: int = _HELD) -> Iterator[bytes]:
    """The lines (none holds an LF) by their numbers, equal ones in the order they came. Raises StorageError.

    What does not fit into `held` bytes goes to a private folder below `folder`, which is gone at the end.
    """
    with contextlib.ExitStack() as stack:
        aside = _Aside(folder, stack)
        part: list[bytes] = []
        size = 0
        for number, line in lines:
            part.append(b"%0*d %s\n" % (_PLACES, _within(number) + _SHIFT, line))
            size += len(line) + _PLACES
            if size >= held:
                aside.put(_in_order(part))
                part, size = [], 0
        rest = _in_order(part)
        merged = heapq.merge(*aside.files(), rest, key=_number) if aside.names else iter(rest)
        for line in merged:
            yield line[_PLACES + 1 : -1]


def _within(number: int) -> int:
    return max(min(number, _SHIFT - 1), -_SHIFT)


def _number(line: bytes) -> bytes:
    return line[:_PLACES]


def _in_order(part: list[bytes]) -> list[bytes]:
    part.sort(key=_number)
    return part


class _Aside:
    """Sorted parts in files, never more than can be open at once."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._place: Path | None = None
        self._made = 0
        self.names: list[Path] = []

    def put(self, lines: Iterable[bytes]) -> None:
        """Another part, later than all before; where there are many, they become one."""
        self.names.append(self._write(lines))
        if len(self.names) >= _FILES:
            with contextlib.ExitStack() as opened:
                merged = heapq.merge(*(self._open(name, opened) for name in self.names), key=_number)
                whole = self._write(merged)
            for name in self.names:
                name.unlink()
            self.names = [whole]

    def files(self) -> list[IO[bytes]]:
        """All parts, to be read."""
        return [self._open(name, self._stack) for name in self.names]

    def _write(self, lines: Iterable[bytes]) -> Path:
        with storing(self._folder):
            if self._place is None:
                made = tempfile.TemporaryDirectory(prefix=".irkit-timeline-", dir=self._folder)
                self._place = Path(self._stack.enter_context(made))
            self._made += 1
            path = self._place / str(self._made)
            with path.open("xb") as file:
                file.writelines(lines)
            return path

    def _open(self, name: Path, stack: contextlib.ExitStack) -> IO[bytes]:
        with storing(name):
            return stack.enter_context(name.open("rb"))
