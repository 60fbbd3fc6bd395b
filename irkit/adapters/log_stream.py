"""Takes an engine's log answer apart: stream, time and bytes of every record.

Framing (docs/bundle.md, "Logs"): without a tty each record has a header of eight bytes (stream, three zeros, length
big-endian); with one, records follow each other, each at most 16 KiB and ended by LF unless it is that long. Asked for
time stamps, the engine puts one and a space before every record. Only lengths count: the content may imitate a header.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from irkit.core.errors import Refusal, TargetError

ENGINE: Final = "engine"
"""The stream by which an engine says, without a time stamp, that it could not read on."""
STREAMS: Final = {0: "stdin", 1: "stdout", 2: "stderr", 3: ENGINE}
_FRAME: Final = struct.Struct(">B3sI")
_HEADER = _FRAME.size
_ZEROS = bytes(3)
_RECORD_LIMIT = 16 * 1024 * 1024
_TTY_RECORD = 16 * 1024
_STAMP_LIMIT = 64
_STAMP_CHARACTERS = frozenset("0123456789-:.TZ+")
_NANOSECONDS, _DIGITS = 10**9, 9


class LogRecord(NamedTuple):
    """One record: its stream, its time as text and in nanoseconds since 1970, and what was written."""

    stream: str
    stamp: str
    nanoseconds: int
    content: bytes


class LogSplitter:
    """A push parser: feed it what arrives, take out whole records."""

    def __init__(self, *, tty: bool) -> None:
        self._tty = tty
        self._rest = b""
        self._second = ("", 0)
        self.is_finished = False

    def feed(self, data: bytes | memoryview) -> Iterator[LogRecord]:
        """The records completed by these bytes. Raises TargetError for what is no log answer."""
        self._rest += data
        return self._tty_records() if self._tty else self._framed_records()

    @property
    def rest(self) -> bytes:
        """What came after the last whole record."""
        return self._rest

    def _framed_records(self) -> Iterator[LogRecord]:
        position, rest = 0, self._rest
        while len(rest) - position >= _HEADER:
            kind, zeros, length = _FRAME.unpack_from(rest, position)
            if kind not in STREAMS or zeros != _ZEROS or length > _RECORD_LIMIT:
                raise TargetError("the log is not framed as an engine frames it", Refusal.GARBLED)
            begin = position + _HEADER
            position = begin + length
            if len(rest) < position:
                self._rest = rest[begin - _HEADER :]
                return
            stream = STREAMS[kind]
            if stream == ENGINE:
                yield LogRecord(ENGINE, "", 0, rest[begin:position])
            else:
                yield self._record(stream, rest, begin, position)
        self._rest = rest[position:]

    def _tty_records(self) -> Iterator[LogRecord]:
        position, rest = 0, self._rest
        while True:
            space = rest.find(b" ", position, position + _STAMP_LIMIT)
            if space < 0:
                if len(rest) - position >= _STAMP_LIMIT:
                    raise TargetError("the log has a record without a time stamp", Refusal.GARBLED)
                break
            newline = rest.find(b"\n", space + 1, space + 1 + _TTY_RECORD)
            end = newline + 1 if newline >= 0 else space + 1 + _TTY_RECORD
            if len(rest) < end:
                break
            yield self._record("stdout", rest, position, end)
            position = end
        self._rest = rest[position:]

    def finish(self) -> Iterator[LogRecord]:
        """The stream has ended: the last record of a tty, which nothing else ends."""
        if self._tty and self._rest:
            yield self._record("stdout", self._rest, 0, len(self._rest))
            self._rest = b""
        self.is_finished = True

    def _record(self, stream: str, data: bytes, begin: int, end: int) -> LogRecord:
        space = data.find(b" ", begin, min(end, begin + _STAMP_LIMIT + 1))
        if space < 0:
            raise TargetError("the log has a record without a time stamp", Refusal.GARBLED)
        text = data[begin:space].decode("ascii", "replace")
        return LogRecord(stream, text, self._nanoseconds(text), data[space + 1 : end])

    def _nanoseconds(self, stamp: str) -> int:
        """RFC 3339 in UTC (`Z`) is read fast, by remembering the second; other offsets as they come."""
        second, dot, fraction = stamp.partition(".")
        digits = fraction[:-1]
        if not dot or stamp[-1] != "Z" or not digits.isdecimal():
            return _slow_nanoseconds(stamp)
        if second != self._second[0]:
            self._second = (second, _slow_nanoseconds(second + "Z"))
        return self._second[1] + int(digits if len(digits) == _DIGITS else digits[:_DIGITS].ljust(_DIGITS, "0"))


def _slow_nanoseconds(stamp: str) -> int:
    try:
        moment = datetime.fromisoformat(stamp if _STAMP_CHARACTERS.issuperset(stamp) else "")
    except ValueError:
        raise TargetError("the log has a time stamp that is none", Refusal.GARBLED) from None
    return nanoseconds_of(moment)


def nanoseconds_of(moment: datetime) -> int:
    """Nanoseconds since 1970, exact to the microsecond that Python keeps."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * _NANOSECONDS + moment.microsecond * 1000
