"""collect.tmpfs on a host: what is in a container's tmpfs mounts, through the root of one of its processes.

Which they are is the kernel's word (mountinfo), in every mount namespace that a process or a thread of the container
is in; what is mounted nowhere and still held is `held_mounts`' concern. One
that the host has mounted for itself and gives to the container is a bind mount, and is left to `snapshot.volumes`;
/dev/shm is read whosever it is.
"""

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from irkit.adapters.container_pids import Pids, Process, pids_of
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.held_mounts import HeldReading
from irkit.adapters.held_search import MOST_TASKS, Held, HeldSearch, Known, Task
from irkit.adapters.host_side import HostSide, check_is_answer
from irkit.adapters.mount_table import Mount, MountTable
from irkit.adapters.tree_entry import text_of
from irkit.adapters.tree_tar import SMALL, TreeTar, open_tree
from irkit.adapters.tree_walk import Met, walk
from irkit.adapters.unasked import SERVED
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadTmpfs
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFiles, HostFolder, Intake, Outcome

_KINDS: Final = (b"tmpfs", b"ramfs")
_LIMIT: Final = 8 << 20
_SHM: Final = b"/dev/shm"
_CROSSING: Final = "another file system is mounted there"
_HIDDEN: Final = "something else is mounted over it, or over the way to it: from outside nobody can read it"
_MOST_THREADS: Final = 50_000
_MOST_ASKED: Final = 32
"""Processes of one mount namespace whose tables are compared: one with a root of its own sees less."""


class _View(NamedTuple):
    """A mount namespace of the container, as the process of it sees it that sees most."""

    pid: int
    base: bytes
    namespace: bytes
    table: MountTable

    @property
    def top(self) -> bytes:
        return self.base + b"/root"


class _Hosts(NamedTuple):
    """Where the host has what is mounted, by device; and the container's id, by which the engine names its own."""

    places: dict[tuple[int, int], bytes]
    container: str

    def has(self, device: int) -> bool:
        """Whether a file system is the host's own: what the engine made for the container is not."""
        place = self.places.get((os.major(device), os.minor(device)))
        return place is not None and self.container.encode() not in place


class _Told(msgspec.Struct, kw_only=True, omit_defaults=True):
    place: str
    place_b64: str = ""
    device: str
    mount: int
    process: int
    namespace: str = ""
    stored_below: str = ""
    read: bool = False
    why_not: str = ""
    detached: bool = False


class _Task(NamedTuple):
    task: Task
    namespace: bytes


