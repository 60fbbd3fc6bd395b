"""What /proc has of processes, as it is there: many processes at a time, each in the same few rounds of questions.

What a process's own memory is read for (command line, environment) comes last: should that have to be waited for, the
rest is known. A process that ends meanwhile, or whose number another one got, is marked. Meaning is `proc_text`'s.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from irkit.adapters.container_pids import NAMESPACES, Process, parse_stat
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, HostFiles

AT_ONCE: Final = 128
"""Processes that are read together."""
_USUAL: Final = 32 * 1024
_MOST: Final = 16 * 1024 * 1024
"""Bytes that are read of one file at first, and at most."""
_MOST_TOGETHER: Final = 64 * 1024 * 1024
"""Bytes of what is longer than usual, of all processes that are read together."""
_MOST_FACTS: Final = 4096
"""Bytes that are read of what is told of a descriptor."""
EPOLL: Final = b"anon_inode:[eventpoll]"
"""What a descriptor of epoll leads to. What is told of one waits, and nothing can end it, while the process adds a file
of a file system whose server does not answer."""
MOST_DESCRIPTORS: Final = 10_000
MOST_THREADS: Final = 10_000
"""Descriptors and threads told of one process at most."""
_QUESTIONS: Final = 5_000
"""Answers that are held at once."""
_BRIEF: Final = ("status",)
"""What is left of a process that has ended; its line in stat and its control groups are known already."""
_FILES: Final = (*_BRIEF, "limits", "maps", "io", "loginuid", "sessionid", "oom_score_adj", "auxv", "attr/current")
_OF_MEMORY: Final = ("cmdline", "environ")
_MAY_LACK: Final = {"io", "loginuid", "sessionid", "attr/current", "auxv"}
"""What not every kernel has, or gives."""
_KERNELS_AGE: Final = ("ns/user", "ns/cgroup", "ns/time", "ns/pid_for_children")
"""The namespaces that not every kernel has."""
LINKS: Final = ("exe", "cwd", "root", *_KERNELS_AGE)
_OF_THREAD: Final = ("stat", "comm", "cgroup")
T = TypeVar("T")


@dataclass
class RawThread:
    """A thread beside a process's first one: what /proc has of it."""

    tid: int
    files: dict[str, bytes] = field(default_factory=dict)
    namespaces: dict[str, bytes] = field(default_factory=dict)


@dataclass
class RawProcess:
    """What /proc has of a process.

    `missing` says of each thing that could not be read why, `cut` what was longer than is read. `ended` says that the
    process was no more when all was read, so that a part may be of another one with the same number.
    """

    process: Process
    base: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, bytes] = field(default_factory=dict)
    descriptors: dict[bytes, bytes] = field(default_factory=dict)
    descriptor_facts: dict[bytes, bytes] = field(default_factory=dict)
    threads: list[RawThread] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    ended: bool = False

    @property
    def name(self) -> bytes:
        """What the process calls itself, in up to fifteen bytes."""
        return self.process.name

    @property
    def is_bare(self) -> bool:
        """Whether only its entry is left."""
        return self.process.has_ended


