"""What is asked of an SFTP session about one path, and in what order: look, open, read ahead, let go.

Sessions are begun and repeated by `sftp_files`. A request for what is no path never gets here.
"""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from irkit.adapters import file_paths, sftp_messages
from irkit.adapters.file_paths import MOST_ENTRIES, show, split_path
from irkit.adapters.sftp_messages import Answer, Code, Request, StatusError
from irkit.adapters.sftp_ranges import RangeReading
from irkit.adapters.sftp_session import SftpSession
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, Part
from irkit.core.text import safe

CLEAR: Final = (Code.ABSENT, Code.DENIED, Code.UNSUPPORTED)
"""What a server may say of a failure that tells why."""
AHEAD: Final = 32
"""Requests for one file that are under way at most, so that a round trip costs little: 8 MiB."""
_LEAST_PIECE: Final = 32 * 1024
"""Bytes that every server gives at once, if there are as many."""
_NAMES_AHEAD: Final = 8
_LONGEST: Final = 4095
"""Bytes of a path that can be looked up at once."""
MOST_IN_NAMES: Final = 64 * 1024 * 1024
"""Bytes that the names in a directory may have together."""
_ENDLESS: Final = 1 << 63


def refusal_of(path: bytes, error: StatusError) -> TargetError:
    """What the server refused, in irkit's words."""
    match error.code:
        case Code.ABSENT:
            return file_paths.absent(path)
        case Code.DENIED:
            return file_paths.denied(path)
        case Code.UNSUPPORTED:
            return TargetError(f"{show(path)}: the host's SFTP server cannot do that", Refusal.UNSUPPORTED)
    said = safe(error.text or f"status {error.code}", 200)
    return TargetError(f"{show(path)} cannot be read: the host says {said!r}", Refusal.REFUSED)


def wire_path(path: bytes) -> bytes:
    """A path as it is sent. Raises TargetError for what is no path, or too long for a server to look up."""
    sent = b"/" + b"/".join(split_path(path))
    if len(sent) > _LONGEST:
        raise TargetError(f"{show(path)}: the path is too long for SFTP", Refusal.UNSUPPORTED)
    return sent


class Call:
    """Questions about one path. Raises StatusError where the server refuses, else TargetError."""

    def __init__(self, session: SftpSession, path: bytes, deadline: Deadline) -> None:
        self._session, self._path, self._deadline = session, path, deadline

    def stat(self, *, follow: bool = False) -> FileFacts:
        """What is there; of a link, what is behind it, where that is wanted."""
        return self._look(self._path, follow=follow)

    def stats(self, paths: Sequence[bytes]) -> list[FileFacts | TargetError]:
        """What is at each of these paths, instead of its own, asked for many at a time."""
        found: list[FileFacts | TargetError] = []
        asked: deque[tuple[bytes, int | TargetError]] = deque()
        try:
            for path in paths:
                asked.append((path, self._ask_facts(path)))
                if len(asked) == AHEAD:
                    found.append(self._facts_asked_for(*asked.popleft()))
            while asked:
                found.append(self._facts_asked_for(*asked.popleft()))
        finally:
            self._session.forget(number for _, number in asked if isinstance(number, int))
        return found

    def _ask_facts(self, path: bytes) -> int | TargetError:
        try:
            sent = wire_path(path)
        except TargetError as error:
            return error
        return self._session.send(sftp_messages.ask_facts(sent), self._deadline)

    def _facts_asked_for(self, path: bytes, number: int | TargetError) -> FileFacts | TargetError:
        if isinstance(number, TargetError):
            return number
        try:
            answer = self._session.answer(number, self._deadline)
            return sftp_messages.facts_of(answer, path.rpartition(b"/")[2] or b"/")
        except StatusError as error:
            return Call(self._session, wire_path(path), self._deadline).refusal(error)

    def read_link(self) -> bytes:
        """Where a link points."""
        self._check_is(FileKind.LINK)
        return sftp_messages.link_of(self._ask(sftp_messages.ask_link(self._path)))

    def free_space(self) -> tuple[int, int]:
        """Free bytes, and bytes in all."""
        if sftp_messages.SPACE_EXTENSION not in self._session.extensions:
            raise TargetError("the host's SFTP server does not tell the space on a disk", Refusal.UNSUPPORTED)
        return sftp_messages.space_of(self._ask(sftp_messages.ask_space(self._path)))

    def entries(self) -> list[FileFacts]:
        """What is in a directory.

        The server looks each name up by its path, and is silent about what it can't look up: that must be noticed.
        """
        if len(self._path) + 1 + sftp_messages.LONGEST_NAME > _LONGEST:
            raise TargetError(f"{show(self._path)}: names in it are too long for SFTP", Refusal.UNSUPPORTED)
        self._check_is(FileKind.DIRECTORY)
        with self._handle(sftp_messages.open_directory(self._path)) as handle:
            found = [facts for names in self._names(handle) for facts in names]
        if not found:  # OpenSSH names at least the directory itself, unless it may not look at what is in it
            self._look(self._path.rstrip(b"/") + b"/.")
        return [facts for facts in found if facts.name not in (b".", b"..")]

    def read(self, offset: int, size: int | None, *, follow: bool = False) -> Iterator[memoryview]:
        """A file from there on, in order, to its end or over so many bytes."""
        told = self._check_is(FileKind.FILE, follow=follow).size
        with self._handle(sftp_messages.open_file(self._path)) as handle:
            yield from _Reading(self._session, handle, self._deadline, told).pieces(offset, size)

    def read_ranges(self, ranges: Iterable[tuple[int, int]]) -> Iterator[Part]:
        """Ranges of a file, and what of them cannot be read."""
        self._check_is(FileKind.FILE)
        with self._handle(sftp_messages.open_file(self._path)) as handle:
            yield from RangeReading(self._session, handle, self._deadline).parts(ranges)

    def refusal(self, error: StatusError) -> TargetError:
        """What the server refused, in irkit's words."""
        if error.code not in CLEAR:
            try:
                self.stat()  # a process whose files in /proc were read may have ended, which has no code of its own
            except StatusError as again:
                if again.code == Code.ABSENT:
                    return file_paths.absent(self._path)
        return refusal_of(self._path, error)

    def _ask(self, request: Request) -> Answer:
        return self._session.ask(request, self._deadline)

    def _look(self, path: bytes, *, follow: bool = False) -> FileFacts:
        ask = sftp_messages.ask_facts_behind if follow else sftp_messages.ask_facts
        return sftp_messages.facts_of(self._ask(ask(path)), path.rpartition(b"/")[2] or b"/")

    def _check_is(self, wanted: FileKind, *, follow: bool = False) -> FileFacts:
        facts = self.stat(follow=follow)
        if facts.kind is not wanted:
            raise file_paths.mistaken(self._path, facts.kind, wanted)
        return facts

    @contextlib.contextmanager
    def _handle(self, opening: Request) -> Iterator[bytes]:
        handle = sftp_messages.handle_of(self._ask(opening))
        try:
            yield handle
        finally:
            self._session.let_go(handle)

    def _names(self, handle: bytes) -> Iterator[list[FileFacts]]:
        """The names of a directory, some at a time; more requests are under way the more there is."""
        asked: deque[int] = deque()
        count, total, ahead = 0, 0, 1
        try:
            while True:
                self._deadline.remaining()
                while len(asked) < ahead:
                    asked.append(self._session.send(sftp_messages.read_directory(handle), self._deadline))
                names = sftp_messages.names_of(self._session.answer(asked.popleft(), self._deadline))
                if names is None:
                    return
                yield names
                count, ahead = count + len(names), min(2 * ahead, _NAMES_AHEAD)
                total += sum(len(facts.name) for facts in names)
                if count > MOST_ENTRIES + 2:
                    raise file_paths.overflowing(self._path, MOST_ENTRIES)
                if total > MOST_IN_NAMES:
                    raise file_paths.too_long_in_all(self._path, MOST_IN_NAMES)
        finally:
            self._session.forget(asked)


