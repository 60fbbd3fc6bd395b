"""The operations that move data of unknown size: export, save, copy out, changes, logs."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import SMALL_BODY, Answer, EngineApi, part
from irkit.adapters.engine_reads import engine_time, unix_time, window_edge
from irkit.adapters.log_stream import ENGINE, LogRecord, LogSplitter, nanoseconds_of
from irkit.adapters.tar_index import TarIndex
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import CopyOut, Diff, Export, ReadLogs, SaveImage
from irkit.core.ports import LEVEL, Deadline, EvidenceFile, Intake, Outcome
from irkit.core.text import safe
from irkit.core.values import utc_text

CHUNK = 1024 * 1024
"""Bytes read at a time: large reads cost less for each byte."""
_TIMES = "times"
_SLACK = 10**9
"""Nanoseconds past the end of a log window before reading stops: streams are stamped apart and may cross."""


class Sink(Protocol):
    """What bytes are moved into."""

    def write(self, data: memoryview, /) -> None: ...


def pump(answer: Answer, out: Sink, index: TarIndex | None = None, limit: int = 0) -> int:
    """Move the body into the item, and into the index; the bytes moved. With a limit, stops there."""
    buffer = memoryview(bytearray(CHUNK))
    done = 0
    while count := answer.readinto(buffer[: min(CHUNK, limit - done)] if limit else buffer):
        out.write(buffer[:count])
        if index is not None:
            index.feed(buffer[:count])
        done += count
        if limit and done >= limit:
            break
    return done


def _keep_tar(
    answer: Answer,
    path: str,
    intake: Intake,
    *,
    source: str,
    limit: int = 0,
    compress: bool = True,
    level: int = LEVEL,
    listed: bool = False,
) -> Outcome:
    """Keep a tar stream as it comes, know whether it came to its end, and list its files where wanted."""
    out = intake.open(path, source=source, compress=compress, level=level)
    listing = (
        intake.open(path.removesuffix(".tar") + ".index.jsonl", source=f"made from {path}", compress=True)
        if listed
        else None
    )
    index = TarIndex(listing.write if listing else None)
    try:
        done = pump(answer, out, index, limit)
    finally:
        summary = index.close()  # also of a stream that broke off, all that came is listed
    cut = f"cut after {limit} bytes, as asked" if limit and done >= limit and not summary.ended else ""
    for warning in summary.warnings:
        out.warn(warning)
    unread = f"not known to be whole, as it could not be read on: {summary.problem}" if summary.problem else ""
    partial = cut or unread or ("" if summary.ended else "the archive ends before its end mark")
    if listing is not None:
        listing.finish(partial)
    out.finish(partial)
    if partial and not (cut or unread):
        raise TargetError(f"{partial}: the engine stopped in the middle", Refusal.LOST)
    return Outcome(detail=f"{summary.entries} files, {done} bytes" + (f", {cut}" if cut else ""))


def export(api: EngineApi, operation: Export, intake: Intake, deadline: Deadline) -> Outcome:
    """The merged file system. The engine never says how much is to come."""
    path = f"/containers/{part(operation.container)}/export"
    with api.request("GET", path, deadline) as answer:
        return _keep_tar(
            answer,
            operation.file,
            intake,
            source=f"GET {path}",
            compress=operation.compress,
            level=operation.level,
            listed=operation.index,
        )


def save_image(api: EngineApi, operation: SaveImage, intake: Intake, deadline: Deadline) -> Outcome:
    """An image with all its layers."""
    path = f"/images/{part(operation.image)}/get"
    with api.request("GET", path, deadline) as answer:
        return _keep_tar(answer, operation.file, intake, source=f"GET {path}")


def copy_out(api: EngineApi, operation: CopyOut, intake: Intake, deadline: Deadline) -> Outcome:
    """A file or folder, as far as the limit allows."""
    path = f"/containers/{part(operation.container)}/archive"
    with api.request("GET", path, deadline, query={"path": operation.path}) as answer:
        source = f"GET {path}?path={part(operation.path)}"
        return _keep_tar(answer, operation.file, intake, source=source, limit=operation.limit)


def diff(api: EngineApi, operation: Diff, intake: Intake, deadline: Deadline) -> Outcome:
    """The list of changes, kept as it comes however long it is; kinds are 0 changed, 1 added, 2 deleted."""
    path = f"/containers/{part(operation.container)}/changes"
    with api.request("GET", path, deadline) as answer:
        out = intake.open(operation.file, source=f"GET {path}")
        copy = _Copy(out)
        done = pump(answer, copy)
        out.finish()
    return Outcome(detail=_counted(copy.start) if len(copy.start) == done else f"{done} bytes, too long to be counted")


class _Copy:
    """Passes bytes on into an item, and keeps as much of them as an answer may have that is read whole."""

    def __init__(self, out: EvidenceFile) -> None:
        self._out = out
        self.start = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._out.write(data)
        self.start += data[: SMALL_BODY - len(self.start)]


class _Change(msgspec.Struct, rename="pascal"):
    kind: int = -1


def _counted(body: bytes | bytearray) -> str:
    counts = [0, 0, 0]
    try:
        changes = msgspec.json.decode(body, type=list[_Change] | None) or []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "not the list that an engine gives"
    for change in changes:
        if 0 <= change.kind < len(counts):
            counts[change.kind] += 1
    return f"{counts[1]} added, {counts[0]} changed, {counts[2]} deleted"


@dataclass
class _LogFiles:
    """The three items of a log: both streams, and the time of every record. What is taken in waits for `flush`."""

    items: Mapping[str, EvidenceFile]
    waiting: dict[str, list[bytes]] = field(default_factory=lambda: {"stdout": [], "stderr": [], _TIMES: []})
    offsets: dict[str, int] = field(default_factory=lambda: {"stdout": 0, "stderr": 0})
    records: int = 0
    latest: int = 0

    def take(self, record: LogRecord) -> None:
        stream = "stderr" if record.stream == "stderr" else "stdout"
        size, offset = len(record.content), self.offsets[stream]
        self.waiting[stream].append(record.content)
        self.waiting[_TIMES].append(
            b'{"stream":"%s","offset":%d,"bytes":%d,"time":"%s"}\n'
            % (record.stream.encode(), offset, size, record.stamp.encode())
        )
        self.offsets[stream] = offset + size
        self.records += 1
        self.latest = max(self.latest, record.nanoseconds)

    def flush(self) -> None:
        """Pass on what was taken in: one write for many records."""
        for name, pieces in self.waiting.items():
            if pieces:
                self.items[name].write(b"".join(pieces))
                pieces.clear()

    def finish(self) -> None:
        for item in self.items.values():
            item.finish()


def read_logs(api: EngineApi, operation: ReadLogs, intake: Intake, deadline: Deadline) -> Outcome:
    """Both streams from `since` to the moment this begins, by the engine's clock, or to `until` if that is earlier."""
    begin = engine_time(api, deadline)
    end = min(begin, window_edge(operation.until, begin)) if operation.until else begin
    window = _Window(begin, end)
    since = window_edge(operation.since, begin) if operation.since else None
    path = f"/containers/{part(operation.container)}"
    tty = container_of(api.read(f"{path}/json", deadline), "").tty
    query = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": "0", "tail": str(operation.tail or "all")}
    if since is not None:
        query["since"] = unix_time(since)
    last = _last_moment(api, f"{path}/logs", {**query, "tail": "1"}, deadline, tty=tty)
    with api.request("GET", f"{path}/logs", deadline, query=query) as answer:
        files = _open_logs(intake, operation.file, f"GET {path}/logs")
        stopped = _split(answer, LogSplitter(tty=tty), files, window)
    if files.latest < last <= nanoseconds_of(end):
        raise TargetError("the engine left out the end of the log: part of it is damaged or gone", Refusal.REFUSED)
    files.finish()
    return Outcome(detail=_told(files, end, tty=tty, stopped=stopped))


