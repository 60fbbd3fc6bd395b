"""The engine's own files of a container, raw: its log with every rotation, and how the container was set up.

Engines go on writing and rotating while this reads: files are told apart by their inodes, or where a host does not tell
those, by size and time of what is not written to any more; what came in between is looked for again. Where two may be
one, both are read. Nothing here is of the container's making but what its log says.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import check_is_answer
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadLogFiles
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFiles, Intake, Outcome

_SETTINGS: Final = (b"config.v2.json", b"hostconfig.json", b"hostname", b"hosts", b"resolv.conf")
_SETTING_LIMIT: Final = 8 << 20
_CACHES: Final = rb"container-cached\.log|container\.log"
"""What the engine's `local` driver calls its file, and the copy it keeps for drivers that send their records away."""
_ROTATED: Final = rb"(?:\.([0-9]{1,6}))?(\.gz)?"
_FILING: Final = ("json-file", "local", "k8s-file")
_LOOKS: Final = 3
"""How often a folder is listed at most: whoever rotates faster than that leaves nothing to keep."""


class _LogConfig(msgspec.Struct, rename="pascal"):
    type: str = ""
    config: dict[str, str] | None = None


class _HostConfig(msgspec.Struct, rename="pascal"):
    log_config: _LogConfig = msgspec.field(default_factory=_LogConfig)


class _Inspect(msgspec.Struct, rename="pascal"):
    id: str = ""
    log_path: str | None = None
    host_config: _HostConfig = msgspec.field(default_factory=_HostConfig)


class _Info(msgspec.Struct, rename="pascal"):
    docker_root_dir: str = ""


class _Log(NamedTuple):
    """One file of a log as it was listed; rotation 0 is the one that is written to."""

    path: bytes
    rotation: int
    packed: bool
    facts: FileFacts

    @property
    def has_inode(self) -> bool:
        return bool(self.facts.inode or self.facts.device)

    @property
    def identity(self) -> tuple[int, int]:
        """What it is known by. Hosts that tell whole seconds may have several of one size and time."""
        facts = self.facts
        return (facts.device, facts.inode) if self.has_inode else (facts.size, facts.modified_ns)


@dataclass
class _Reading:
    """One operation: what was read so far, and how many bytes may still be."""

    files: HostFiles
    intake: Intake
    deadline: Deadline
    folder: str
    left: int
    read: list[tuple[_Log, dict[str, Any]]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)

    def read_settings(self, folder: bytes) -> None:
        """How the container was set up; what is not there is not missed, what cannot be read is told."""
        for name in _SETTINGS:
            path = folder + b"/" + name
            try:
                facts = self.files.stat(path, self.deadline)
                if facts.kind is not FileKind.FILE:
                    raise TargetError(f"not read: it is a {facts.kind}", Refusal.REFUSED)
                content = self.files.read_at(path, 0, _SETTING_LIMIT + 1, self.deadline)
            except TargetError as error:
                check_is_answer(error)
                if error.kind is not Refusal.ABSENT:
                    self.settings.append({"path": _text(path), "missing": error.reason})
                    self.short.append(f"{name.decode()}: {error.reason}")
                continue
            self._keep_setting(path, facts.size, content)

    def _keep_setting(self, path: bytes, size: int, content: bytes) -> None:
        """One of them; some are the container's to write, as large as it likes."""
        name = path.rpartition(b"/")[2].decode()
        out = self.intake.open(f"{self.folder}/{name}", source=f"host file {_text(path)}")
        out.write(content[:_SETTING_LIMIT])
        partial = f"only its first {_SETTING_LIMIT} bytes" if len(content) > _SETTING_LIMIT else ""
        evidence = out.finish(partial)
        told = {"path": _text(path), "size": size, "item": evidence.path, "sha256": evidence.source_sha256}
        self.settings.append(told | ({"partial": partial} if partial else {}))
        if partial:
            self.short.append(f"{name}: {partial}")

    def unread(self, logs: Sequence[_Log]) -> list[_Log]:
        """Those of one look at the folders that were not read after another, the newest first."""
        unread: list[_Log] = []
        settled = [log for log in logs if log.has_inode or log.rotation]
        for identity in dict.fromkeys(log.identity for log in settled):
            same = [log for log in settled if log.identity == identity]
            known = [log.rotation for log, _ in self.read if log.identity == identity]
            # rotation only counts up: a lower number is a new file with an old one's inode, or size and time
            if len(known) < len(same) or min(log.rotation for log in same) < min(known):
                unread += same
        growing = [log for log in logs if not (log.has_inode or log.rotation)]
        unread += [log for log in growing if unread or not self._has_grown(log)]
        return sorted(unread, key=lambda one: one.rotation)

    def _has_grown(self, log: _Log) -> bool:
        """Whether it was read before, and only went on growing: then what it has now is of after the step began."""
        return any(log.path == one.path and one.facts.size <= log.facts.size for one, _ in self.read)

    def read_logs(self, logs: Sequence[_Log]) -> None:
        """Read these, as far as they may be."""
        for log in logs:
            self._read(log)

    def _read(self, log: _Log) -> None:
        size = log.facts.size
        wanted = min(size, self.left)
        note = {
            "path": _text(log.path),
            "rotation": log.rotation,
            "packed": log.packed,
            "size": size,
            "modified_ns": log.facts.modified_ns,
            "inode": log.facts.inode,
        }
        name = log.path.rpartition(b"/")[2].decode()
        if wanted < size and (log.packed or not wanted):
            self.short.append(f"{name} was left out: only the newest bytes were asked for")
            self.read.append((log, note | {"left_out": self.short[-1]}))
            return
        out = self.intake.open(f"{self.folder}/{name}", source=f"host file {note['path']}")
        done = 0
        for piece in self.files.stream(log.path, self.deadline, offset=size - wanted):
            kept = piece[: wanted - done]  # what is written from now on is of after the step began
            out.write(kept)
            done += len(kept)
            if done == wanted:
                break
        self.left -= done
        partial = f"only its newest {wanted} bytes, as asked" if wanted < size else ""
        if is_moved := done < wanted or self._is_other(log):
            partial = "it was rotated away, or cut, while it was read: this may be the beginning of the next one"
        if partial:
            self.short.append(f"{name}: {partial}")
        evidence = out.finish(partial)
        note |= {"item": evidence.path, "bytes": done, "sha256": evidence.source_sha256}
        if is_moved:
            self.moved.append(note)  # it is looked for again under another name
        else:
            self.read.append((log, note))

    def _is_other(self, log: _Log) -> bool:
        """Whether by now another file has the name."""
        try:
            now = self.files.stat(log.path, self.deadline)
        except TargetError as error:
            check_is_answer(error)
            return True
        if log.rotation == 0 and not (now.inode or now.device):
            return now.size < log.facts.size  # it goes on growing
        return log._replace(facts=now).identity != log.identity


