"""A container's processes into the bundle: raw as /proc has them, decoded beside it, and a summary with the tree.

Hundreds of small files go into one archive: `PID/status` and so on as they are; links of a process (exe, cwd, root,
namespaces, descriptors) in `PID/links`, each as its name, NUL, where it points, NUL, and what is told of descriptors
the same way in `PID/fdinfo`. What a whole namespace has in common (mounts, maps of users) is with the first process of
it that was read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from irkit.adapters.container_pids import Pids, Process, pids_of
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.foreign_text import put
from irkit.adapters.host_side import HostSide
from irkit.adapters.proc_decode import decoded
from irkit.adapters.proc_executables import Executables
from irkit.adapters.proc_machine import Machine, machine_of
from irkit.adapters.proc_reads import AT_ONCE, ProcReads, RawProcess
from irkit.adapters.process_tree import in_tree_order
from irkit.adapters.raw_tar import RawTar
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadProcesses
from irkit.core.ports import Deadline, EvidenceFile, HostFiles, Intake, Outcome
from irkit.core.values import utc_text

MOST_PROCESSES: Final = 50_000
"""Processes that are read at most."""
MOST_BYTES: Final = 4 << 30
"""Bytes of /proc that are kept at most."""
_ROUNDS: Final = 4
"""How often it is looked for processes that were started meanwhile."""
_MOUNTS_LIMIT: Final = 4 << 20
_OF_NAMESPACE: Final = {"ns/mnt": ("mountinfo",), "ns/user": ("uid_map", "gid_map")}
_RAW: Final = "processes/proc.tar"
_SUMMARY: Final = "processes/summary.json"
_SOURCE: Final = "/proc of the host"
_encode = msgspec.json.Encoder().encode


def examined(api: EngineApi, container: str, host: str, deadline: Deadline) -> Container:
    """The facts of the container as they are now."""
    body = api.read(f"/containers/{part(container)}/json", deadline)
    return container_of(body, host, podman=api.is_podman(deadline))


class ReadsProcesses:
    """The handler of ReadProcesses."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: ReadProcesses, intake: Intake, deadline: Deadline) -> Outcome:
        """All of them. What came of it stands where the host is lost, or the time is up, in the middle."""
        container = examined(api, operation.container, "", deadline)
        pids = pids_of(self._side.files, container, deadline)
        machine = machine_of(self._side.files, deadline)
        reading = _Reading(self._side.files, container, pids, machine, intake, operation.file, deadline)
        began = utc_text(self._side.clock.now())
        try:
            reading.read_all()
        except TargetError as error:
            reading.finish(error.reason, began)
            raise
        return reading.finish(reading.partial(), began)


@dataclass
class _Told:
    """What is kept in memory of each process: its place in the tree."""

    process: Process
    name: bytes
    title: bytes
    ended: bool
    notes: list[str]


@dataclass
class _Counts:
    threads: int = 0
    descriptors: int = 0
    missing: int = 0
    cut: int = 0


