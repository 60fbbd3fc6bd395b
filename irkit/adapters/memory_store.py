"""A log and evidence in memory, for tests: chained as on disk. The host is `memory`."""

import hashlib
import itertools
import threading

import msgspec

from irkit.adapters.fixed_clock import FixedClock
from irkit.core import operations as do
from irkit.core.codec import FIRST_PREVIOUS, encode_record, line_digest
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import AnyEvent, Record
from irkit.core.evidence import Evidence
from irkit.core.ports import LEVEL
from irkit.core.values import utc_text


class MemoryStore:
    """A log and evidence kept in memory, chained as on disk."""

    def __init__(self, clock: FixedClock | None = None) -> None:
        self._clock = clock or FixedClock()
        self._lock = threading.Lock()
        self._prev = FIRST_PREVIOUS
        self.records: list[Record] = []
        self.files: dict[str, bytes] = {}
        self._names: set[str] = set()

    def append(self, event: AnyEvent) -> Record:
        """Chain the event on."""
        with self._lock:
            record = Record(seq=len(self.records) + 1, at=utc_text(self._clock.now()), prev=self._prev, event=event)
            self._prev = line_digest(encode_record(record))
            self.records.append(record)
            return record

    def intake(self, *, host: str, container: Container | None, operation: do.Operation, task: int) -> "MemoryIntake":
        """An intake that keeps bytes under their path."""
        return MemoryIntake(self, f"data/{host}/{container.id[:8] if container else 'host'}")

    def free(self, path: str) -> str:
        """That path, or where something was put there before, one with a number."""
        folder, _, last = path.rpartition("/")
        stem, dot, extensions = last.partition(".")
        names = (f"{folder}/{stem}-{number}{dot}{extensions}" for number in itertools.count(2))
        with self._lock:
            name = next(one for one in itertools.chain((path,), names) if one not in self._names)
            self._names.add(name)
        return name

    def release(self) -> bool:
        """There is no reserve in memory."""
        return False


class MemoryIntake:
    """Evidence of one operation, in memory."""

    def __init__(self, store: MemoryStore, folder: str) -> None:
        self._store, self._folder = store, folder
        self._taken: list[Evidence] = []
        self._open: list[_MemoryFile] = []
        self._is_closed = False

    def open(self, path: str, *, source: str, compress: bool = False, level: int = LEVEL) -> "_MemoryFile":
        """A new item; a name taken gets a number. Nothing is compressed in memory."""
        if self._is_closed:
            raise TargetError("it was given up before this came", Refusal.CANCELLED)
        item = _MemoryFile(self, self._store.free(f"{self._folder}/{path}"), source)
        self._open.append(item)
        return item

    def put(self, path: str, data: bytes, *, source: str) -> Evidence:
        """A small item at once."""
        item = self.open(path, source=source)
        item.write(data)
        return item.finish()

    def name(self, evidence: Evidence, path: str) -> Evidence | None:
        """Have a finished item lie at `path`; None where one lies there."""
        name = f"{self._folder}/{path}"
        if name in self._store.files:
            self.drop(evidence)
            return None
        self._store.files[name] = self._store.files.pop(evidence.path)
        named = msgspec.structs.replace(evidence, path=name)
        self._taken[self._taken.index(evidence)] = named
        return named

    def drop(self, evidence: Evidence) -> None:
        """Take a finished item away."""
        self._taken.remove(evidence)
        del self._store.files[evidence.path]

    def close(self, reason: str) -> tuple[Evidence, ...]:
        """Everything taken in; what is still open is partial for that reason."""
        self._is_closed = True
        for item in list(self._open):
            item.finish(reason)
        return tuple(self._taken)

    def keep(self, item: "_MemoryFile", evidence: Evidence, data: bytes) -> None:
        """A file that is finished."""
        self._open.remove(item)
        self._taken.append(evidence)
        self._store.files[evidence.path] = data


class _MemoryFile:
    def __init__(self, intake: MemoryIntake, path: str, source: str) -> None:
        self._intake, self._path, self._source = intake, path, source
        self._data = bytearray()
        self._warnings: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._data += data

    def warn(self, text: str) -> None:
        self._warnings.append(text)

    def finish(self, partial: str = "") -> Evidence:
        data = bytes(self._data)
        digest = hashlib.sha256(data).hexdigest()
        evidence = Evidence(
            path=self._path,
            kind=self._path.rpartition("/")[2],
            source=self._source,
            sha256=digest,
            sha512=hashlib.sha512(data).hexdigest(),
            size=len(data),
            source_sha256=digest,
            source_size=len(data),
            started_at="",
            ended_at="",
            partial=partial,
            warnings=tuple(self._warnings),
        )
        self._intake.keep(self, evidence, data)
        return evidence
