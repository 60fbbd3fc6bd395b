"""Takes an engine's log answer apart: stream, time and bytes of every record.

Framing (docs/bundle.md, "Logs"): without a tty each record has a header of eight bytes (stream, three zeros, length
big-endian); with one, records follow each other, each at most 16 KiB and ended by LF unless it is that long. Asked for
time stamps, the engine puts one and a space before every record. Only lengths count: the content may imitate a header.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from irkit.core.errors import Refusal, TargetError

STREAMS: Final = {0: "stdin", 1: "stdout", 2: "stderr"}
_HEADER = 8
_RECORD_LIMIT = 16 * 1024 * 1024
_TTY_RECORD = 16 * 1024
_STAMP_LIMIT = 64
_NANOSECONDS = 10**9


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
        self._rest = bytearray()
        self._second = ("", 0)

    def feed(self, data: bytes | memoryview) -> Iterator[LogRecord]:
        """The records completed by these bytes. Raises TargetError for what is no log answer."""
        self._rest += data
        return self._tty_records() if self._tty else self._framed_records()

    @property
    def rest(self) -> bytes:
        """What came after the last whole record."""
        return bytes(self._rest)

    def _framed_records(self) -> Iterator[LogRecord]:
        position, rest = 0, self._rest
        while len(rest) - position >= _HEADER:
            kind, length = rest[position], int.from_bytes(rest[position + 4 : position + _HEADER], "big")
            if kind not in STREAMS or any(rest[position + 1 : position + 4]) or length > _RECORD_LIMIT:
                raise TargetError("the log is not framed as an engine frames it", Refusal.GARBLED)
            end = position + _HEADER + length
            if len(rest) < end:
                break
            yield self._record(STREAMS[kind], bytes(rest[position + _HEADER : end]))
            position = end
        del rest[:position]

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
            yield self._record("stdout", bytes(rest[position:end]))
            position = end
        del rest[:position]

    def finish(self) -> Iterator[LogRecord]:
        """The last record of a tty, which nothing ends but the stream itself."""
        if self._tty and self._rest:
            yield self._record("stdout", bytes(self._rest))
            self._rest.clear()

    def _record(self, stream: str, line: bytes) -> LogRecord:
        stamp, found, content = line.partition(b" ")
        if not found or len(stamp) > _STAMP_LIMIT:
            raise TargetError("the log has a record without a time stamp", Refusal.GARBLED)
        text = stamp.decode("ascii", "replace")
        return LogRecord(stream, text, self._nanoseconds(text), content)

    def _nanoseconds(self, stamp: str) -> int:
        """RFC 3339 in UTC (`Z`) is read fast, by remembering the second; other offsets as they come."""
        second, dot, fraction = stamp.partition(".")
        if not stamp.endswith("Z") or not dot:
            return _slow_nanoseconds(stamp)
        if second != self._second[0]:
            self._second = (second, _slow_nanoseconds(second + "Z"))
        digits = fraction[:-1]
        if not digits.isdecimal():
            raise TargetError("the log has a time stamp that is none", Refusal.GARBLED)
        return self._second[1] + int(digits[:9].ljust(9, "0"))


def _slow_nanoseconds(stamp: str) -> int:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        raise TargetError("the log has a time stamp that is none", Refusal.GARBLED) from None
    return nanoseconds_of(moment)


def nanoseconds_of(moment: datetime) -> int:
    """Nanoseconds since 1970, exact to the microsecond that Python keeps."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * _NANOSECONDS + moment.microsecond * 1000
