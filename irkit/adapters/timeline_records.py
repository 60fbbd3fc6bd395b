"""What happened, as a bundle's other items tell it: log lines, the engine's events, and processes.

What the run log tells is `timeline_run`'s.
"""

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from irkit.adapters.evidence_reader import open_stored
from irkit.adapters.timeline_lines import Item, name_of, nanoseconds_of_time
from irkit.adapters.zstd_frames import UNREADABLE
from irkit.core.text import escaped
from irkit.core.timeline import Moment, Source, Where

_SHOWN: Final = 2000
"""Bytes of a log record that a timeline shows."""
_PIECE: Final = 1 << 20
_LINE_END: Final = b"\r\n"
_MOST_ATTRIBUTES: Final = 40


def text_of(raw: bytes | str) -> str:
    """Foreign text as a part of a message."""
    return escaped(raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass"))


# Logs ------------------------------------------------------------------------------------------------------------


class _LogLine(msgspec.Struct):
    stream: str
    offset: int
    bytes: int
    time: str


class _Stream:
    """A stream of a log, read from its beginning on as its records are asked for."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file, self._at = file, 0

    def record(self, offset: int, size: int) -> bytes:
        """The beginning of a record; nothing where that lies behind, or is not there."""
        if offset < self._at or size < 0:
            return b""
        self._at += self._skip(offset - self._at)
        found = self._file.read(min(size, _SHOWN)) if self._at == offset else b""
        self._at += len(found)
        return found

    def _skip(self, count: int) -> int:
        left = count
        while left > 0 and (piece := self._file.read(min(left, _PIECE))):
            left -= len(piece)
        return count - left


def read_log(times: Item, streams: Mapping[str, Item]) -> Iterator[Moment]:
    """Every record of a container's log, by its list of times."""
    with contextlib.ExitStack() as stack:
        opened = {
            name: _Stream(stack.enter_context(open_stored(item.root / item.evidence.path)))
            for name, item in streams.items()
        }
        for line in times.values(_LogLine):
            at = nanoseconds_of_time(line.time)
            if at is None:
                times.tell("a record without a time")
                continue
            name = "stderr" if line.stream == "stderr" else "stdout"
            try:
                shown = opened[name].record(line.offset, line.bytes) if name in opened else b""
            except UNREADABLE as error:
                streams[name].tell(f"it cannot be read on: {error}")
                opened.pop(name)
                shown = b""
            yield _log_moment(times, line, shown, at)


def _log_moment(times: Item, line: _LogLine, shown: bytes, at: int) -> Moment:
    left = line.bytes - len(shown)
    more = f" ({left} more bytes)" if left > 0 else ""
    message = f"{text_of(line.stream)}: {text_of(shown.rstrip(_LINE_END))}{more}"
    where = times.where
    return Moment(at=at, kind="Log Time", source=Source.LOG, message=message, where=where, clock=where.host)


class _Raw(msgspec.Struct):
    log: str
    stream: str = ""
    time: str = ""


def read_raw_log(item: Item) -> Iterator[Moment]:
    """The records of an engine's own `json-file`, where there is no other view of that log."""
    for line in item.values(_Raw):
        at = nanoseconds_of_time(line.time)
        if at is None:
            item.tell("a record without a time")
            continue
        raw = line.log.encode("utf-8", "surrogatepass")
        told = _LogLine(stream=line.stream, offset=0, bytes=len(raw), time=line.time)
        yield _log_moment(item, told, raw[:_SHOWN], at)


# The engine ------------------------------------------------------------------------------------------------------


class _Actor(msgspec.Struct, rename="pascal"):
    id: str = msgspec.field(default="", name="ID")
    attributes: dict[str, str] | None = None


class _EngineEvent(msgspec.Struct):
    kind: str = msgspec.field(default="", name="Type")
    action: str = msgspec.field(default="", name="Action")
    actor: _Actor | None = msgspec.field(default=None, name="Actor")
    time: int = 0
    nanoseconds: int = msgspec.field(default=0, name="timeNano")


def read_events(item: Item, names: Mapping[str, str]) -> Iterator[Moment]:
    """The engine's events. `names` are those of the run's containers by full id."""
    for event in item.values(_EngineEvent):
        actor = event.actor or _Actor()
        told = actor.attributes or {}
        subject = told.get("container", actor.id) if event.kind == "network" else actor.id
        shown = ", ".join(f"{text_of(key)}={text_of(value)}" for key, value in sorted(told.items())[:_MOST_ATTRIBUTES])
        host = item.evidence.host
        where = Where(
            host=host,
            container=names.get(subject, told.get("name", "") if event.kind == "container" else ""),
            container_id=subject if event.kind in ("container", "network") else "",
            item=item.evidence.path,
        )
        yield Moment(
            at=event.nanoseconds or event.time * 10**9,
            kind="Event Logged",
            source=Source.ENGINE,
            message=f"{text_of(event.kind)} {text_of(event.action)} {text_of(actor.id)}"
            + (f": {shown}" if shown else ""),
            where=where,
            clock=host,
        )


class _State(msgspec.Struct, rename="pascal"):
    started_at: str = ""
    finished_at: str = ""


class _Inspected(msgspec.Struct, rename="pascal"):
    created: str = ""
    state: _State | None = None


def read_inspect(item: Item) -> Iterator[Moment]:
    """When a container was made, and last started and ended."""
    found = item.value(_Inspected)
    state = (found.state if found else None) or _State()
    for text, kind, message in (
        (found.created if found else "", "Creation Time", "container created"),
        (state.started_at, "Start Time", "container started"),
        (state.finished_at, "End Time", "container ended"),
    ):
        at = nanoseconds_of_time(text)
        if at is not None:
            where = item.where
            yield Moment(at=at, kind=kind, source=Source.CONTAINER, message=message, where=where, clock=where.host)


# Processes -------------------------------------------------------------------------------------------------------


class _Process(msgspec.Struct):
    pid: Any = ""
    ppid: Any = ""
    user: str = ""
    started_at: str = ""
    command: str = ""


class _Processes(msgspec.Struct):
    processes: list[_Process] = []


def read_listed_processes(item: Item) -> Iterator[Moment]:
    """The starts of processes as the host's `ps` told them."""
    found = item.value(_Processes)
    for one in found.processes if found else ():
        at = nanoseconds_of_time(one.started_at)
        if at is None:
            continue
        message = f"process {one.pid} (parent {one.ppid}, user {text_of(one.user)}) started: {text_of(one.command)}"
        where = item.where
        yield Moment(at=at, kind="Start Time", source=Source.PROCESS, message=message, where=where, clock=where.host)


class _Executable(msgspec.Struct):
    path: str = ""
    path_b64: str = ""
    deleted: bool = False
    sha256: str = ""


class _SeenProcess(msgspec.Struct):
    """A process as the host's kernel shows it, as far as a timeline needs it."""

    pid: int = 0
    ppid: int = 0
    name: str = ""
    started_at: str = ""
    arguments: list[str] = []
    users: dict[str, int] = {}
    exe: _Executable = msgspec.field(default_factory=_Executable)


def read_seen_processes(item: Item) -> Iterator[Moment]:
    """The starts of processes as the host's kernel tells them, with what each really runs."""
    for one in item.values(_SeenProcess):
        at = nanoseconds_of_time(one.started_at)
        if at is None:
            item.tell("a process without a time")
            continue
        runs = one.exe
        path = escaped(name_of(runs.path, runs.path_b64))
        said = text_of(" ".join(one.arguments)[:_SHOWN] or one.name)
        user = one.users.get("effective", one.users.get("real", ""))
        shown = f"{path}{' (deleted)' if runs.deleted else ''}"
        yield Moment(
            at=at,
            kind="Start Time",
            source=Source.PROCESS,
            message=f"process {one.pid} (parent {one.ppid}, uid {user}) started: {shown}: {said}",
            where=item.where,
            clock=item.where.host,
            path=path,
            sha256=runs.sha256,
        )