class _Asked(NamedTuple):
    """A part of a file that was asked for, or the rest of one."""

    number: int
    offset: int
    size: int
    is_rest: bool


class _Reading:
    """One file that is read, with many requests under way.

    What the size that was told vouches for is asked for ahead. Beyond it, more is under way only as answers come full:
    files of /proc tell no size, make up their content as they are read, and give it in short parts.
    """

    def __init__(self, session: SftpSession, handle: bytes, deadline: Deadline, told: int) -> None:
        self._session, self._handle, self._deadline = session, handle, deadline
        self._told = told
        self._asked: deque[_Asked] = deque()
        self._next = 0
        self._pace = 1

    def pieces(self, offset: int, size: int | None) -> Iterator[memoryview]:
        """The parts in order, however the server cuts them; to the end of the file, or over `size` bytes."""
        self._next, end = offset, None if size is None else offset + size
        try:
            while self._ask_ahead(end):
                self._deadline.remaining()
                asked = self._asked.popleft()
                answer = self._session.answer(asked.number, self._deadline)
                data = sftp_messages.data_of(answer, asked.size)
                if data is None:
                    return
                self._ask_rest(asked, len(data))
                yield data
        finally:
            self._session.forget(one.number for one in self._asked)

    def _ask_ahead(self, end: int | None) -> bool:
        """Whether anything is under way that was wanted."""
        while end is None or self._next < end:
            if len(self._asked) >= (AHEAD if self._next <= self._told else self._pace):
                break
            to = min(self._next + self._session.piece, self._told if self._next < self._told else _ENDLESS)
            size = (to if end is None else min(to, end)) - self._next
            self._asked.append(self._ask(self._next, size))
            self._next += size
        return bool(self._asked)

    def _ask_rest(self, asked: _Asked, count: int) -> None:
        """What is missing of a part that came short is asked for before all that follows."""
        if count == asked.size:
            if asked.offset >= self._told and not asked.is_rest:
                self._pace = min(2 * self._pace, AHEAD)
            return
        self._pace = 1
        if count >= _LEAST_PIECE and asked.offset + count < self._told:
            self._session.piece = min(count, self._session.piece)  # an older server, which gives no more at once
        self._asked.appendleft(self._ask(asked.offset + count, asked.size - count, is_rest=True))

    def _ask(self, offset: int, size: int, *, is_rest: bool = False) -> _Asked:
        number = self._session.send(sftp_messages.read(self._handle, offset, size), self._deadline)
        return _Asked(number, offset, size, is_rest)