def _last_moment(api: EngineApi, path: str, query: dict[str, str], deadline: Deadline, *, tty: bool) -> int:
    """The time of the log's last record, 0 where there is none.

    Docker 20.10 ends its answer without a word where a log file is damaged: only this tells that there is more.
    """
    splitter, found = LogSplitter(tty=tty), 0
    with api.request("GET", path, deadline, query=query) as answer:
        for record in _records(answer, splitter):
            found = max(found, record.nanoseconds)
    return found


def _open_logs(intake: Intake, folder: str, source: str) -> _LogFiles:
    return _LogFiles(
        {
            "stdout": intake.open(f"{folder}/stdout.log", source=source, compress=True),
            "stderr": intake.open(f"{folder}/stderr.log", source=source, compress=True),
            _TIMES: intake.open(f"{folder}/times.jsonl", source=f"made from {source}", compress=True),
        }
    )


class _Window:
    """Up to when records are taken, in nanoseconds since 1970: to `end`, which is `begin` or earlier.

    A record stamped after `begin` was written while it was read, and ends the reading, unless no clock can have come
    that far: then it is older than it says, of a time before the host's clock was set back, and is kept.
    """

    def __init__(self, begin: datetime, end: datetime) -> None:
        self.begin, self.end = nanoseconds_of(begin), nanoseconds_of(end)
        self._begun = time.monotonic_ns()
        self.future = 0

    def is_of_the_future(self, record: LogRecord) -> bool:
        horizon = self.begin + time.monotonic_ns() - self._begun + 2 * _SLACK
        found = self.end == self.begin and record.nanoseconds > horizon
        self.future += found
        return found

    def is_past(self, record: LogRecord) -> bool:
        return self.begin + _SLACK < record.nanoseconds


def _split(answer: Answer, splitter: LogSplitter, files: _LogFiles, window: _Window) -> bool:
    """Take the records of the window; whether it stopped before the answer did."""
    said = b""
    try:
        for record in _records(answer, splitter, files.flush):
            if record.stream == ENGINE:
                said = said or record.content
            elif record.nanoseconds <= window.end or window.is_of_the_future(record):
                files.take(record)
            elif window.is_past(record):
                break
    finally:
        files.flush()
    if window.future:
        text = f"{window.future} records are stamped later than the host's clock was: it was set back since"
        files.items["stdout"].warn(text)
    if said:
        told = safe(said.decode("utf-8", "replace").strip(), 300)
        raise TargetError(f"the engine could not read the whole log: {told}", Refusal.REFUSED)
    return not splitter.is_finished


def _records(answer: Answer, splitter: LogSplitter, flush: Callable[[], None] = lambda: None) -> Iterator[LogRecord]:
    """The records of an answer; `flush` is called whenever those of a piece of it have been used."""
    buffer = memoryview(bytearray(CHUNK // 4))
    while count := answer.readinto(buffer):
        yield from splitter.feed(buffer[:count])
        flush()
    yield from splitter.finish()
    if splitter.rest:
        raise TargetError("the log ends in the middle of a record", Refusal.LOST)


def _told(files: _LogFiles, end: datetime, *, tty: bool, stopped: bool) -> str:
    parts = [f"{files.records} records, {files.offsets['stdout']} bytes of stdout"]
    parts.append("one stream, as it has a terminal" if tty else f"{files.offsets['stderr']} of stderr")
    parts.append(f"up to {utc_text(end)}" + (", while it went on writing" if stopped else ""))
    return ", ".join(parts)
