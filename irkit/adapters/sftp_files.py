"""The files of a host reached by SSH, through the SFTP server that is there: to be read and nothing else.

irkit speaks the protocol itself: paramiko's client can write and remove as well, and takes every name for UTF-8. What
can be asked at all is in `sftp_messages`, what one question takes in `sftp_calls`; here are sessions: begun when first
needed, and once more where one has died.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from irkit.adapters.file_paths import check_range, mistaken
from irkit.adapters.sftp_calls import Call, wire_path
from irkit.adapters.sftp_folder import SftpFile, SftpFolder
from irkit.adapters.sftp_many import LinkText, Names, Question, SmallFile, ask_many
from irkit.adapters.sftp_messages import StatusError
from irkit.adapters.sftp_session import SftpSession, Wire
from irkit.adapters.tally import Tally
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, Part

Dial = Callable[[Deadline], Wire]
"""How a channel to a new SFTP server of the host is had. Raises TargetError."""
T = TypeVar("T")


class SftpFiles:
    """The files of a host. Threads may share it, and with it one session.

    Links on the way to a file are followed by the host's kernel. The protocol knows no opening that refuses links or
    FIFOs: what is to be read is looked at first, and somebody who puts something else in its place just then may have
    that read, or may make the server wait, which ends that session alone. Times are whole seconds, of 32 bits.
    """

    def __init__(self, dial: Dial, tally: Tally | None = None) -> None:
        self._dial, self._tally = dial, tally or Tally()
        self._lock = threading.Lock()
        self._session: SftpSession | None = None

    def close(self) -> None:
        """End the session; another one is begun where something is asked later."""
        session, self._session = self._session, None
        if session is not None:
            session.end("irkit closed it")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def list(self, path: bytes, deadline: Deadline) -> list[FileFacts]:
        """What is in a directory. Names that go while it is read are left out."""
        return self._repeat(wire_path(path), deadline, lambda call: call.entries())

    def list_names(
        self, paths: Sequence[bytes], limit: int, deadline: Deadline
    ) -> Sequence[Sequence[bytes] | TargetError]:
        """Up to `limit` names in each of many directories, or why one cannot be listed."""
        return self._ask_many(paths, lambda path: Names(path, limit), deadline)

    def stat(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> FileFacts:
        """One file, directory or link."""
        return self._repeat(wire_path(path), deadline, lambda call: call.stat(follow=follow))

    def read_link(self, path: bytes, deadline: Deadline) -> bytes:
        """Where a link points."""
        return self._repeat(wire_path(path), deadline, lambda call: call.read_link())

    def read_links(self, paths: Sequence[bytes], deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Where each of many links points, or why that cannot be told."""
        return self._ask_many(paths, LinkText, deadline)

    def read_small(self, paths: Sequence[bytes], limit: int, deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Many small files, each up to `limit` bytes, or why one cannot be read."""
        return self._ask_many(paths, lambda path: SmallFile(path, limit), deadline)

    def read_at(self, path: bytes, offset: int, size: int, deadline: Deadline, *, follow: bool = False) -> bytes:
        """That many bytes from there on; fewer only at the end of the file."""
        check_range(path, offset, size)
        return self._repeat(wire_path(path), deadline, lambda call: b"".join(call.read(offset, size, follow=follow)))

    def stream(self, path: bytes, deadline: Deadline, *, offset: int = 0, follow: bool = False) -> Iterator[memoryview]:
        """The file to its end as it then is; nothing is asked for before the first piece is.

        A lost session is taken up again before the first piece only: the file may be another one afterwards.
        """
        check_range(path, offset)
        return self._given(wire_path(path), deadline, lambda call: call.read(offset, None, follow=follow))

    def read_ranges(self, path: bytes, ranges: Iterable[tuple[int, int]], deadline: Deadline) -> Iterator[Part]:
        """Ranges of a file, many requests under way; a lost session is taken up again before the first part only."""
        return self._given(wire_path(path), deadline, lambda call: call.read_ranges(ranges))

    def stats(self, paths: Sequence[bytes], deadline: Deadline) -> Sequence[FileFacts | TargetError]:
        """What each of many paths names, or why that cannot be told; raises where the host cannot be asked."""
        return self._repeat(b"/", deadline, lambda call: call.stats(paths))

    @contextlib.contextmanager
    def open_link(self, path: bytes, deadline: Deadline) -> Iterator[SftpFile]:
        """The regular file that a link of /proc leads to; no handle is kept between reads."""
        yield SftpFile(self, path, self.stat(path, deadline, follow=True), follow=True)

    def is_in_memory(self, path: bytes, deadline: Deadline) -> bool | None:
        """Not told."""
        del path
        deadline.remaining()
        return None

    def folder(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> SftpFolder:
        """A folder to read a tree from."""
        facts = self.stat(path, deadline, follow=follow)
        if facts.kind is not FileKind.DIRECTORY:
            raise mistaken(path, facts.kind, FileKind.DIRECTORY)
        return SftpFolder(self, path)

    def free_space(self, path: bytes, deadline: Deadline) -> tuple[int, int]:
        """Bytes that are free for everybody, and bytes in all, on the file system that a folder is on."""
        return self._repeat(wire_path(path), deadline, lambda call: call.free_space())

    def _given(self, path: bytes, deadline: Deadline, read: Callable[[Call], Iterator[T]]) -> Iterator[T]:
        """What is read piece by piece, on a new session where the one there was has died before the first."""
        begun = False
        for is_last in (False, True):
            try:
                with self._call(path, deadline) as call:
                    for piece in read(call):
                        begun = True
                        yield piece
                return
            except TargetError as error:
                if begun or is_last or error.kind is not Refusal.LOST:
                    raise

    def _repeat(self, path: bytes, deadline: Deadline, read: Callable[[Call], T]) -> T:
        """The answer to what is asked, on a new session where the one there was has died: it was a read."""
        try:
            with self._call(path, deadline) as call:
                return read(call)
        except TargetError as error:
            if error.kind is not Refusal.LOST:
                raise
        with self._call(path, deadline) as call:
            return read(call)

    def _ask_many(
        self, paths: Sequence[bytes], question: Callable[[bytes], Question[T]], deadline: Deadline
    ) -> Sequence[T | TargetError]:
        """The answers, on a new session where the one there was has died: all were reads."""
        try:
            with self._used_session(deadline) as session:
                return ask_many(session, paths, question, deadline)
        except TargetError as error:
            if error.kind is not Refusal.LOST:
                raise
        with self._used_session(deadline) as session:
            return ask_many(session, paths, question, deadline)

    @contextlib.contextmanager
    def _call(self, path: bytes, deadline: Deadline) -> Iterator[Call]:
        with self._used_session(deadline) as session:
            call = Call(session, path, deadline)
            try:
                yield call
            except StatusError as error:
                raise call.refusal(error) from error

    @contextlib.contextmanager
    def _used_session(self, deadline: Deadline) -> Iterator[SftpSession]:
        session = self._open_session(deadline)
        forget = deadline.on_cancel(session.cancel)
        try:
            yield session
        finally:
            forget()
            session.leave()

    def _open_session(self, deadline: Deadline) -> SftpSession:
        """The session there is, or a new one; it has one more user now."""
        if not self._lock.acquire(timeout=deadline.remaining()):
            deadline.remaining()
            raise TargetError("the host's SFTP server does not answer", Refusal.TIMEOUT)
        try:
            session = self._session
            if session is None or not session.is_usable:
                self._session = session = SftpSession(self._dial(deadline), deadline, self._tally)
            session.enter()
            return session
        finally:
            self._lock.release()
