"""The run log: JSON Lines, each on disk before its writer goes on, each naming the digest of the line before.

What the records mean is the core's; where the file lies is the bundle's.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from irkit.adapters.storage import create_file, open_regular, storing
from irkit.core import codec
from irkit.core.errors import StorageError, UsageError, VerificationError
from irkit.core.events import AnyEvent, Record
from irkit.core.ports import Clock
from irkit.core.values import utc_text

# Enough for a file that only grew, and spares a write of its times; not every system has it.
_sync: Final = getattr(os, "fdatasync", os.fsync)


class BrokenChainError(VerificationError):
    """The log is not one chain: at which line, and why."""

    def __init__(self, name: str, line: int, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(f"{name}, line {line}: {reason}")


class RunLog:
    """An open log. While it is open no other process can open it to write, which tells a live run from a dead one."""

    def __init__(self, path: Path, descriptor: int, clock: Clock) -> None:
        self.path = path
        self.lines = 0
        self.head = codec.FIRST_PREVIOUS
        self._length = 0
        self._torn = False
        self._clock = clock
        self._descriptor = descriptor
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, clock: Clock) -> "RunLog":
        """A new, empty log. Raises StorageError."""
        with storing(path):
            descriptor = create_file(path)
        _take(descriptor, path)
        return cls(path, descriptor, clock)

    @classmethod
    def reopen(cls, path: Path, clock: Clock, *, writable: bool = True) -> "tuple[RunLog, list[Record], bytes]":
        """The log of a run that ended, its records, and what it holds of a torn last line.

        The torn line stays in the file until `cut`. Raises UsageError while the run goes on, VerificationError
        where the chain is broken, StorageError.
        """
        with storing(path):
            descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_NOFOLLOW)
        log = cls(path, descriptor, clock)
        with contextlib.ExitStack() as opened:
            opened.callback(log.close)
            _take(descriptor, path)
            records, torn, log.head = _read(path)
            log._length = os.fstat(descriptor).st_size - len(torn)
            opened.pop_all()
        log.lines = len(records)
        return log, records, torn

    def append(self, event: AnyEvent) -> Record:
        """The next record, on disk. Raises StorageError; the log then ends with the record before."""
        with self._lock:
            if self._descriptor < 0:
                raise StorageError(f"{self.path}: the log is closed")
            at = utc_text(self._clock.now())
            record = Record(seq=self.lines + 1, at=at, prev=self.head, event=event)
            line = codec.encode_record(record)
            with storing(self.path):
                self._write(line)
            self.lines, self.head, self._length = record.seq, codec.line_digest(line), self._length + len(line)
            return record

    def _write(self, line: bytes) -> None:
        done = 0
        try:
            if self._torn:
                self._cut()
            while done < len(line):
                done += os.pwrite(self._descriptor, line[done:], self._length + done)
            _sync(self._descriptor)
        except OSError:
            # Nothing may follow what a failed write left: if it can't be cut now, it must be before the next line.
            self._torn = True
            with contextlib.suppress(OSError):
                self._cut()
            raise

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._length)
        self._torn = False

    def cut(self) -> None:
        """Take a torn last line out of the file."""
        with storing(self.path):
            self._cut()
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file and let go of the lock."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{path}: the run is still going on") from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be locked: {error.strerror}") from error


def check_chain(lines: Iterable[bytes], name: str) -> Iterator[tuple[Record, str]]:
    """Each record with its line's digest, while the chain holds. Raises BrokenChainError."""
    head = codec.FIRST_PREVIOUS
    for number, line in enumerate(lines, 1):
        try:
            record = codec.decode(line, Record)
        except (ValueError, RecursionError) as error:
            raise BrokenChainError(name, number, f"no record: {error}") from None
        if record.seq != number:
            raise BrokenChainError(name, number, f"has the number {record.seq}")
        if record.prev != head:
            raise BrokenChainError(name, number, f"does not follow line {number - 1}: one of them was altered")
        head = codec.line_digest(line)
        yield record, head


def read_log(path: Path) -> tuple[list[Record], bytes]:
    """All records, and the torn last line (empty where there is none).

    A line without its LF was never reported as written. Raises BrokenChainError (a VerificationError), StorageError.
    """
    records, torn, _ = _read(path)
    return records, torn


def _read(path: Path) -> tuple[list[Record], bytes, str]:
    with storing(path), os.fdopen(open_regular(path), "rb") as file:
        lines = file.readlines()
    torn = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
    records, head = [], codec.FIRST_PREVIOUS
    for record, head in check_chain(lines, path.name):  # noqa: B007 - the last one is what is wanted
        records.append(record)
    return records, torn, head
