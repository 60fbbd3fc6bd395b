"""Many small questions to one SFTP session, with many under way: what /proc is made of, at the cost of few round trips.

Nothing is looked at first: a small file is opened, read until its end is told and let go of.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from irkit.adapters import file_paths, sftp_messages
from irkit.adapters.sftp_calls import CLEAR, refusal_of, wire_path
from irkit.adapters.sftp_messages import Answer, Code, Request, StatusError
from irkit.adapters.sftp_session import MOST_IN_READ, SftpSession
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline

UNDER_WAY: Final = 200
"""Questions under way at once: each holds a handle, of which OpenSSH's server has about a thousand."""
_BATCH: Final = 32
"""Requests that are sent together, unless there is nothing else to wait for."""
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Question(Protocol[T_co]):
    """One question about a path, which may take several requests. `handle` is what it has open on the host."""

    handle: bytes | None

    def begin(self) -> Request:
        """The first request."""
        ...

    def go_on(self, answer: Answer) -> Request | None:
        """The next request, or None where all is known. Raises StatusError, TargetError."""
        ...

    def found(self) -> T_co:
        """What was found, once all is known."""
        ...


@dataclass
class LinkText:
    """Where a link points."""

    path: bytes
    handle: bytes | None = None
    text: bytes = b""

    def begin(self) -> Request:
        return sftp_messages.ask_link(self.path)

    def go_on(self, answer: Answer) -> None:
        self.text = sftp_messages.link_of(answer)

    def found(self) -> bytes:
        return self.text


@dataclass
class SmallFile:
    """A file from its start, up to `limit` bytes. Those of /proc come in parts: what says nothing is the end."""

    path: bytes
    limit: int
    handle: bytes | None = None
    pieces: list[memoryview] = field(default_factory=list)
    size: int = 0

    def begin(self) -> Request:
        return sftp_messages.open_file(self.path)

    def go_on(self, answer: Answer) -> Request | None:
        if self.handle is None:
            self.handle = sftp_messages.handle_of(answer)
        elif (piece := sftp_messages.data_of(answer, self._next())) is None:
            return None
        else:
            self.pieces.append(piece)
            self.size += len(piece)
        return sftp_messages.read(self.handle, self.size, self._next()) if self._next() else None

    def _next(self) -> int:
        return min(self.limit - self.size, MOST_IN_READ)

    def found(self) -> bytes:
        return b"".join(self.pieces)


@dataclass
class Names:
    """Up to `limit` names in a directory."""

    path: bytes
    limit: int
    handle: bytes | None = None
    names: list[bytes] = field(default_factory=list)

    def begin(self) -> Request:
        return sftp_messages.open_directory(self.path)

    def go_on(self, answer: Answer) -> Request | None:
        if self.handle is None:
            self.handle = sftp_messages.handle_of(answer)
        elif (some := sftp_messages.names_of(answer)) is None:
            return None
        else:
            self.names += [one.name for one in some if one.name not in (b".", b"..")]
        return sftp_messages.read_directory(self.handle) if len(self.names) < self.limit else None

    def found(self) -> Sequence[bytes]:
        return self.names[: self.limit]


@dataclass
class Presence:
    """Whether something is there still, of what a host could not read and has no word for why."""

    path: bytes
    handle: bytes | None = None
    is_there: bool = True

    def begin(self) -> Request:
        return sftp_messages.ask_facts(self.path)

    def go_on(self, answer: Answer) -> None:
        try:
            sftp_messages.facts_of(answer, b"/")
        except StatusError as error:
            self.is_there = error.code != Code.ABSENT

    def found(self) -> bool:
        return self.is_there


def ask_many(
    session: SftpSession, paths: Sequence[bytes], question: Callable[[bytes], Question[T]], deadline: Deadline
) -> list[T | TargetError]:
    """The answer to the same question about each path, or why there is none. Raises where the host cannot be asked."""
    return _Asking(session, question, deadline).answers(paths)


@dataclass
class _Asked(Generic[T]):
    """A question that is under way: about which path, and which place its answer has."""

    path: bytes
    place: int
    question: Question[T]


class _Asking(Generic[T]):
    """The questions under way, oldest first: a server answers in the order in which it was asked."""

    def __init__(self, session: SftpSession, question: Callable[[bytes], Question[T]], deadline: Deadline) -> None:
        self._session, self._question, self._deadline = session, question, deadline
        self._unsent: list[tuple[Request, _Asked[T] | None]] = []
        self._sent: deque[tuple[int, _Asked[T]]] = deque()
        self._found: dict[int, T | TargetError] = {}
        self._failed: dict[int, tuple[bytes, StatusError]] = {}
        self._active = 0

    def answers(self, paths: Sequence[bytes]) -> list[T | TargetError]:
        left = iter(enumerate(paths))
        try:
            while self._begin_more(left):
                if len(self._unsent) >= _BATCH or not self._sent:
                    self._send()
                if self._sent:
                    self._take_one()
            self._send()
        finally:
            self._session.forget(number for number, _ in self._sent)
        self._explain_failures()
        return [self._found[place] for place in range(len(paths))]

    def _begin_more(self, left: Iterator[tuple[int, bytes]]) -> bool:
        """Whether there is anything under way, or to be begun."""
        while self._active < UNDER_WAY:
            if (following := next(left, None)) is None:
                break
            place, path = following
            try:
                sent_path = wire_path(path)
            except TargetError as error:
                self._found[place] = error
                continue
            asked = _Asked(sent_path, place, self._question(sent_path))
            self._unsent.append((asked.question.begin(), asked))
            self._active += 1
        return self._active > 0

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        numbers = self._session.send_all([request for request, _ in unsent], self._deadline)
        unwanted = [number for number, (_, asked) in zip(numbers, unsent, strict=True) if asked is None]
        self._sent.extend((number, asked) for number, (_, asked) in zip(numbers, unsent, strict=True) if asked)
        self._session.forget(unwanted)

    def _take_one(self) -> None:
        self._deadline.remaining()
        number, asked = self._sent.popleft()
        answer = self._session.answer(number, self._deadline)
        try:
            request = asked.question.go_on(answer)
        except StatusError as error:
            self._failed[asked.place] = (asked.path, error)
            self._let_go(asked)
        else:
            if request is None:
                self._end(asked, asked.question.found())
            else:
                self._unsent.append((request, asked))

    def _explain_failures(self) -> None:
        """What could not be read: a process whose files these were may have ended, which has no code of its own."""
        unclear = [path for path, error in self._failed.values() if error.code not in CLEAR]
        answers = _Asking(self._session, Presence, self._deadline).answers(unclear) if unclear else []
        there = dict(zip(unclear, answers, strict=True))
        for place, (path, error) in self._failed.items():
            self._found[place] = refusal_of(path, error) if there.get(path, True) else file_paths.absent(path)

    def _end(self, asked: _Asked[T], found: T) -> None:
        self._found[asked.place] = found
        self._let_go(asked)

    def _let_go(self, asked: _Asked[T]) -> None:
        self._active -= 1
        if asked.question.handle is not None:
            self._unsent.append((sftp_messages.close(asked.question.handle), None))
