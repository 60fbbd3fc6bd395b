"""The ways to read a process's memory: as ranges of a file, or what is large of it by the host's own `dd`, as root."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from irkit.adapters.host_side import HostSide, check_is_answer
from irkit.adapters.process_memory import Read
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, Part

LARGE: Final = 4 << 20
"""Bytes from which starting a command costs less than it saves."""
_PIECE: Final = 1 << 20
_AT_ONCE: Final = 1 << 30
"""Bytes that one command is to read at most."""


def by_file(side: HostSide, pid: int, deadline: Deadline) -> Read:
    """Ranges of /proc/PID/mem."""
    return partial(side.files.read_ranges, b"/proc/%d/mem" % pid, deadline=deadline)


def by_command(side: HostSide, pid: int, deadline: Deadline) -> Read:
    """The same, what is large of it as the output of a command."""
    return _Commanded(side, pid, deadline).read


class _Commanded:
    def __init__(self, side: HostSide, pid: int, deadline: Deadline) -> None:
        self._side, self._pid, self._deadline = side, pid, deadline
        self._by_file = by_file(side, pid, deadline)

    def read(self, ranges: Iterable[tuple[int, int]]) -> Iterator[Part]:
        """All ranges in order; small ones that follow one another are read together."""
        small: list[tuple[int, int]] = []
        for begin, size in _joined(ranges):
            if size < LARGE:
                small.append((begin, size))
                continue
            yield from self._small(small)
            small = []
            yield from self._large(begin, size)
        yield from self._small(small)

    def _small(self, ranges: list[tuple[int, int]]) -> Iterator[Part]:
        return self._by_file(ranges) if ranges else iter(())

    def _large(self, begin: int, size: int) -> Iterator[Part]:
        """One large range; what the command does not give of it is read as a file is, which tells why."""
        at, end = begin, begin + size
        for data in self._gathered(self._words(begin, size), size):
            yield Part(at, data)
            at += len(data)
        if at < end:
            yield from self._by_file([(at, end - at)])

    def _gathered(self, words: tuple[str, ...], size: int) -> Iterator[memoryview]:
        """What the command prints, at most so many bytes, in large pieces: small ones cost as much each."""
        buffer, filled, left = memoryview(bytearray(_PIECE)), 0, size
        try:
            for piece in self._side.commands.stream(words, self._deadline):
                rest = piece[:left]
                left -= len(rest)
                while rest:
                    count = min(len(rest), _PIECE - filled)
                    buffer[filled : filled + count] = rest[:count]
                    filled, rest = filled + count, rest[count:]
                    if filled == _PIECE:
                        yield buffer
                        filled = 0
        except TargetError as error:
            check_is_answer(error)
        if filled:
            yield buffer[:filled]

    def _words(self, begin: int, size: int) -> tuple[str, ...]:
        flags = tuple(f"iflag={one}" for one in ("skip_bytes", "count_bytes", "fullblock"))
        return (
            "dd",
            f"if=/proc/{self._pid}/mem",
            "bs=1048576",
            *flags,
            f"skip={begin}",
            f"count={size}",
            "status=none",
        )


def _joined(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ranges that follow one another as one."""
    begin = size = 0
    for at, count in ranges:
        if size and begin + size == at and size + count <= _AT_ONCE:
            size += count
            continue
        if size:
            yield begin, size
        begin, size = at, count
    if size:
        yield begin, size
