"""Where a volume's files lie on its host, found in a way that the container cannot lead elsewhere.

The source of a volume is a path, and parts of it may lie in another volume that the container writes to: a link put
there leads to any folder of the host. So no link on the way is followed, but for the engine's own folders. Where there
is one, what the container has mounted is read instead, through the root of its first process. Over SFTP each part is
looked at before the next: between two looks a link can still be put in. How a volume is read is `engine_volumes`'.
"""

import re
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from irkit.adapters.file_paths import show, split_path
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.layer_place import Store, is_of_container, mounts_of
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadVolume
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFiles, HostFolder, Looked

_MOST: Final = 8 << 20
"""Bytes of a mount table."""
_OWN_TABLE: Final = b"/proc/self/mountinfo"
_MADE_UP: Final = re.compile(rb"fuse|proc|sysfs|cgroup|tracefs|debugfs")
"""File systems that a process answers for, or that the kernel makes up: a container may mount one over a volume."""
_ELSE: Final = "the container has something else there by now"


class LinkOnWayError(TargetError):
    """The source of a volume leads through a link, at `link`."""

    def __init__(self, link: bytes) -> None:
        self.link = link
        super().__init__(f"{show(link)} on the way to it is a link, which is not followed", Refusal.UNSUPPORTED)


@dataclass(frozen=True)
class VolumePlace:
    """A volume that was found: the folder itself, or the folder with the file, socket or device `file` in it.

    `source` says where, `table` has what is mounted below `mounted`, `warning` is what a reader must know.
    """

    folder: HostFolder
    facts: FileFacts
    source: str
    mounted: bytes
    table: bytes = _OWN_TABLE
    file: Looked | None = None
    warning: str = ""


def find_volume(
    files: HostFiles, store: Store, operation: ReadVolume, deadline: Deadline, *, small: int
) -> VolumePlace:
    """The volume, held open: its folder is to be closed. Contents up to `small` bytes of a single file are read.

    Raises LinkOnWayError, or TargetError that says why it cannot be found.
    """
    path = operation.source.encode("utf-8", "surrogateescape")
    way = split_path(path)
    try:
        if _is_engines(operation):
            parent = files.folder(b"/" + b"/".join(way[:-1]), deadline)
            return _held(parent, way[-1:], path, small, deadline)
        across = [number for number, _, _ in _mounts_on(files, _OWN_TABLE, path, deadline)]
        found = _held(files.folder(b"/", deadline), way, path, small, deadline, across)
    except TargetError as error:
        check_is_answer(error)
        if (inside := _inside(files, store, operation, small, deadline)) is None:
            raise
        if inside.file and inside.file.problem:  # it is mounted by itself, and only looked at
            inside.folder.close()
            if (same := _followed(files, path, inside.facts, small, deadline)) is None:
                raise
            return same
        return replace(inside, warning=f"from {inside.source}, as the container has it: {error.reason}")
    if found.facts.inode and (inside := _inside(files, store, operation, -1, deadline)):
        inside.folder.close()
        if (found.facts.device, found.facts.inode) != (inside.facts.device, inside.facts.inode):
            return replace(found, warning=f"from {found.source} on the host as it is: {_ELSE}")
    return found


def _is_engines(operation: ReadVolume) -> bool:
    """Whether the engine made the folders on the way: of a volume with a name, those down to its data."""
    return operation.kind == "volume" and operation.source.endswith(f"/volumes/{operation.name}/_data")


def _inside(
    files: HostFiles, store: Store, operation: ReadVolume, small: int, deadline: Deadline
) -> VolumePlace | None:
    """What is mounted in the container, by way of the root of its first process; None where that cannot be told."""
    pid, place = store.state.pid, operation.destination.encode("utf-8", "surrogateescape")
    table = b"/proc/%d/mountinfo" % pid
    try:
        mounts = _mounts_on(files, table, place, deadline)
        is_there = any(point == place for _, point, _ in mounts)
        if not is_of_container(files, pid, store.id, deadline) or not is_there:
            return None
        if any(_MADE_UP.match(kind) for _, _, kind in mounts):
            return None
        root, across = b"/proc/%d/root" % pid, [number for number, _, _ in mounts]
        found = _held(files.folder(root + b"/.", deadline), split_path(place), root + place, small, deadline, across)
    except TargetError as error:
        check_is_answer(error)
        return None
    return replace(found, table=table, mounted=place)


def _followed(files: HostFiles, path: bytes, facts: FileFacts, small: int, deadline: Deadline) -> VolumePlace | None:
    """The file at the end of that path, links followed on the way, where it is the very one that `facts` are of."""
    *way, last = split_path(path)
    try:
        found = _held(files.folder(b"/" + b"/".join(way), deadline), [last], path, small, deadline)
    except TargetError as error:
        check_is_answer(error)
        return None
    if found.file and facts.inode and (found.facts.device, found.facts.inode) == (facts.device, facts.inode):
        return found
    found.folder.close()
    return None


def _mounts_on(files: HostFiles, table: bytes, place: bytes, deadline: Deadline) -> list[tuple[int, bytes, bytes]]:
    """What is mounted there and on the way: number, place and type."""
    (found,) = files.read_small([table], _MOST, deadline)
    if isinstance(found, TargetError):
        return []
    mounts: list[tuple[int, bytes, bytes]] = []
    for line in found.split(b"\n"):
        number = line.partition(b" ")[0]
        for point, kind, _ in mounts_of(line):
            if number.isdigit() and (place + b"/").startswith(point.rstrip(b"/") + b"/"):
                mounts.append((int(number), point, kind))
    return mounts


def _held(
    folder: HostFolder, way: list[bytes], path: bytes, small: int, deadline: Deadline, across: Collection[int] = ()
) -> VolumePlace:
    """What is at the end of that way from a folder, which is let go of; no link on it is followed.

    `across` are the numbers of the mounts that are on it.
    """
    source = path.decode("utf-8", "backslashreplace")
    at = folder.path.removesuffix(b"/.").rstrip(b"/")
    with ExitStack() as held:
        held.callback(folder.close)
        for number, name in enumerate(way, start=1):
            at += b"/" + name
            is_last = number == len(way)
            looked = _look(folder, name, small if is_last else -1, deadline)
            if looked.facts.kind is FileKind.LINK:
                raise LinkOnWayError(at)
            if is_last and looked.facts.kind is not FileKind.DIRECTORY:
                held.pop_all()
                return VolumePlace(folder, looked.facts, source, path, file=looked)
            inner = folder.enter(name, deadline, across=across)
            held.close()
            held.callback(inner.close)
            folder = inner
        facts = folder.own(deadline).facts
        held.pop_all()
    return VolumePlace(folder, facts, source, path)


def _look(folder: HostFolder, name: bytes, small: int, deadline: Deadline) -> Looked:
    """What has that name in a folder. Raises TargetError where that cannot be told."""
    asked = FileFacts(name=name, kind=FileKind.OTHER, size=0, mode=0, uid=0, gid=0, modified_ns=0)
    (looked,) = folder.look([asked], small, deadline)
    if looked.problem and looked.facts is asked:
        raise TargetError(looked.problem, Refusal.ABSENT)
    return looked