class ReadsLogFiles:
    """Reads the engine's own files of containers."""

    def __init__(self, files: HostFiles) -> None:
        self._files = files

    def __call__(self, api: EngineApi, operation: ReadLogFiles, intake: Intake, deadline: Deadline) -> Outcome:
        seen = decoded(api.read(f"/containers/{part(operation.container)}/json", deadline), _Inspect)
        root = decoded(api.read("/info", deadline), _Info).docker_root_dir
        reading = _Reading(self._files, intake, deadline, operation.file.rpartition("/")[0], operation.limit)
        folders = list(_folders(seen, root))
        names = _names(seen)
        found = False
        for _ in range(_LOOKS):
            logs, is_there = self._look(folders, names, deadline)
            found = found or is_there
            unread = reading.unread(logs)
            if not unread:
                break
            reading.read_logs(unread)
        driver = seen.host_config.log_config.type
        if not found and driver in _FILING:
            where = " nor ".join(_text(folder) for folder in folders) or "any place that its engine tells"
            raise TargetError(f"the engine's files are not at {where} of the host", Refusal.ABSENT)
        for folder in folders:
            reading.read_settings(folder)
        return _tell(reading, seen, operation)

    def _look(self, folders: Sequence[bytes], names: re.Pattern[bytes], deadline: Deadline) -> tuple[list[_Log], bool]:
        """The log files there are now, and whether there is any of the folders."""
        logs, is_there = [], False
        for folder in folders:
            try:
                listed = self._files.list(folder, deadline)
            except TargetError as error:
                check_is_answer(error)
                if error.kind is not Refusal.ABSENT:
                    raise
                continue
            is_there = True
            for facts in listed:
                match = names.fullmatch(facts.name)
                if match and facts.kind is FileKind.FILE:
                    number, packed = match.groups()
                    logs.append(_Log(folder + b"/" + facts.name, int(number or 0), bool(packed), facts))
        return logs, is_there


def _folders(seen: _Inspect, root: str) -> Iterator[bytes]:
    """Where the files are: beside the log that the engine names, and where Docker keeps what it has of a container."""
    own = posixpath.dirname(seen.log_path or "")
    places = [own] if seen.id in own.split("/") else []
    if root.startswith("/"):
        places += [f"{root}/containers/{seen.id}", f"{root}/containers/{seen.id}/local-logs"]
    for place in dict.fromkeys(places):
        if ".." not in place.split("/"):
            yield place.encode()


def _names(seen: _Inspect) -> re.Pattern[bytes]:
    """What the files of its log are called."""
    own = posixpath.basename(seen.log_path or "") or f"{seen.id}-json.log"
    return re.compile(rb"(?:%b|%b)%b" % (re.escape(own.encode()), _CACHES, _ROTATED))


def _tell(reading: _Reading, seen: _Inspect, operation: ReadLogFiles) -> Outcome:
    """Say in files.json what was read, and what is known of what is gone."""
    config = seen.host_config.log_config
    files = [*(note for _, note in reading.read), *reading.moved]
    gone = _gone(config, files)
    told = {
        "driver": config.type,
        "rotation": config.config or {},
        "primary": bool(files),
        "why": "the engine's own files, as it wrote them; what its API gives is made from these",
        "gone": gone,
        "files": sorted(files, key=lambda one: (one["rotation"], one["path"])),
        "settings": reading.settings,
    }
    reading.intake.put(operation.file, pretty(told), source="made by irkit while it read them")
    if not files:
        none = f"no log file: driver {config.type or 'unknown'} keeps none, or nothing was written"
        return Outcome(detail="; ".join((none, *reading.short[:3])))
    size = sum(one.get("bytes", 0) for one in files)
    detail = f"{len(files)} files of the log ({config.type}), {size} bytes: these are the primary evidence"
    return Outcome(detail="; ".join(filter(None, (detail, gone, *reading.short[:3]))))


def _gone(config: _LogConfig, files: Sequence[dict[str, Any]]) -> str:
    """What rotation has taken away, as far as the settings and the files tell."""
    most = (config.config or {}).get("max-file", "5" if config.type == "local" else "1")
    size = (config.config or {}).get("max-size", "20m" if config.type == "local" else "")
    if not size or size == "-1" or not most.isdecimal():
        return ""
    if files and max(one["rotation"] for one in files) + 1 >= int(most) > 1:
        return f"all {most} files that the engine keeps are there: what was written before them is gone"
    return "the engine keeps one file and empties it: what was written before is gone" if most == "1" else ""


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
