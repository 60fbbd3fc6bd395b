"""The host around its containers, from its files alone: what is there is kept raw in one archive, and told beside it.

Where to look is in `host_places`, what is read out of it in `host_told`. Nothing is executed, and nothing but regular
files and what the kernel makes is opened. What one may not read, as whoever irkit is on that host, is said.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from irkit.adapters import host_places as places
from irkit.adapters import host_told as told
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.engine_list import summaries_of
from irkit.adapters.host_side import HostSide, check_is_answer
from irkit.adapters.tar_write import END, FILE, Entry, headers, padding
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadHost
from irkit.core.ports import Deadline, EvidenceFile, FileFacts, FileKind, HostFiles, Intake, Outcome
from irkit.core.values import utc_text

_KERNEL_LIMIT: Final = 4 << 20
_SETTING_LIMIT: Final = 1 << 20
_AT_ONCE: Final = 64
_MOST_FILES: Final = 5_000
_MOST_CONTAINERS: Final = 300
_DEPTH: Final = 2
_NANO: Final = 10**9


@dataclass
class Around:
    """One gathering: what is kept goes into the archive, a line of the index for each, and by its path to `kept`."""

    files: HostFiles
    deadline: Deadline
    archive: EvidenceFile
    index: EvidenceFile
    kept: dict[bytes, bytes] = field(default_factory=dict)
    facts: dict[bytes, FileFacts] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    size: int = 0

    def keep_kernel(self, paths: Sequence[bytes]) -> None:
        """Files that the kernel makes, many at once."""
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            for path, found in zip(some, self.files.read_small(some, _KERNEL_LIMIT, self.deadline), strict=True):
                if isinstance(found, TargetError):
                    self._refuse(path, found)
                else:
                    cut = "cut" if len(found) >= _KERNEL_LIMIT else ""
                    self._put(path, found, None, cut)

    def keep(self, path: bytes, limit: int = _SETTING_LIMIT, facts: FileFacts | None = None) -> None:
        """A regular file, its newest bytes where it is larger; a link is told, and what is behind it is not opened."""
        try:
            facts = facts or self.files.stat(path, self.deadline)
            if facts.kind is FileKind.LINK:
                self._note(path, facts, link=told.text_of(self.files.read_link(path, self.deadline)))
            elif facts.kind is not FileKind.FILE:
                self._note(path, facts)
            else:
                begin = max(facts.size - limit, 0)
                content = self.files.read_at(path, begin, min(facts.size, limit) or 1, self.deadline)
                self._put(path, content, facts, f"its newest {limit} bytes" if begin else "")
        except TargetError as error:
            self._refuse(path, error)

    def tell(self, path: bytes) -> FileFacts | None:
        """What a file is, without its content."""
        try:
            facts = self.files.stat(path, self.deadline)
        except TargetError as error:
            self._refuse(path, error)
            return None
        self._note(path, facts)
        return facts

    def inside(self, folder: bytes, depth: int = 0) -> Iterator[tuple[bytes, FileFacts]]:
        """What is in a folder and those in it, to that depth."""
        for facts in sorted(self.names(folder), key=lambda one: one.name):
            path = folder + b"/" + facts.name
            if facts.kind is FileKind.DIRECTORY and depth:
                yield from self.inside(path, depth - 1)
            yield path, facts

    def names(self, folder: bytes) -> list[FileFacts]:
        """What is in a folder, none where that cannot be told."""
        try:
            return self.files.list(folder, self.deadline)[:_MOST_FILES]
        except TargetError as error:
            self._refuse(folder, error)
            return []

    def _refuse(self, path: bytes, error: TargetError) -> None:
        check_is_answer(error)
        if error.kind is not Refusal.ABSENT:
            self.refused.append(error.reason)
            self._line({"path": told.text_of(path), "error": error.reason})

    def _put(self, path: bytes, content: bytes, facts: FileFacts | None, cut: str) -> None:
        entry = Entry(
            path=path.lstrip(b"/"),
            kind=FILE,
            mode=facts.mode if facts else 0o444,
            uid=facts.uid if facts else 0,
            gid=facts.gid if facts else 0,
            size=len(content),
            modified_ns=facts.modified_ns if facts else 0,
        )
        self.archive.write(headers(entry)[0] + content + padding(len(content)))
        self.kept[path] = content
        self.size += len(content)
        more = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        self._note(path, facts, **more, **({"cut": cut} if cut else {}))

    def _note(self, path: bytes, facts: FileFacts | None, **more: Any) -> None:
        line: dict[str, Any] = {"path": told.text_of(path)}
        if facts is not None:
            self.facts[path] = facts
            line |= file_told(facts)
        self._line(line | more)

    def _line(self, line: dict[str, Any]) -> None:
        self.index.write(msgspec.json.encode(line) + b"\n")


def file_told(facts: FileFacts) -> dict[str, Any]:
    """A file's facts as they are written down."""
    return {
        "kind": facts.kind,
        "mode": f"{facts.mode:04o}",
        "uid": facts.uid,
        "gid": facts.gid,
        "size": facts.size,
        "modified_ns": facts.modified_ns,
        "changed_ns": facts.changed_ns,
    }


