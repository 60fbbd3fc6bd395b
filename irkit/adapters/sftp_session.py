"""One SFTP session over a channel, shared by threads: requests go out, and each answer comes to whoever waits for it.

There is no thread of its own: of those who wait, one reads for all. What is said is `sftp_messages`', what it is for
`sftp_files`'.
"""

import contextlib
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from irkit.adapters import sftp_messages
from irkit.adapters.sftp_messages import Answer, Kind, Reply, Request
from irkit.adapters.tally import Tally
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline
from irkit.core.text import safe

MOST_IN_ANSWER: Final = 256 * 1024
"""Bytes of one answer; no honest server sends more."""
MOST_IN_READ: Final = 255 * 1024
"""Bytes asked for at a time: what OpenSSH since 8.5 gives at most; others give less."""
_ROOM: Final = 2 * MOST_IN_ANSWER
_HEAD: Final = 4
_LEAST_IN_ANSWER: Final = 5
_NUMBERS: Final = 1 << 32
_BEFORE_DATA: Final = 9
"""Bytes of an answer that holds data before these: kind, number and length."""
_OPENED: Final = {Kind.OPEN: "files", Kind.OPENDIR: "folders"}


class Wire(Protocol):
    """A channel whose other end is an SFTP server. One thread reads; all else may be called by others meanwhile."""

    def settimeout(self, seconds: float | None, /) -> None:
        """How long whoever reads waits next."""
        ...

    def recv_into(self, buffer: memoryview, /) -> int: ...

    def sendall(self, data: bytes, seconds: float, /) -> None:
        """Send it whole, in so many seconds, however long another thread may read meanwhile."""
        ...

    def cancel(self) -> None:
        """Wake whoever reads, as if it had ended; also from a signal's handler."""
        ...

    def close(self) -> None: ...


class _Moment:
    """Time for a last word."""

    def remaining(self) -> float:
        return 1.0

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


class _Inbox:
    """What came and was not taken yet: answers are taken out of it whole."""

    def __init__(self) -> None:
        self._view = memoryview(bytearray(_ROOM))
        self._begin = self._end = 0

    def room(self) -> memoryview:
        """Where the next bytes go. Never empty: an answer fits twice."""
        if self._begin > _ROOM - MOST_IN_ANSWER - _HEAD:
            rest = bytes(self._view[self._begin : self._end])
            self._begin, self._end = 0, len(rest)
            self._view[: len(rest)] = rest
        elif self._begin == self._end:
            self._begin = self._end = 0
        return self._view[self._end :]

    def fill(self, count: int) -> None:
        """So many bytes came."""
        self._end += count

    def start(self) -> bytes:
        """How what came begins."""
        return bytes(self._view[self._begin : min(self._end, self._begin + 80)])

    def take(self) -> bytes | None:
        """The next answer, if it is all there. Raises TargetError for what cannot be one."""
        if self._end - self._begin < _HEAD:
            return None
        (size,) = struct.unpack_from(">I", self._view, self._begin)
        if not _LEAST_IN_ANSWER <= size <= MOST_IN_ANSWER:
            raise TargetError("what the host's SFTP server sends is no SFTP", Refusal.GARBLED)
        begin = self._begin + _HEAD
        if self._end - begin < size:
            return None
        self._begin = begin + size
        return bytes(self._view[begin : begin + size])