class ReadsTmpfs:
    """The handler."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: ReadTmpfs, intake: Intake, deadline: Deadline) -> Outcome:
        body = api.read(f"/containers/{part(operation.container)}/json", deadline)
        container = container_of(body, "", podman=api.is_podman(deadline))
        pids = pids_of(self._side.files, container, deadline)
        entry = pids.entry
        if not entry:
            raise TargetError("all its processes have ended: its tmpfs is gone", Refusal.ABSENT)
        tasks = self._tasks(pids, deadline)
        views, missed = self._views(pids, entry, tasks, deadline)
        of_host = self._table(1, deadline)
        hosts = _Hosts({one.device: one.place for one in of_host.mounts}, container.id)
        source = f"host files below /proc/{entry}/root, as mountinfo tells"
        if len(views) > 1:
            source += "; of other mount namespaces below /proc/PID/root of " + ", ".join(
                v.base.removeprefix(b"/proc/").decode("ascii") for v in views[1:]
            )
        folder = operation.file
        tree = open_tree(
            intake, f"{folder}/files.tar", f"{folder}/files.index.jsonl", source=source, limit=operation.limit
        )
        reading = _Reading(self._side.files, tree, hosts, deadline)
        for at, view in enumerate(views):
            reading.take(view, b"namespaces/" + view.namespace if at else b"")
        known = Known(_mounts(of_host, views), reading.settled(), _namespaces(pids, tasks))
        search = HeldSearch(self._side.files, known, deadline)
        held = HeldReading(self._side.files, tree, deadline, reading.tell_held)
        held.take(one for one in search.look_at([one.task for one in tasks]) if not hosts.has(one.facts.device))
        partial = tree.finish("; ".join((*missed, *reading.losses(), *search.missed, *dict.fromkeys(held.missed))))
        told = reading.told
        intake.put(f"{folder}/mounts.json", pretty(told), source=f"made from host file /proc/{entry}/mountinfo")
        read = [one for one in told if one.read]
        counts = tree.counts
        detail = f"{len(read)} of {len(told)} tmpfs mounts, {counts.entries} names, {counts.bytes} bytes"
        return Outcome(detail=f"{detail}; not whole: {partial}" if partial else detail)

    def _table(self, pid: int, deadline: Deadline) -> MountTable:
        (found,) = self._side.files.read_small([b"/proc/%d/mountinfo" % pid], _LIMIT, deadline)
        if isinstance(found, TargetError):
            raise found
        return MountTable(found)

    def _tasks(self, pids: Pids, deadline: Deadline) -> list[_Task]:
        """The container's processes, and after them the threads they have."""
        living = [one for one in pids.inside if not one.has_ended]
        found = [_Task(Task(one.pid, b"/proc/%d" % one.pid), _namespace(one)) for one in living]
        several = [one.pid for one in living if one.threads > 1]
        folders = [b"/proc/%d/task" % pid for pid in several]
        bases: list[Task] = []
        for pid, names in zip(several, self._side.files.list_names(folders, MOST_TASKS, deadline), strict=True):
            if not isinstance(names, TargetError):
                numbers = (name for name in names if name.isdigit() and int(name) != pid)
                bases += [Task(pid, b"/proc/%d/task/%b" % (pid, name)) for name in numbers]
        bases = bases[:_MOST_THREADS]
        links = self._side.files.read_links([one.base + b"/ns/mnt" for one in bases], deadline)
        for task, link in zip(bases, links, strict=True):
            if isinstance(link, bytes):
                found.append(_Task(task, _number(link)))
        return found

    def _views(
        self, pids: Pids, entry: int, tasks: Sequence[_Task], deadline: Deadline
    ) -> tuple[list[_View], list[str]]:
        """The mount namespaces of the container's tasks, that of `entry` first; and what could not be seen."""
        first = _namespace(pids.every[entry])
        hosts = _namespace(pids.every[1])
        asked: dict[bytes, list[Task]] = {first: [Task(entry, b"/proc/%d" % entry)]}
        for one in tasks:
            known = asked.setdefault(one.namespace, [])
            if one.task.base != b"/proc/%d" % entry and len(known) < _MOST_ASKED:
                known.append(one.task)
        missed = []
        if len(tasks) >= _MOST_THREADS:
            missed.append(f"it has more than {_MOST_THREADS} threads: not all were looked at")
        views = []
        for space, some in asked.items():
            if not some or (space in (b"", hosts) and space != first):
                continue
            view = self._widest(space, some, deadline)
            if isinstance(view, _View):
                views.append(view)
            elif space == first:
                raise view
            elif view.kind is not Refusal.ABSENT:
                missed.append(f"the mount namespace of process {some[0].pid}: {view.reason}")
        return views, missed

    def _widest(self, space: bytes, tasks: Sequence[Task], deadline: Deadline) -> _View | TargetError:
        """The task that sees most mounts, the first of equals."""
        texts = self._side.files.read_small([one.base + b"/mountinfo" for one in tasks], _LIMIT, deadline)
        found: _View | None = None
        error: TargetError | None = None
        for task, text in zip(tasks, texts, strict=True):
            if isinstance(text, TargetError):
                check_is_answer(text)
                error = error or text
                continue
            table = MountTable(text)
            if found is None or len(table.mounts) > len(found.table.mounts):
                found = _View(task.pid, task.base, space, table)
        return found or error or TargetError("its processes have ended", Refusal.ABSENT)