class ReadsHost:
    """Reads hosts from their files."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: ReadHost, intake: Intake, deadline: Deadline) -> Outcome:
        source = "files of the host"
        archive = intake.open("around/files.tar", source=source, compress=True)
        index = intake.open("around/files.jsonl", source=source, compress=True)
        around = Around(self._side.files, deadline, archive, index)
        now = self._side.clock.now()
        reason = ""
        try:
            self._side.files.stat(b"/proc", deadline)
        except TargetError as error:
            check_is_answer(error)
            reason = error.reason
        found = {"read_at": utc_text(now), **({} if reason else _gather(around, operation, int(now.timestamp())))}
        if not reason:
            found["interfaces"] = list(_interfaces(around, api, deadline))
        found["not_read"] = reason or around.refused[:200]
        around.archive.write(END)
        archive.finish()
        index.finish()
        out = intake.open(operation.file, source="made from files.tar")
        out.write(pretty(found))
        for text in [reason] if reason else around.refused[:3]:
            out.warn(f"not read: {text}")
        out.finish()
        if reason:
            return Outcome(detail=f"nothing of the host but what its engine tells: {reason}")
        missed = f"; {len(around.refused)} could not be read" if around.refused else ""
        return Outcome(detail=f"{len(around.kept)} files, {around.size} bytes{missed}")


def _gather(around: Around, operation: ReadHost, now: int) -> dict[str, Any]:
    """Read all places, and tell what is in them."""
    around.keep_kernel(places.KERNEL)
    first = b"/proc/1/"
    around.keep_kernel([first + name for name in places.OF_FIRST])
    if first + b"net/tcp" not in around.kept:  # whoever is not root, or has no process 1 to look at
        first = b"/proc/self/"
        around.keep_kernel([first + name for name in places.OF_FIRST])
    around.keep_kernel(list(_sysctls(around)))
    for path in places.SETTINGS:
        around.keep(path)
    for path in (*places.FACTS_ONLY, *places.SOCKETS):
        around.tell(path)
    since = (now - operation.changed) * _NANO
    changed = list(_jobs(around, since))
    for path in (*places.LOGINS, *places.LOGS):
        around.keep(path, operation.log_limit // told.LOGIN_SIZE * told.LOGIN_SIZE)
    _keys(around)
    net = {name.removeprefix(b"net/"): around.kept.get(first + name, b"") for name in places.OF_FIRST}
    return {
        "kernel": _kernel(around),
        "sysctls": _values(around, b"/proc/sys/"),
        "mounts": list(told.mounts_of(around.kept.get(first + b"mountinfo", b""))),
        "listening": list(told.listening_of(net)),
        "sockets": {
            told.text_of(path): file_told(around.facts[path]) for path in places.SOCKETS if path in around.facts
        },
        "engine": told.text_of(around.kept.get(b"/etc/docker/daemon.json", b"")),
        "logins": list(_logins(around)),
        "users": list(told.users_of(around.kept.get(b"/etc/passwd", b""))),
        "changed_lately": changed,
        "journals": [told.text_of(path) for root in places.JOURNALS for path, _ in around.inside(root, 1)],
    }


def _sysctls(around: Around) -> Iterator[bytes]:
    for name in places.SYSCTLS:
        folder = b"/proc/sys/" + name
        for facts in around.names(folder):
            if facts.kind is FileKind.FILE and facts.mode & 0o444:
                yield folder + b"/" + facts.name


def _kernel(around: Around) -> dict[str, str]:
    names = {"version": b"/proc/version", "command_line": b"/proc/cmdline", "uptime": b"/proc/uptime"}
    return {name: told.text_of(around.kept.get(path, b"").strip()) for name, path in names.items()}


def _values(around: Around, root: bytes) -> dict[str, str]:
    return {
        told.text_of(path.removeprefix(root)).replace("/", "."): told.text_of(content.strip())
        for path, content in around.kept.items()
        if path.startswith(root)
    }


def _jobs(around: Around, since: float) -> Iterator[dict[str, Any]]:
    """Jobs, units and scripts: all that were made here, and of those that packages bring what matters; what is new."""
    seen: set[bytes] = set()
    for folder in dict.fromkeys((*places.FOLDERS, *places.UNITS)):
        for path, facts in around.inside(folder, 0 if folder in places.UNITS else _DEPTH):
            is_new = max(facts.modified_ns, facts.changed_ns) >= since
            is_wanted = folder not in places.UNITS or is_new or facts.name.startswith(places.ENGINE_UNITS)
            if path in seen or facts.kind is FileKind.DIRECTORY or not is_wanted:
                continue
            seen.add(path)
            around.keep(path, facts=facts)
            if is_new:
                yield {"path": told.text_of(path), **file_told(facts)}


def _logins(around: Around) -> Iterator[dict[str, Any]]:
    for path in places.LOGINS[:3]:
        for one in told.logins_of(around.kept.get(path, b"")):
            yield {"file": told.text_of(path), **one}


def _keys(around: Around) -> None:
    """Who may log in by key. A home is its user's: what is there is looked at before it is opened."""
    homes: Iterable[bytes] = {
        one["home"].encode() for one in told.users_of(around.kept.get(b"/etc/passwd", b"")) if one["home"] != "/"
    }
    for home in sorted(homes):
        if home.startswith(b"/") and b".." not in home.split(b"/"):
            for name in places.KEYS:
                around.keep(home + b"/" + name)