@dataclass
class _Reading:
    """One reading of a container's processes."""

    files: HostFiles
    container: Container
    pids: Pids
    machine: Machine
    intake: Intake
    file: str
    deadline: Deadline
    told: dict[int, _Told] = field(default_factory=dict)
    counts: _Counts = field(default_factory=_Counts)
    left_out: int = 0
    too_much: bool = False
    died: bool = False
    namespaces: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._raw = self.intake.open(_RAW, source=_SOURCE, compress=True)
        self._lines = self.intake.open(self.file, source=f"made from {_RAW}", compress=True)
        self._tar = RawTar(self._raw)
        self._main = self.pids.main
        self._reads = ProcReads(self.files, self.deadline)
        self._executables = Executables(self.files, self.deadline)

    def read_all(self) -> None:
        """All there are, and those that were started meanwhile, as long as there are not ever more."""
        wanted = list(self._new())
        for _ in range(_ROUNDS):
            self._read(wanted)
            if self.too_much or not (wanted := self._started_meanwhile()):
                return
        self.left_out += len(wanted)

    def _new(self) -> Iterator[Process]:
        """Those not read yet, in the order of the tree."""
        for _, one in in_tree_order((*self.pids.inside, *self.pids.joined)):
            known = self.told.get(one.pid)
            if known is None or known.process.started != one.started:
                yield one

    def _started_meanwhile(self) -> list[Process]:
        try:
            self.pids = pids_of(self.files, self.container, self.deadline, before=self.pids)
        except TargetError as error:
            if error.kind is not Refusal.ABSENT:
                raise
            self.died = True
            return []
        self.died = self.pids.main != self._main
        return list(self._new())

    def _read(self, wanted: Sequence[Process]) -> None:
        for at in range(0, len(wanted), AT_ONCE):
            if len(self.told) >= MOST_PROCESSES or self._tar.bytes >= MOST_BYTES:
                self.too_much = True
                self.left_out += len(wanted) - at
                return
            some = self._reads.read(wanted[at : at + AT_ONCE])
            self._read_shared(some)
            try:
                self._executables.read(some)
            finally:
                for raw in some:
                    self._keep(raw)

    def _read_shared(self, some: Sequence[RawProcess]) -> None:
        """What all processes of a namespace have in common: mounts, and which users are meant by which numbers."""
        asked: list[tuple[RawProcess, str]] = []
        for raw in some:
            for kind, names in _OF_NAMESPACE.items():
                namespace = raw.links.get(kind, b"")
                if namespace and namespace not in self.namespaces:
                    self.namespaces.add(namespace)
                    asked += [(raw, name) for name in names]
        paths = [raw.base + b"/" + name.encode() for raw, name in asked]
        found = self.files.read_small(paths, _MOUNTS_LIMIT, self.deadline)
        for (raw, name), content in zip(asked, found, strict=True):
            if isinstance(content, bytes):
                raw.files[name] = content
            else:
                self.namespaces.discard(raw.links["ns/mnt" if name == "mountinfo" else "ns/user"])

    def _keep(self, raw: RawProcess) -> None:
        executable = {} if raw.is_bare else self._executables.of(raw)
        one = decoded(raw, self.machine, executable, self.pids.own)
        self._lines.write(_encode(one) + b"\n")
        self._keep_raw(raw)
        title = raw.files.get("cmdline", b"").replace(b"\0", b" ").strip()[:_MOST_TITLE]
        name = raw.name
        self.told[raw.process.pid] = _Told(raw.process, name, title, raw.ended, one["notes"])
        self.counts.threads += len(raw.threads)
        self.counts.descriptors += len(raw.descriptors)
        self.counts.missing += bool(raw.missing) and not raw.ended
        self.counts.cut += bool(raw.cut)

    def _keep_raw(self, raw: RawProcess) -> None:
        pid = raw.process.pid
        for name, content in raw.files.items():
            self._tar.add(f"{pid}/{name}", content)
        links = {name.encode(): text for name, text in raw.links.items()}
        links |= {b"fd/" + number: text for number, text in raw.descriptors.items()}
        if links:
            self._tar.add(f"{pid}/links", b"".join(b"%s\0%s\0" % one for one in links.items()))
        if raw.descriptor_facts:
            self._tar.add(f"{pid}/fdinfo", b"".join(b"%s\0%s\0" % one for one in raw.descriptor_facts.items()))
        for thread in raw.threads:
            for name, content in thread.files.items():
                self._tar.add(f"{pid}/task/{thread.tid}/{name}", content)
            texts = (b"ns/%s\0%s\0" % (kind.encode(), text) for kind, text in thread.namespaces.items())
            self._tar.add(f"{pid}/task/{thread.tid}/links", b"".join(texts))

    def partial(self) -> str:
        """Why it is not whole, or empty. Processes come and go; that the container ends is another matter."""
        first = self.told.get(self._main)
        reasons = [
            "the container ended while it was read" if self.died or (first and first.ended) else "",
            f"{self.left_out} more processes were not read" if self.left_out else "",
            f"of {self.counts.cut} processes some files were too long" if self.counts.cut else "",
            f"of {self.counts.missing} processes not all could be read" if self.counts.missing else "",
            self._executables.partial(),
        ]
        return "; ".join(filter(None, reasons))

    def finish(self, partial: str, began: str) -> Outcome:
        """Close all, with the summary."""
        self._tar.end()
        ended = [pid for pid, one in self.told.items() if one.ended]
        gone = f"{len(ended)} processes ended while they were read" if ended else ""
        for out in (self._raw, self._lines):
            if gone:
                out.warn(gone)
            out.finish(partial)
        self._summarize(self.intake.open(_SUMMARY, source=f"made from {_RAW}"), partial, began)
        joined = sum(not one.process.is_inside for one in self.told.values())
        noted = sum(bool(one.notes) for one in self.told.values())
        parts = [
            f"{len(self.told)} processes of /proc",
            f"{joined} of them joined it from elsewhere" if joined else "",
            f"{self.counts.threads} more threads",
            f"{self.counts.descriptors} descriptors",
            f"{self._executables.hashed} executables hashed ({self._executables.bytes} bytes)",
            f"{noted} with something to note" if noted else "",
            gone,
            partial,
        ]
        return Outcome(detail=", ".join(filter(None, parts)))

    def _summarize(self, out: EvidenceFile, partial: str, began: str) -> None:
        summary = {
            "source": _SOURCE,
            "at": began,
            "host": self.machine.facts(),
            "first_process": self._main,
            "processes": len(self.told),
            "processes_of_the_host": len(self.pids.every),
            "namespaces_not_told": self.pids.unread,
            "ended_meanwhile": [pid for pid, one in self.told.items() if one.ended],
            "executables_hashed": self._executables.hashed,
            "executables_without_digest": self._executables.without,
            "partial": partial,
            "sharing": [
                {"pid": one.pid, "container": one.other, "namespaces": list(one.shared)} for one in self.pids.sharing
            ],
            "tree": list(self._tree()),
        }
        out.write(msgspec.json.format(_encode(summary), indent=2) + b"\n")
        out.finish(partial)

    def _tree(self) -> Iterator[dict[str, Any]]:
        for depth, process in in_tree_order(one.process for one in self.told.values()):
            one = self.told[process.pid]
            line: dict[str, Any] = {"depth": depth, "pid": process.pid, "ppid": process.parent}
            put(line, "name", one.name)
            put(line, "title", one.title)
            line |= {"started_at": self.machine.moment(process.started), "why": process.why(), "notes": one.notes}
            yield line


_MOST_TITLE: Final = 200
"""Bytes of a title that the tree shows."""
