"""Taking down what an engine of the lab leaves: processes, mounts, namespace, directories.

Works from the engine's directory and namespace alone, so it serves an orderly stop, an engine that was killed, and
sweeps of engines whose owner died. Asking a living engine to remove its containers is left to `engine`.
"""

import contextlib
import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from . import processes
from .records import STATE, Owned
from .tools import find_tool, run

__all__ = ["NETNS", "STATE", "Record", "daemons", "proxies", "remove_directory", "remove_namespace", "take_down"]
NETNS = Path("/run/netns")
CGROUP = Path("/sys/fs/cgroup")
SHIM_SOCKETS = Path("/run/containerd/s")
NAMESPACE = re.compile(r"irkit-lab-(?P<pid>\d+)-h?\d+(?:-out)?")
DAEMONS = ("dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2", "runc")


@dataclass(frozen=True, kw_only=True)
class Record(Owned):
    """What must be known to take an engine down; its name is that of its network namespace."""

    suffix: ClassVar[str] = ".json"

    @property
    def namespace(self) -> str:
        return self.name


def daemons(root: Path, names: tuple[str, ...] = DAEMONS) -> set[int]:
    """Engine processes whose command line names a path below `root`."""
    below = f"{root}/"
    found = set()
    for pid in processes.all_pids():
        argv = processes.arguments(pid)
        if argv and Path(argv[0]).name in names and any(below in part for part in argv):
            found.add(pid)
    return found


def container_ids(root: Path) -> set[str]:
    try:
        return {entry.name for entry in (root / "data" / "containers").iterdir() if len(entry.name) == 64}
    except OSError:
        return set()


def contained(ids: set[str]) -> dict[int, str]:
    """Processes whose control group is that of one of these containers."""
    found = {}
    for pid in processes.all_pids():
        named = set(re.findall(r"[0-9a-f]{64}", processes.read_proc(pid, "cgroup").decode("ascii", "replace")))
        if owner := named & ids:
            found[pid] = owner.pop()
    return found


def proxies(namespace: str) -> set[int]:
    """Port proxies in the lab's network namespace; their command line names no path."""
    try:
        ours = (NETNS / namespace).stat().st_ino
    except OSError:
        return set()
    return {pid for pid in processes.all_pids() if _is_proxy(pid) and _net_inode(pid) == ours}


def _is_proxy(pid: int) -> bool:
    argv = processes.arguments(pid)
    return bool(argv) and Path(argv[0]).name == "docker-proxy"


def _net_inode(pid: int) -> int | None:
    try:
        return (processes.PROC / str(pid) / "ns" / "net").stat().st_ino
    except OSError:
        return None


def _cgroups(container: str) -> list[Path]:
    patterns = (f"docker/{container}", f"*/docker/{container}", f"system.slice/docker-{container}.scope")
    return [path for pattern in patterns for path in CGROUP.glob(pattern)]


def _thaw(container: str) -> None:
    # A frozen process of a version 1 group does not even die.
    for group in _cgroups(container):
        for name, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            if (group / name).exists():
                with contextlib.suppress(OSError):
                    (group / name).write_text(word, encoding="ascii")


def shim_socket(root: Path, container: str) -> Path:
    """Where containerd puts a container's socket: outside of all directories of its own, under a hash."""
    name = f"{root}/exec/containerd/containerd.sock/moby/{container}"
    return SHIM_SOCKETS / hashlib.sha256(name.encode()).hexdigest()


def end_processes(root: Path, namespace: str) -> set[int]:
    """End the engine, its helpers and its containers' processes; returns pids that would not go."""
    ids = container_ids(root)
    for daemon, grace in (("dockerd", 10), ("containerd", 3)):
        processes.end(daemons(root, (daemon,)), grace=grace)
    processes.end(daemons(root) | proxies(namespace), grace=0)
    for container in ids:
        _thaw(container)
    left = processes.end(contained(ids), grace=0)
    for container in ids:
        shim_socket(root, container).unlink(missing_ok=True)
        for group in _cgroups(container):
            with contextlib.suppress(OSError):
                group.rmdir()
    return left | daemons(root)


def mounts_below(root: Path) -> list[str]:
    """Mount points below (or at) a directory, deepest first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), line.split()[4])
        if point == str(root) or point.startswith(f"{root}/"):
            points.append(point)
    return sorted(points, key=len, reverse=True)


def remove_directory(root: Path) -> None:
    for point in mounts_below(root):
        run([find_tool("umount") or "umount", "-l", point], check=False)
    for _attempt in range(10):
        # rm and not shutil: it goes down hostile depths, and never into a mount that is left.
        run(["/bin/rm", "-rf", "--one-file-system", "--", str(root)], check=False, timeout=300)
        if not root.exists():
            return
        time.sleep(0.2)


def remove_namespace(namespace: str) -> None:
    if (NETNS / namespace).exists():
        run([find_tool("ip") or "ip", "netns", "delete", namespace], check=False)


def take_down(record: Record) -> list[str]:
    """Remove everything; returns what could not be removed, in words."""
    root = Path(record.root)
    stubborn = end_processes(root, record.namespace)
    remove_namespace(record.namespace)
    remove_directory(root)
    left = [f"process {pid}" for pid in sorted(stubborn)]
    left += [str(path) for path in (root, NETNS / record.namespace) if path.exists()]
    if not left:
        record.forget()
    return left


def sweep_engines() -> list[str]:
    """Take down engines whose owner is dead, and namespaces on no record; returns the names of those removed."""
    swept = []
    for record in Record.all():
        if NAMESPACE.fullmatch(record.name) and record.orphaned() and not take_down(record):
            swept.append(record.name)
    known = {record.name for record in Record.all()}
    for entry in sorted(NETNS.iterdir()) if NETNS.is_dir() else []:
        found = NAMESPACE.fullmatch(entry.name)
        if found and entry.name not in known and not processes.alive(int(found["pid"])):
            remove_namespace(entry.name)
            swept.append(entry.name)
    return swept
