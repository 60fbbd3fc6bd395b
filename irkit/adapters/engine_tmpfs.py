"""collect.tmpfs on a host: what is in a container's tmpfs mounts, through the root of one of its processes.

Which they are is the kernel's word (mountinfo). One that the host has mounted for itself and gives to the container is
a bind mount, and is left to `snapshot.volumes`; /dev/shm is read whosever it is.
"""

import os
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from irkit.adapters.container_pids import pids_of
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import HostSide, check_is_answer
from irkit.adapters.tree_entry import text_of
from irkit.adapters.tree_tar import SMALL, TreeTar, open_tree
from irkit.adapters.tree_walk import Met, walk
from irkit.core.codec import pretty
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadTmpfs
from irkit.core.ports import Deadline, FileFacts, HostFiles, HostFolder, Intake, Outcome

_KINDS: Final = (b"tmpfs", b"ramfs")
_LIMIT: Final = 8 << 20
_SHM: Final = b"/dev/shm"
_CROSSING: Final = "another file system is mounted there"
_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")
_FIELDS: Final = 6


class Mount(NamedTuple):
    """A mount: the file system's device, what of it is mounted (`root`), where, and its kind."""

    device: tuple[int, int]
    root: bytes
    place: bytes
    kind: bytes


class _Told(msgspec.Struct, kw_only=True, omit_defaults=True):
    place: str
    place_b64: str = ""
    device: str
    read: bool = False
    why_not: str = ""


class ReadsTmpfs:
    """The handler."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: ReadTmpfs, intake: Intake, deadline: Deadline) -> Outcome:
        body = api.read(f"/containers/{part(operation.container)}/json", deadline)
        container = container_of(body, "", podman=api.is_podman(deadline))
        entry = pids_of(self._side.files, container, deadline).entry
        if not entry:
            raise TargetError("all its processes have ended: its tmpfs is gone", Refusal.ABSENT)
        mounts = self._mounts(entry, deadline)
        hosts = {one.device: one.place for one in self._mounts(1, deadline)}
        top = b"/proc/%d/root" % entry
        source = f"host files below {top.decode()}, as mountinfo tells"
        folder = operation.file
        tree = open_tree(
            intake, f"{folder}/files.tar", f"{folder}/files.index.jsonl", source=source, limit=operation.limit
        )
        told = []
        places = frozenset(one.place for one in mounts)
        for mount in (one for one in mounts if one.kind in _KINDS):
            why_not = _is_the_hosts(mount, hosts, container) or self._read(tree, top, mount, places, deadline)
            place, raw = text_of(mount.place)
            device = ":".join(map(str, mount.device))
            told.append(_Told(place=place, place_b64=raw, device=device, read=not why_not, why_not=why_not))
        partial = tree.finish("; ".join(f"{one.place}: {one.why_not}" for one in told if _is_loss(one)))
        intake.put(f"{folder}/mounts.json", pretty(told), source=f"made from host file /proc/{entry}/mountinfo")
        read = [one for one in told if one.read]
        counts = tree.counts
        detail = f"{len(read)} of {len(told)} tmpfs mounts, {counts.entries} names, {counts.bytes} bytes"
        return Outcome(detail=f"{detail}; not whole: {partial}" if partial else detail)

    def _mounts(self, pid: int, deadline: Deadline) -> list[Mount]:
        """What is mounted as a process sees it; of mounts at one place the last, which hides the others."""
        (found,) = self._side.files.read_small([b"/proc/%d/mountinfo" % pid], _LIMIT, deadline)
        if isinstance(found, TargetError):
            raise found
        return list({one.place: one for one in parse_mounts(found)}.values())

    def _read(self, tree: TreeTar, top: bytes, mount: Mount, places: frozenset[bytes], deadline: Deadline) -> str:
        """Take in what is below a mount; why not, or empty."""
        try:
            folder = _enter(self._side.files, top, mount.place, deadline)
        except TargetError as error:
            check_is_answer(error)
            return error.reason
        prefix = mount.place.strip(b"/")

        def enters(path: bytes, facts: FileFacts) -> str:
            return _CROSSING if mount.place.rstrip(b"/") + b"/" + path in places else ""

        try:
            own = folder.own(deadline).facts
            if own.device and own.device != os.makedev(*mount.device):
                return "another file system is there by now"
            for met in walk(folder, deadline, small=SMALL, enters=enters):
                tree.add(_placed(met, prefix), deadline)
        except TargetError as error:
            tree.flush()
            check_is_answer(error)
            return error.reason
        finally:
            folder.close()
        return ""


def _is_loss(told: _Told) -> bool:
    return bool(told.why_not) and not told.why_not.startswith((_OF_HOST, _NO_FOLDER))


_OF_HOST: Final = "it is the host's own"
_NO_FOLDER: Final = "it is a single file"


def _is_the_hosts(mount: Mount, hosts: dict[tuple[int, int], bytes], container: Container) -> str:
    """Why a mount is left out: one that the engine made for the container is named by its id on the host."""
    place = hosts.get(mount.device)
    if place is None or mount.place == _SHM or container.id.encode() in place:
        return ""
    return f"{_OF_HOST}, mounted there at {text_of(place)[0]}: snapshot.volumes reads what is given to a container"


def _enter(files: HostFiles, top: bytes, place: bytes, deadline: Deadline) -> HostFolder:
    """A folder below the root of a process, part by part, so that no link leads out of it."""
    folder = files.folder(top + b"/.", deadline)
    for name in filter(None, place.split(b"/")):
        try:
            inner = folder.enter(name, deadline)
        except TargetError as error:
            check_is_answer(error)
            is_file = "directory" in error.reason
            raise TargetError(
                f"{_NO_FOLDER}, or no folder any more" if is_file else error.reason, error.kind
            ) from error
        finally:
            folder.close()
        folder = inner
    return folder


def _placed(met: Met, prefix: bytes) -> Met:
    """The same with the path it has in the container; a folder that something else is mounted on is an empty one."""
    path = b"/".join(filter(None, (prefix, b"" if met.path == b"." else met.path))) or b"."
    looked = met.looked
    if looked.problem == _CROSSING:
        looked = msgspec.structs.replace(looked, problem="")
    return met._replace(path=path, looked=looked)


def parse_mounts(text: bytes) -> Iterator[Mount]:
    """The lines of mountinfo: `ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS [TAG]... - KIND SOURCE OPTIONS`."""
    for line in text.split(b"\n"):
        before, dash, after = line.partition(b" - ")
        words, kind = before.split(b" "), after.split(b" ")
        if not dash or len(words) < _FIELDS:
            continue
        major, _, minor = words[2].partition(b":")
        if major.isdigit() and minor.isdigit():
            yield Mount((int(major), int(minor)), _plain(words[3]), _plain(words[4]), kind[0])


def _plain(word: bytes) -> bytes:
    """A path without the escapes that the kernel gives blanks and newlines."""
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), word)