class _Reading:
    """Takes in the mounts of one view after the other, what was read already only once."""

    def __init__(self, files: HostFiles, tree: TreeTar, hosts: _Hosts, deadline: Deadline) -> None:
        self._files, self._tree, self._hosts, self._deadline = files, tree, hosts, deadline
        self._read_already: set[tuple[tuple[int, int], bytes]] = set()
        self._lost: list[tuple[Mount, _Told]] = []
        self.told: list[_Told] = []

    def losses(self) -> list[str]:
        """What is known to be there, and was read nowhere."""
        lost = (told for mount, told in self._lost if (mount.device, mount.root) not in self._read_already)
        return [f"{one.place}: {one.why_not}" for one in lost]

    def settled(self) -> frozenset[int]:
        """The devices of which all there is was read, or is left to others."""
        return frozenset(os.makedev(*device) for device, root in self._read_already if root == b"/")

    def tell_held(self, held: Held, below: bytes, why_not: str) -> None:
        """A line of a mount that is in no table."""
        place, raw = text_of(held.text)
        device = held.facts.device
        self.told.append(
            _Told(
                place=place,
                place_b64=raw,
                device=f"{os.major(device)}:{os.minor(device)}",
                mount=0,
                process=held.pid,
                stored_below=below.decode("ascii", "replace"),
                read=not why_not,
                why_not=why_not,
                detached=True,
            )
        )

    def take(self, view: _View, below: bytes) -> None:
        """The tmpfs mounts of a view, with names that begin with `below`."""
        for mount in (one for one in view.table.mounts if one.kind in _KINDS):
            key = (mount.device, mount.root)
            if below and key in self._read_already:
                continue
            why_not = _is_the_hosts(mount, self._hosts) or self._read(view, mount, below)
            place, raw = text_of(mount.place)
            told = _Told(
                place=place,
                place_b64=raw,
                device=":".join(map(str, mount.device)),
                mount=mount.id,
                process=view.pid,
                namespace=view.namespace.decode("ascii", "replace"),
                stored_below=below.decode("ascii", "replace"),
                read=not why_not,
                why_not=why_not,
            )
            self.told.append(told)
            if not why_not:
                self._read_already.add(key)
            elif not why_not.startswith((_OF_HOST, _NO_FOLDER)):
                self._lost.append((mount, told))

    def _read(self, view: _View, mount: Mount, below: bytes) -> str:
        """Take in what is below a mount; why not, or empty."""
        way = view.table.way(mount.place)
        if mount not in way[-1:]:
            return _HIDDEN
        if served := next((one.kind for one in way if SERVED.match(one.kind)), b""):
            return f"the way to it leads through {served.decode('ascii', 'replace')}, whose server need never answer"
        try:
            folder = _enter(self._files, view.top, way, self._deadline)
        except TargetError as error:
            check_is_answer(error)
            return error.reason
        try:
            return self._walk(view, mount, folder, below)
        except TargetError as error:
            self._tree.flush()
            check_is_answer(error)
            return error.reason
        finally:
            folder.close()

    def _walk(self, view: _View, mount: Mount, folder: HostFolder, below: bytes) -> str:
        base = mount.place.rstrip(b"/") + b"/"
        prefix = b"/".join(filter(None, (below, mount.place.strip(b"/"))))

        def enters(path: bytes, facts: FileFacts) -> str:
            return _CROSSING if base + path in view.table.places or facts.device != own.device else ""

        own = folder.own(self._deadline).facts
        if own.device and own.device != os.makedev(*mount.device):
            return "another file system is there by now"
        for met in walk(folder, self._deadline, small=SMALL, enters=enters):
            placed = _placed(met, prefix)
            if met.looked.problem == _CROSSING and met.looked.facts.kind is not FileKind.DIRECTORY:
                self._tree.add_bare(placed, why=_CROSSING)
            else:
                self._tree.add(placed, self._deadline)
        return ""


def _namespace(process: Process) -> bytes:
    """The number of its mount namespace, empty where it is not told."""
    return _number(process.namespaces.get("mnt", b""))


def _number(link: bytes) -> bytes:
    return link.removeprefix(b"mnt:[").removesuffix(b"]")


def _namespaces(pids: Pids, tasks: Sequence[_Task]) -> frozenset[bytes]:
    """All mount namespaces that anybody is known to be in."""
    return frozenset((*map(_namespace, pids.every.values()), *(one.namespace for one in tasks)))


def _mounts(of_host: MountTable, views: Sequence[_View]) -> dict[int, Mount]:
    return {one.id: one for table in (of_host, *(view.table for view in views)) for one in table.mounts}


_OF_HOST: Final = "it is the host's own"
_NO_FOLDER: Final = "it is a single file"


def _is_the_hosts(mount: Mount, hosts: _Hosts) -> str:
    """Why a mount is left out: one that the engine made for the container is named by its id on the host."""
    place = hosts.places.get(mount.device)
    if place is None or mount.place == _SHM or hosts.container.encode() in place:
        return ""
    return f"{_OF_HOST}, mounted there at {text_of(place)[0]}: snapshot.volumes reads what is given to a container"


def _enter(files: HostFiles, top: bytes, way: list[Mount], deadline: Deadline) -> HostFolder:
    """The top of the last mount, from the root of a process part by part, so that no link leads out of it.

    What is mounted on the way by then and is none of these is not gone into.
    """
    mount, across = way[-1], frozenset(one.id for one in way)
    folder = files.folder(top + b"/.", deadline)
    for name in filter(None, mount.place.split(b"/")):
        try:
            inner = folder.enter(name, deadline, across=across)
        except TargetError as error:
            check_is_answer(error)
            is_file = mount.root != b"/" and "directory" in error.reason
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
