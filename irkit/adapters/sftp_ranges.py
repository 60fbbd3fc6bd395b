"""Ranges of one file read over SFTP, with many requests under way, whatever some of them come to.

For what is not one file from end to end: a process's memory, in which there are holes, and files with gaps.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from irkit.adapters import sftp_messages
from irkit.adapters.file_paths import ENDED, next_try
from irkit.adapters.sftp_messages import StatusError
from irkit.adapters.sftp_session import SftpSession
from irkit.core.ports import Deadline, Part

AHEAD: Final = 32
"""Requests for one file that are under way at most: 8 MiB."""
_NOTHING: Final = memoryview(b"")


class _Asked(NamedTuple):
    number: int
    offset: int
    size: int


class RangeReading:
    """One file that is read in ranges. Parts come in the order in which they were asked for."""

    def __init__(self, session: SftpSession, handle: bytes, deadline: Deadline) -> None:
        self._session, self._handle, self._deadline = session, handle, deadline
        self._asked: deque[_Asked] = deque()
        self._failed = 0

    def parts(self, ranges: Iterable[tuple[int, int]]) -> Iterator[Part]:
        """All of them. Raises TargetError where the host cannot be asked."""
        wanted = self._pieces(ranges)
        try:
            while self._ask_ahead(wanted):
                self._deadline.remaining()
                asked = self._asked.popleft()
                yield self._part(asked)
        finally:
            self._session.forget(one.number for one in self._asked)

    def _pieces(self, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        for begin, size in ranges:
            offset, end = begin, begin + size
            while offset < end:
                count = min(self._session.piece, end - offset)
                yield offset, count
                offset += count

    def _ask_ahead(self, wanted: Iterator[tuple[int, int]]) -> bool:
        while len(self._asked) < AHEAD and (piece := next(wanted, None)):
            self._asked.append(self._ask(*piece))
        return bool(self._asked)

    def _part(self, asked: _Asked) -> Part:
        """What came of a request; what it left out is asked for before all that follows."""
        after = asked.offset + asked.size
        try:
            data = sftp_messages.data_of(self._session.answer(asked.number, self._deadline), asked.size)
            why = ENDED
        except StatusError as error:
            data, why = None, f"the host says {error.text or f'status {error.code}'}"
        if data is not None:
            self._failed = 0
            self._ask_rest(asked, asked.offset + len(data))
            return Part(asked.offset, data)
        self._failed += 1
        if why != ENDED:
            after = min(after, next_try(asked.offset, self._failed))
            self._ask_rest(asked, after)
        return Part(asked.offset, _NOTHING, after - asked.offset, why)

    def _ask_rest(self, asked: _Asked, begin: int) -> None:
        if begin < asked.offset + asked.size:
            self._asked.appendleft(self._ask(begin, asked.offset + asked.size - begin))

    def _ask(self, offset: int, size: int) -> _Asked:
        number = self._session.send(sftp_messages.read(self._handle, offset, size), self._deadline)
        return _Asked(number, offset, size)
