"""The operations that move data of unknown size: export, save, copy out, changes, logs."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import Answer, EngineApi, part
from irkit.adapters.engine_reads import engine_time
from irkit.adapters.log_stream import LogRecord, LogSplitter, nanoseconds_of
from irkit.adapters.tar_index import TarIndex
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import CopyOut, Diff, Export, ReadLogs, SaveImage
from irkit.core.ports import Deadline, EvidenceFile, Intake, Outcome
from irkit.core.values import moment_of, utc_text

CHUNK = 1024 * 1024
"""Bytes read at a time: large reads cost less for each byte."""
_SLACK = 10**9
"""Nanoseconds past the end of a log window before reading stops: streams are stamped apart and may cross."""


def _pump(answer: Answer, out: EvidenceFile, index: TarIndex | None = None, limit: int = 0) -> int:
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
    level: int = 3,
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
    done = _pump(answer, out, index, limit)
    summary = index.close()
    cut = f"cut after {limit} bytes, as asked" if limit and done >= limit and not summary.ended else ""
    if cut == "" and summary.problem:
        out.warn(f"the index stops early: {summary.problem}")
    partial = cut or ("" if summary.ended or summary.problem else "the archive ends before its end mark")
    if listing is not None:
        listing.finish(partial or (f"the archive could not be read on: {summary.problem}" if summary.problem else ""))
    out.finish(partial)
    if partial and not cut:
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
    """The list of changes, kept as it comes; kinds are 0 changed, 1 added, 2 deleted."""
    path = f"/containers/{part(operation.container)}/changes"
    counts = [0, 0, 0]
    with api.request("GET", path, deadline) as answer:
        body = answer.read()
    intake.put(operation.file, body, source=f"GET {path}")
    for change in _changes(body):
        if 0 <= change.kind < len(counts):
            counts[change.kind] += 1
    return Outcome(detail=f"{counts[1]} added, {counts[0]} changed, {counts[2]} deleted")


class _Change(msgspec.Struct, rename="pascal"):
    kind: int = -1


def _changes(body: bytes) -> list[_Change]:
    try:
        return msgspec.json.decode(body, type=list[_Change] | None) or []
    except msgspec.MsgspecError:
        return []


@dataclass
class _LogFiles:
    """The three items of a log: both streams, and the time of every record."""

    stdout: EvidenceFile
    stderr: EvidenceFile
    times: EvidenceFile
    offsets: dict[str, int] = field(default_factory=lambda: {"stdout": 0, "stderr": 0})
    records: int = 0

    def take(self, record: LogRecord) -> None:
        stream = "stderr" if record.stream == "stderr" else "stdout"
        (self.stderr if stream == "stderr" else self.stdout).write(record.content)
        line = b'{"stream":"%s","offset":%d,"bytes":%d,"time":%s}\n' % (
            record.stream.encode(),
            self.offsets[stream],
            len(record.content),
            msgspec.json.encode(record.stamp),
        )
        self.times.write(line)
        self.offsets[stream] += len(record.content)
        self.records += 1

    def finish(self) -> None:
        for item in (self.stdout, self.stderr, self.times):
            item.finish()


def read_logs(api: EngineApi, operation: ReadLogs, intake: Intake, deadline: Deadline) -> Outcome:
    """Both streams from `since` to the moment this begins, by the engine's clock, or to `until` if that is earlier."""
    begin = engine_time(api, deadline)
    end = min(begin, moment_of(operation.until, begin)) if operation.until else begin
    path = f"/containers/{part(operation.container)}"
    tty = container_of(api.read(f"{path}/json", deadline), "").tty
    query = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": "0", "tail": str(operation.tail or "all")}
    if operation.since:
        query["since"] = f"{moment_of(operation.since, begin).timestamp():.9f}"
    with api.request("GET", f"{path}/logs", deadline, query=query) as answer:
        files = _open_logs(intake, operation.file, f"GET {path}/logs")
        stopped = _split(answer, LogSplitter(tty=tty), files, end)
    files.finish()
    return Outcome(detail=_told(files, end, tty=tty, stopped=stopped))


def _open_logs(intake: Intake, folder: str, source: str) -> _LogFiles:
    return _LogFiles(
        stdout=intake.open(f"{folder}/stdout.log", source=source, compress=True),
        stderr=intake.open(f"{folder}/stderr.log", source=source, compress=True),
        times=intake.open(f"{folder}/times.jsonl", source=f"made from {source}", compress=True),
    )


def _split(answer: Answer, splitter: LogSplitter, files: _LogFiles, end: datetime) -> bool:
    """Take the records up to `end`; whether it stopped before the answer did."""
    limit = nanoseconds_of(end)
    buffer = memoryview(bytearray(CHUNK // 4))
    while count := answer.readinto(buffer):
        for record in splitter.feed(buffer[:count]):
            if record.nanoseconds <= limit:
                files.take(record)
            elif record.nanoseconds > limit + _SLACK:
                return True
    for record in splitter.finish():
        if record.nanoseconds <= limit:
            files.take(record)
    if splitter.rest:
        raise TargetError("the log ends in the middle of a record", Refusal.LOST)
    return False


def _told(files: _LogFiles, end: datetime, *, tty: bool, stopped: bool) -> str:
    parts = [f"{files.records} records, {files.offsets['stdout']} bytes of stdout"]
    parts.append("one stream, as it has a terminal" if tty else f"{files.offsets['stderr']} of stderr")
    parts.append(f"up to {utc_text(end)}" + (", while it went on writing" if stopped else ""))
    return ", ".join(parts)