class SftpSession:
    """A session, from its greeting on. All methods raise TargetError, and nothing else.

    `extensions` are what else its server says it can do, `piece` the bytes it is known to give at once.
    """

    def __init__(self, wire: Wire, deadline: Deadline, tally: Tally | None = None) -> None:
        self._wire, self._inbox, self._tally = wire, _Inbox(), tally or Tally()
        self.piece = MOST_IN_READ
        self._sending = threading.Lock()
        self._changed = threading.Condition(threading.Lock())
        self._answers: dict[int, Answer | None] = {}  # by the numbers that somebody waits for
        self._unwanted: set[int] = set()
        self._number = self._users = 0
        self._is_reading = self._is_stale = False
        self._ended: str = ""
        forget = deadline.on_cancel(wire.cancel)
        try:
            self.extensions = self._greet(deadline)
        finally:
            forget()

    @property
    def is_usable(self) -> bool:
        """Whether there is a point in asking anything more."""
        return not (self._ended or self._is_stale)

    def enter(self) -> None:
        """One more thread uses it."""
        with self._changed:
            self._users += 1

    def leave(self) -> None:
        """One thread less; the last one closes a session that timed out."""
        with self._changed:
            self._users -= 1
            left = self._is_stale and not self._users
        if left:
            self.end("it did not answer")

    def cancel(self) -> None:
        """Wake whoever waits. Takes no lock, so that a signal's handler may call it."""
        self._wire.cancel()

    def end(self, why: str) -> None:
        """No more of it: whoever waits is told why."""
        with self._changed:
            first, self._ended = not self._ended, self._ended or why
            self._changed.notify_all()
        if first:
            self._wire.close()

    def ask(self, request: Request, deadline: Deadline) -> Answer:
        """Send a request and wait for its answer."""
        return self.answer(self.send(request, deadline), deadline)

    def send(self, request: Request, deadline: Deadline) -> int:
        """Send a request; the number to ask for its answer with."""
        return self.send_all([request], deadline)[0]

    def send_all(self, requests: Sequence[Request], deadline: Deadline) -> list[int]:
        """Send requests together; the numbers to ask for their answers with."""
        numbers: list[int] = []
        for request in requests:
            if what := _OPENED.get(request.kind):
                self._tally.count(what)
        with self._changed:
            self._raise_if_ended(deadline)
            for _ in requests:
                self._number = (self._number + 1) % _NUMBERS
                self._answers[self._number] = None
                numbers.append(self._number)
        try:
            sent = zip(requests, numbers, strict=True)
            self._transmit(b"".join(request.numbered(number) for request, number in sent), deadline)
        except TargetError:
            self.forget(numbers)
            raise
        return numbers

    def let_go(self, handle: bytes) -> None:
        """Have a handle closed, whatever time is left, and wait for no answer."""
        with contextlib.suppress(TargetError):  # it ends with its session, too
            self.forget([self.send(sftp_messages.close(handle), _Moment())])

    def forget(self, numbers: Iterable[int]) -> None:
        """Nobody waits for these answers any more."""
        with self._changed:
            for number in numbers:
                if number in self._answers and self._answers.pop(number) is None:
                    self._unwanted.add(number)

    def answer(self, number: int, deadline: Deadline) -> Answer:
        """The answer to a request that was sent; those to other requests are kept for whoever wants them."""
        try:
            while True:
                with self._changed:
                    if found := self._answers[number]:
                        return found
                    self._raise_if_ended(deadline)
                    reads, self._is_reading = not self._is_reading, True
                    if not reads and not self._changed.wait(seconds := deadline.remaining()):
                        raise self._timed_out(seconds, deadline)
                if reads:
                    self._read_one(deadline)
        finally:
            self.forget([number])

    def _greet(self, deadline: Deadline) -> frozenset[bytes]:
        try:
            self._transmit(sftp_messages.GREETING, deadline)
            return sftp_messages.extensions_of(Answer(self._receive(deadline)))
        except TargetError as error:
            start = self._inbox.start()
            self.end("it never began")
            if error.kind is Refusal.LOST:
                raise TargetError(
                    "the host offers no SFTP: its SFTP server ended at once, or there is none", Refusal.UNSUPPORTED
                ) from error
            if error.kind is Refusal.GARBLED:
                said = safe(start.decode("utf-8", "backslashreplace"), 100)
                reason = f"what answers is no SFTP server, it says {said!r} (does a login shell print something?)"
                raise TargetError(reason, Refusal.GARBLED) from error
            raise

    def _transmit(self, data: bytes, deadline: Deadline) -> None:
        """Send it whole. A session that a request was sent to in part is of no more use."""
        if not self._sending.acquire(timeout=(seconds := deadline.remaining())):
            raise self._timed_out(seconds, deadline)
        try:
            self._wire.sendall(data, seconds := deadline.remaining())
        except TimeoutError as error:
            self.end("it took in nothing more")
            raise self._timed_out(seconds, deadline) from error
        except OSError as error:
            raise self._lost(error, deadline) from error
        finally:
            self._sending.release()

    def _read_one(self, deadline: Deadline) -> None:
        """Read one answer, on behalf of all who wait."""
        try:
            raw = self._receive(deadline)
            if raw[0] == Reply.DATA:
                self._tally.count("file_bytes", max(len(raw) - _BEFORE_DATA, 0))
            answer = Answer(raw)
            with self._changed:
                self._sort(answer)
        except TargetError as error:
            if error.kind is Refusal.GARBLED:
                self.end(error.reason)
            raise
        finally:
            with self._changed:
                self._is_reading = False
                self._changed.notify_all()

    def _sort(self, answer: Answer) -> None:
        if self._answers.get(answer.number, answer) is None:
            self._answers[answer.number] = answer
        elif answer.number in self._unwanted:
            self._unwanted.remove(answer.number)
        else:
            raise TargetError("the host's SFTP server answers what nobody asked", Refusal.GARBLED)

    def _receive(self, deadline: Deadline) -> bytes:
        while (packet := self._inbox.take()) is None:
            seconds = deadline.remaining()
            try:
                self._wire.settimeout(seconds)
                count = self._wire.recv_into(self._inbox.room())
            except TimeoutError as error:
                raise self._timed_out(seconds, deadline) from error
            except OSError as error:
                raise self._lost(error, deadline) from error
            if not count:
                raise self._lost(None, deadline)
            self._inbox.fill(count)
        return packet

    def _timed_out(self, seconds: float, deadline: Deadline) -> TargetError:
        """A server that hangs, in a file system of the attacker's own perhaps, hangs for all that is asked later."""
        self._is_stale = True
        deadline.remaining()  # says so where the whole time is up, or the run was told to stop
        return TargetError(f"the host's SFTP server sent nothing for {seconds:.3g} s", Refusal.TIMEOUT)

    def _lost(self, error: OSError | None, deadline: Deadline) -> TargetError:
        self.end("it was lost")
        deadline.remaining()
        why = f": {safe(error.strerror or error, 200)}" if error else ""
        return TargetError(f"the SFTP session with the host ended before the answer did{why}", Refusal.LOST)

    def _raise_if_ended(self, deadline: Deadline) -> None:
        if self._ended:
            deadline.remaining()
            raise TargetError(f"the SFTP session with the host ended: {self._ended}", Refusal.LOST)
