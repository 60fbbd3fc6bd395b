"""Taking down what a lab host leaves: processes, wire, namespace, directory.

Works from the record alone, so it serves an orderly stop and a sweep of hosts whose owner died. A host's processes
are those that see its mark among their mounts; mounts themselves end with the last of them.
"""

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from . import processes
from .leftovers import NETNS, remove_directory, remove_namespace
from .records import Owned
from .tools import find_tool, run

# Devices are named after the process that laid them. Outer is the end that is nearer to the tests.
OUTER = "ilo"
INNER = "ili"
DEVICE = re.compile(rf"(?:{OUTER}|{INNER})(?P<pid>\d+)-\d+")


@dataclass(frozen=True, kw_only=True)
class HostRecord(Owned):
    """What must be known to take a host down. `namespace` is empty where it is an engine's."""

    suffix: ClassVar[str] = ".host"
    namespace: str = ""
    link_namespace: str = ""
    device: str = ""
    shield: str = ""


def processes_of(name: str) -> set[int]:
    """The processes in a host's mount namespace, whoever started them."""
    mark = f" - tmpfs {name} ".encode()
    seen: dict[int, bool] = {}
    found = set()
    for pid in processes.all_pids():
        space = _mount_namespace(pid)
        if space is None:
            continue
        if space not in seen:
            seen[space] = mark in processes.read_proc(pid, "mountinfo")
        if seen[space]:
            found.add(pid)
    return found


def _mount_namespace(pid: int) -> int | None:
    try:
        return (processes.PROC / str(pid) / "ns" / "mnt").stat().st_ino
    except OSError:
        return None


def end_processes_of(name: str) -> set[int]:
    """End them all, also such as are being born; returns pids that would not go."""
    left: set[int] = set()
    for _attempt in range(20):
        left = {pid for pid in processes_of(name) if processes.alive(pid)}
        if not left:
            break
        processes.end(left, grace=0)
    return left


def _ip(namespace: str) -> list[str]:
    return [find_tool("ip") or "ip", *(["-n", namespace] if namespace else [])]


def remove_link(namespace: str, device: str, shield: str) -> None:
    """Remove a wire; the other end goes with it."""
    if device and (not namespace or (NETNS / namespace).exists()):
        run([*_ip(namespace), "link", "delete", device], check=False)
    if shield:
        run([*_ip(""), "route", "delete", "unreachable", shield], check=False)


def take_down(record: HostRecord) -> list[str]:
    """Remove everything; returns what could not be removed, in words."""
    stubborn = end_processes_of(record.name)
    remove_link(record.link_namespace, record.device, record.shield)
    if record.namespace:
        remove_namespace(record.namespace)
    remove_directory(Path(record.root))
    left = [f"process {pid}" for pid in sorted(stubborn)]
    places = [Path(record.root), *([NETNS / record.namespace] if record.namespace else [])]
    left += [str(path) for path in places if path.exists()]
    if not left:
        record.forget()
    return left


def devices() -> list[str]:
    """Devices of the lab in this namespace."""
    shown = run([*_ip(""), "-j", "link", "show"], check=False).stdout
    with contextlib.suppress(ValueError):
        return [each["ifname"] for each in json.loads(shown) if DEVICE.fullmatch(each["ifname"])]
    return []


def sweep_hosts() -> list[str]:
    """Take down hosts whose owner is dead, and wires that are on no record; returns the names of those removed."""
    swept = [record.name for record in HostRecord.all() if record.orphaned() and not take_down(record)]
    for device in devices():
        found = DEVICE.fullmatch(device)
        if found and not processes.alive(int(found["pid"])):
            remove_link("", device, "")
            swept.append(device)
    return swept