class ProcReads:
    """Reads processes of a host."""

    def __init__(self, files: HostFiles, deadline: Deadline) -> None:
        self._files, self._deadline = files, deadline
        self._left = 0

    def read(self, processes: Sequence[Process]) -> list[RawProcess]:
        """What there is of these."""
        self._left = _MOST_TOGETHER
        raws = [_begun(one) for one in processes]
        self._read_threads([raw for raw in raws if raw.process.threads > 1])
        whole = [raw for raw in raws if not raw.is_bare]
        self._read_files((raw, name) for raw in raws for name in (_BRIEF if raw.is_bare else _FILES))
        self._read_links([(raw, name) for raw in whole for name in LINKS])
        self._read_descriptors(whole)
        self._read_files((raw, name) for raw in whole for name in _OF_MEMORY)
        self._check_still_there(raws)
        return raws

    def _read_files(self, asked: Iterable[tuple[RawProcess, str]]) -> None:
        for some in _in_parts(list(asked)):
            paths = [raw.base + b"/" + name.encode() for raw, name in some]
            found = self._files.read_small(paths, _USUAL, self._deadline)
            for (raw, name), path, content in zip(some, paths, found, strict=True):
                if isinstance(content, TargetError):
                    self._miss(raw, name, content)
                else:
                    raw.files[name] = content if len(content) < _USUAL else self._whole(raw, name, path, content)

    def _whole(self, raw: RawProcess, name: str, path: bytes, start: bytes) -> bytes:
        """A file that is longer than usual, as far as is read."""
        limit = min(_MOST, self._left)
        (content,) = self._files.read_small([path], limit, self._deadline) if limit > _USUAL else (start,)
        if isinstance(content, TargetError):
            raw.cut.append(name)
            return start
        self._left -= len(content)
        if len(content) >= limit:
            raw.cut.append(name)
        return content

    def _miss(self, raw: RawProcess, name: str, error: TargetError) -> None:
        if name not in _MAY_LACK and name not in _KERNELS_AGE:
            raw.missing[name] = error.reason

    def _read_links(self, asked: Sequence[tuple[RawProcess, str]]) -> None:
        for some in _in_parts(asked):
            paths = [raw.base + b"/" + name.encode() for raw, name in some]
            for (raw, name), text in zip(some, self._files.read_links(paths, self._deadline), strict=True):
                if isinstance(text, TargetError):
                    self._miss(raw, name, text)
                else:
                    raw.links[name] = text

    def _read_descriptors(self, raws: Sequence[RawProcess]) -> None:
        paths = [raw.base + b"/fd" for raw in raws]
        for raw, names in zip(raws, self._files.list_names(paths, MOST_DESCRIPTORS, self._deadline), strict=True):
            if isinstance(names, TargetError):
                raw.missing["fd"] = names.reason
                continue
            if len(names) == MOST_DESCRIPTORS:
                raw.cut.append("fd")
            raw.descriptors = dict.fromkeys(sorted(filter(bytes.isdigit, names), key=int), b"")
        for some in _in_parts([(raw, name) for raw in raws for name in raw.descriptors]):
            texts = self._files.read_links([raw.base + b"/fd/" + name for raw, name in some], self._deadline)
            asked: list[tuple[RawProcess, bytes]] = []
            for (raw, name), text in zip(some, texts, strict=True):
                if isinstance(text, TargetError):
                    del raw.descriptors[name]  # closed meanwhile
                    continue
                raw.descriptors[name] = text
                if not text.startswith(EPOLL):
                    asked.append((raw, name))
            facts = self._files.read_small(
                [raw.base + b"/fdinfo/" + name for raw, name in asked], _MOST_FACTS, self._deadline
            )
            for (raw, name), fact in zip(asked, facts, strict=True):
                raw.descriptor_facts[name] = fact if isinstance(fact, bytes) else b""

    def _read_threads(self, raws: Sequence[RawProcess]) -> None:
        """The threads, and for a process whose first one has ended, another to read it by."""
        paths = [raw.base + b"/task" for raw in raws]
        for raw, names in zip(raws, self._files.list_names(paths, MOST_THREADS, self._deadline), strict=True):
            if isinstance(names, TargetError):
                raw.missing["task"] = names.reason
                continue
            if len(names) == MOST_THREADS:
                raw.cut.append("task")
            numbers = sorted(int(name) for name in names if name.isdigit())
            raw.threads = [RawThread(tid) for tid in numbers if tid != raw.process.pid]
        every = [(raw, thread) for raw in raws for thread in raw.threads]
        _put(every, _OF_THREAD, lambda paths: self._files.read_small(paths, _USUAL, self._deadline), into="files")
        kinds = tuple(f"ns/{kind}" for kind in NAMESPACES)
        _put(every, kinds, lambda paths: self._files.read_links(paths, self._deadline), into="namespaces")
        for raw in raws:
            if raw.process.state == "Z" and raw.threads:
                raw.base = b"/proc/%d/task/%d" % (raw.process.pid, raw.threads[0].tid)

    def _check_still_there(self, raws: Sequence[RawProcess]) -> None:
        stats = self._files.read_small([b"/proc/%d/stat" % raw.process.pid for raw in raws], _USUAL, self._deadline)
        for raw, stat in zip(raws, stats, strict=True):
            now = parse_stat(raw.process.pid, stat) if isinstance(stat, bytes) else None
            raw.ended = now is None or now.started != raw.process.started or now.has_ended > raw.is_bare


def _begun(one: Process) -> RawProcess:
    """What is known of it from when it was looked for."""
    links = {f"ns/{kind}": link for kind, link in one.namespaces.items()}
    return RawProcess(one, b"/proc/%d" % one.pid, files={"stat": one.stat, "cgroup": one.groups}, links=links)


def _put(
    every: Sequence[tuple[RawProcess, RawThread]],
    names: Sequence[str],
    read: Callable[[list[bytes]], Sequence[bytes | TargetError]],
    *,
    into: str,
) -> None:
    for some in _in_parts([(raw, thread, name) for raw, thread in every for name in names]):
        found = read([b"%s/task/%d/%s" % (raw.base, thread.tid, name.encode()) for raw, thread, name in some])
        for (_, thread, name), content in zip(some, found, strict=True):
            if isinstance(content, bytes):
                getattr(thread, into)[name.removeprefix("ns/")] = content


def _in_parts(asked: Sequence[T]) -> Iterator[Sequence[T]]:
    return (asked[at : at + _QUESTIONS] for at in range(0, len(asked), _QUESTIONS))