def _interfaces(around: Around, api: EngineApi, deadline: Deadline) -> Iterator[dict[str, Any]]:
    """The host's interfaces, and which container is at the other end of a veth pair, by the numbers of both ends."""
    root = b"/sys/class/net/"
    names = [facts.name for facts in around.names(root.rstrip(b"/"))]
    around.keep_kernel([root + name + b"/" + value for name in names for value in places.INTERFACE])
    links = around.files.read_links([root + name + b"/master" for name in names], deadline)
    inner = _inner_ends(around, api, deadline)
    for name, master in zip(names, links, strict=True):
        own = {value.decode(): told.text_of(around.kept.get(root + name + b"/" + value, b"").strip())
               for value in places.INTERFACE}  # fmt: skip
        ends = inner.get(own["iflink"], []) if own["iflink"] != own["ifindex"] else []
        bridge = "" if isinstance(master, TargetError) else told.text_of(master.rpartition(b"/")[2])
        yield {"name": told.text_of(name), **own, "master": bridge, "containers": ends}


def _inner_ends(around: Around, api: EngineApi, deadline: Deadline) -> dict[str, list[dict[str, str]]]:
    """The interfaces of running containers by their numbers. More than one of a number: only one of them is it."""
    found: dict[str, list[dict[str, str]]] = {}
    running = summaries_of(api.read("/containers/json", deadline), "")[:_MOST_CONTAINERS]
    for one in running:
        try:
            now = container_of(api.read(f"/containers/{part(one.id)}/json", deadline), "")
        except TargetError as error:
            check_is_answer(error)
            continue
        paths = [b"/proc/%d/cgroup" % now.pid, b"/proc/%d/net/igmp" % now.pid]
        groups, igmp = around.files.read_small(paths, _KERNEL_LIMIT, deadline)
        if now.pid > 0 and isinstance(groups, bytes) and isinstance(igmp, bytes) and now.id.encode() in groups:
            for name, number in told.multicast_members(igmp).items():
                found.setdefault(str(number), []).append({"container": now.id, "name": now.name, "interface": name})
    return found
