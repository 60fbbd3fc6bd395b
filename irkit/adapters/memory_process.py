"""What is told of a process beside its memory: enough to know it, and to make an ELF core of it later."""

import base64
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from irkit.adapters.container_pids import Process, Tie
from irkit.adapters.process_memory import MemoryCounts
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, HostFiles

_SMALL: Final = 64 * 1024
_LARGE: Final = 4 << 20
MOST_THREADS: Final = 4096
_FILES: Final = (b"comm", b"cmdline", b"status", b"stat", b"auxv")
_AT_ONCE: Final = 64


class Thread(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A thread. `syscall` is what the kernel tells of where it waits: call, arguments, stack pointer, and address."""

    tid: int
    syscall: str = ""


class MemoryProcess(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of `memory/processes.jsonl`. Text of the container's making is in base64 where it is no text.

    `stat` and `status` are the kernel's files as they were, `auxv` in base64. `folder` is where its items are.
    """

    pid: int
    why: str
    in_group: bool
    frozen: bool | None = None
    name: str = ""
    executable: str = ""
    executable_b64: str = ""
    command_b64: str = ""
    stat: str = ""
    status: str = ""
    auxv: str = ""
    threads: list[Thread] = []
    folder: str = ""
    regions: int = 0
    read: int = 0
    stored: int = 0
    zeros: int = 0
    absent: int = 0
    partial: str = ""

    def tell(self, folder: str, counts: MemoryCounts, partial: str) -> None:
        """Take in what became of its memory."""
        self.folder, self.partial = folder, partial
        self.regions, self.read, self.stored = counts.regions, counts.read, counts.stored
        self.zeros, self.absent = counts.zeros, counts.absent


def named(process: Process) -> MemoryProcess:
    """A process of which no more is told than that it is there."""
    return MemoryProcess(pid=process.pid, why=process.why(), in_group=Tie.GROUP in process.ties)


def describe(files: HostFiles, processes: Sequence[Process], deadline: Deadline) -> Iterator[MemoryProcess]:
    """Each process, some at a time. Raises TargetError where the host cannot be asked."""
    for begin in range(0, len(processes), _AT_ONCE):
        some = processes[begin : begin + _AT_ONCE]
        paths = [b"/proc/%d/%b" % (one.pid, name) for one in some for name in _FILES]
        found = iter(files.read_small(paths, _LARGE, deadline))
        links = iter(files.read_links([b"/proc/%d/exe" % one.pid for one in some], deadline))
        threads = iter(files.list_names([b"/proc/%d/task" % one.pid for one in some], MOST_THREADS, deadline))
        for one in some:
            name, command, status, stat, auxv = (_or_nothing(next(found)) for _ in _FILES)
            executable = _or_nothing(next(links))
            names = next(threads)
            yield MemoryProcess(
                pid=one.pid,
                why=one.why(),
                in_group=Tie.GROUP in one.ties,
                name=name.rstrip(b"\n").decode("utf-8", "backslashreplace"),
                executable=executable.decode("utf-8", "replace"),
                executable_b64="" if _is_text(executable) else base64.b64encode(executable).decode(),
                command_b64=base64.b64encode(command).decode(),
                stat=stat.decode("utf-8", "backslashreplace"),
                status=status.decode("utf-8", "backslashreplace"),
                auxv=base64.b64encode(auxv).decode(),
                threads=_threads(files, one.pid, () if isinstance(names, TargetError) else names, deadline),
            )


def _threads(files: HostFiles, pid: int, names: Sequence[bytes], deadline: Deadline) -> list[Thread]:
    tids = sorted(int(one) for one in names if one.isdigit())
    said = files.read_small([b"/proc/%d/task/%d/syscall" % (pid, tid) for tid in tids], _SMALL, deadline)
    return [
        Thread(tid=tid, syscall=_or_nothing(one).decode("ascii", "replace").strip())
        for tid, one in zip(tids, said, strict=True)
    ]


def _or_nothing(found: bytes | TargetError) -> bytes:
    return found if isinstance(found, bytes) else b""


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
