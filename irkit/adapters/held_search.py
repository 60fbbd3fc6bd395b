"""What processes hold on a mount that is in no table of theirs: unmounted while in use, or of a namespace nobody is in.

Working folders and roots of every thread, open files and folders of every table of descriptors, mapped files: each by
its link in /proc, and by what the kernel tells of it without asking its file system. What is read is others' concern.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from irkit.adapters.deleted_search import MEMFD
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.mount_table import Mount
from irkit.adapters.proc_reads import EPOLL
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, HostFiles
from irkit.core.text import safe

MOST_TASKS: Final = 20_000
"""Processes and threads whose working folders and descriptors are looked at."""
_MOST_DESCRIPTORS: Final = 65_536
_MOST_HELD: Final = 10_000
_MOST_TOLD: Final = 20
_AT_ONCE: Final = 1024
_SMALL: Final = 4096
_MAPS: Final = 16 << 20
_DELETED: Final = b" (deleted)"
_NO_FILES: Final = (b"/dev/zero" + _DELETED, b"/SYSV", b"/[aio]" + _DELETED)
_NAMESPACE: Final = re.compile(rb"mnt:\[([0-9]+)\]\Z")
_MAPPED: Final = re.compile(
    rb"^([0-9a-f]+-[0-9a-f]+) \S+ \S+ 0*([0-9a-f]+):([0-9a-f]+) ([1-9][0-9]*) +(/[^\n]*)$", re.M
)


class Task(NamedTuple):
    """A process, or a thread of one: `base` is its folder in /proc."""

    pid: int
    base: bytes


class Held(NamedTuple):
    """A file or folder that is held: the link that leads to it, what the kernel calls it, and what it is."""

    pid: int
    path: bytes
    text: bytes
    facts: FileFacts


@dataclass
class Known:
    """What the tables of mounts show, and what of it was read whole (`settled`, by device)."""

    mounts: Mapping[int, Mount]
    settled: Collection[int]
    namespaces: Collection[bytes]

    @property
    def devices(self) -> frozenset[int]:
        """Of all that is mounted."""
        return frozenset(os.makedev(*one.device) for one in self.mounts.values())


@dataclass
class HeldSearch:
    """Looks at tasks. `missed` says what could not be seen, or can be read by nobody from outside."""

    files: HostFiles
    known: Known
    deadline: Deadline
    missed: list[str] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _count: int = 0

    def look_at(self, tasks: Sequence[Task]) -> Iterator[Held]:
        """What is held on file systems in memory that nothing else was read of, each once."""
        for task in tasks[:MOST_TASKS]:
            self.deadline.remaining()
            for path, text in (*self._places(task), *self._descriptors(task)):
                yield from self._taken(task, path, text)
            if b"/task/" not in task.base:
                for path, text in self._mapped(task):
                    yield from self._taken(task, path, text)
        if len(tasks) > MOST_TASKS:
            self._tell(f"of {len(tasks)} processes and threads only {MOST_TASKS} were looked at for what they hold")

    def _places(self, task: Task) -> list[tuple[bytes, bytes]]:
        names = (b"/cwd", b"/root") if b"/task/" in task.base else (b"/cwd", b"/root", b"/exe")
        paths = [task.base + name for name in names]
        texts = self.files.read_links(paths, self.deadline)
        return [(path, text) for path, text in zip(paths, texts, strict=True) if isinstance(text, bytes)]

    def _descriptors(self, task: Task) -> Iterator[tuple[bytes, bytes]]:
        """Those that are open on a mount whose content was not read."""
        (names,) = self.files.list_names([task.base + b"/fd"], _MOST_DESCRIPTORS, self.deadline)
        if isinstance(names, TargetError):
            self._refused(task, names)
            return
        if len(names) >= _MOST_DESCRIPTORS:
            self._tell(f"process {task.pid} has more than {_MOST_DESCRIPTORS} open files")
        numbers = [name for name in names if name.isdigit()]
        for at in range(0, len(numbers), _AT_ONCE):
            some = self._not_epoll(task, numbers[at : at + _AT_ONCE])
            told = self.files.read_small([task.base + b"/fdinfo/" + one for one in some], _SMALL, self.deadline)
            some = [one for one, info in zip(some, told, strict=True) if not self._is_settled(info)]
            paths = [task.base + b"/fd/" + one for one in some]
            for path, text in zip(paths, self.files.read_links(paths, self.deadline), strict=True):
                if isinstance(text, bytes):
                    self._note_namespace(task, text)
                    yield path, text

    def _not_epoll(self, task: Task, numbers: Sequence[bytes]) -> list[bytes]:
        """Those of which it may be asked what is told of them."""
        texts = self.files.read_links([task.base + b"/fd/" + one for one in numbers], self.deadline)
        return [
            one
            for one, text in zip(numbers, texts, strict=True)
            if isinstance(text, bytes) and not text.startswith(EPOLL)
        ]

    def _is_settled(self, info: bytes | TargetError) -> bool:
        word = info.partition(b"mnt_id:")[2].split(b"\n")[0].strip() if isinstance(info, bytes) else b""
        mount = self.known.mounts.get(int(word)) if word.isdigit() else None
        return mount is not None and (mount.kind != b"tmpfs" or os.makedev(*mount.device) in self.known.settled)

    def _mapped(self, task: Task) -> Iterator[tuple[bytes, bytes]]:
        (text,) = self.files.read_small([task.base + b"/maps"], _MAPS, self.deadline)
        if isinstance(text, TargetError):
            self._refused(task, text)
            return
        devices = self.known.devices
        found: set[tuple[bytes, bytes, bytes]] = set()
        for at, major, minor, inode, name in _MAPPED.findall(text):
            if major == b"0" and os.makedev(0, int(minor, 16)) not in devices and (minor, inode, name) not in found:
                found.add((minor, inode, name))
                yield task.base + b"/map_files/" + at, name

    def _taken(self, task: Task, path: bytes, text: bytes) -> Iterator[Held]:
        is_nameless = text.startswith((MEMFD, *_NO_FILES)) and text.endswith(_DELETED)
        if not text.startswith(b"/") or is_nameless or self._count >= _MOST_HELD:
            return
        try:
            is_in_memory = self.files.is_in_memory(path, self.deadline)
            facts = self.files.stat(path, self.deadline, follow=True) if is_in_memory else None
        except TargetError as error:
            self._refused(task, error)
            return
        if facts is None:
            if not path.startswith((task.base + b"/cwd", task.base + b"/root", task.base + b"/exe")):
                self._untold(task, path, text)
            return
        key = (facts.device, facts.inode)
        if facts.device in self.known.settled or key in self._seen:
            return
        self._seen.add(key)
        self._count += 1
        if self._count == _MOST_HELD:
            self._tell(f"more than {_MOST_HELD} files are held on mounts in no table")
        yield Held(task.pid, path, text, facts)

    def _untold(self, task: Task, path: bytes, text: bytes) -> None:
        """What is on a mount in no table, of no kind that is told; a mapping is known by its device alone."""
        if self.files.is_in_memory(path, self.deadline) is None or b"/fd/" in path:
            place = safe(text.decode("utf-8", "replace"))
            self._tell(f"process {task.pid} holds {place} on a mount in no table, of a kind that is not told: not read")

    def _note_namespace(self, task: Task, text: bytes) -> None:
        found = _NAMESPACE.match(text)
        if found and found[1] not in self.known.namespaces:
            number = found[1].decode("ascii")
            self._tell(f"process {task.pid} holds mount namespace {number}, which no process is in: not read")

    def _refused(self, task: Task, error: TargetError) -> None:
        """What is on a mount that is known, or ended meanwhile, is no loss of this search's."""
        check_is_answer(error)
        if error.kind is not Refusal.ABSENT and "mounted nowhere" in error.reason:
            self._tell(f"process {task.pid}: {error.reason}")

    def _tell(self, text: str) -> None:
        if len(self.missed) < _MOST_TOLD and text not in self.missed:
            self.missed.append(text)
