"""Processes of a host in memory, as its /proc shows them: for what tells which of them are a container's."""

from dataclasses import dataclass, field

from irkit.adapters.memory_files import MemoryFiles
from irkit.core.ports import FileKind
from tests.adapters.proc_files import ID

OTHER = "1f" * 32
HOST = {"mnt": 1, "net": 2, "pid": 3, "ipc": 4, "uts": 5}
OWN = {"mnt": 11, "net": 12, "pid": 13, "ipc": 14, "uts": 15}
KERNEL = 0x00200000


@dataclass(frozen=True)
class Task:
    """A process: `group` is the path of its control group, `namespaces` their numbers."""

    pid: int
    parent: int = 1
    group: str = "/user.slice"
    namespaces: dict[str, int] = field(default_factory=lambda: dict(HOST))
    name: bytes = b"sh"
    started: int = 1000
    flags: int = 0
    state: str = "S"


def inside(pid: int, parent: int = 50, group: str = f"/docker/{ID}", **more: object) -> Task:
    """A process as a container's are."""
    return Task(pid, parent, group, **{"namespaces": OWN, **more})  # type: ignore[arg-type]


def put_task(files: MemoryFiles, task: Task) -> None:
    """Have /proc show it."""
    folder = b"/proc/%d" % task.pid
    words = [task.state, task.parent, 1, 1, 0, -1, task.flags, *([0] * 10), 1, 0, task.started, 0]
    files.put(folder + b"/stat", b"%d (%s) %s\n" % (task.pid, task.name, " ".join(map(str, words)).encode()))
    files.put(folder + b"/cgroup", f"12:memory:{task.group}\n0::{task.group}\n".encode())
    for kind, number in task.namespaces.items():
        files.put(folder + f"/ns/{kind}".encode(), f"{kind}:[{number}]".encode(), kind=FileKind.LINK)


def host_of(*tasks: Task) -> MemoryFiles:
    """A host with those, and with a first process, a shim and a kernel thread."""
    files = MemoryFiles()
    usual = (Task(1, 0, "/init.scope", name=b"systemd"), Task(2, 0, "/", flags=KERNEL, namespaces={}), Task(50))
    for task in (*usual, *tasks):
        put_task(files, task)
    return files
