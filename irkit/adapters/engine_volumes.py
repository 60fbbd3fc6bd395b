"""A volume or bind mount: by the host's files where they are the engine's own and can be read, else by an archive."""

from typing import Final

from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.layer_files import UNTOLD
from irkit.adapters.layer_place import check_readable, is_of_host, mounts_of, store_of
from irkit.adapters.tree_entry import TreeEntry
from irkit.adapters.tree_tar import SMALL, TreeTar, open_tree
from irkit.adapters.tree_walk import Met, walk
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadVolume
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFiles, HostFolder, Intake, Outcome

_TABLE: Final = b"/proc/self/mountinfo"
_MOST: Final = 8 << 20
_SLACK: Final = 256 << 20
"""Bytes of an archive that are read beyond what is kept."""
_PSEUDO: Final = (b"/proc", b"/sys", b"/dev")
_ELSEWHERE: Final = "another file system is mounted there"


class ReadsVolume:
    """Reads a volume of a host whose files are `files`."""

    def __init__(self, files: HostFiles) -> None:
        self._files = files

    def __call__(self, api: EngineApi, operation: ReadVolume, intake: Intake, deadline: Deadline) -> Outcome:
        store = store_of(api.read(f"/containers/{part(operation.container)}/json", deadline))
        path = operation.source.encode("utf-8", "surrogateescape")
        try:
            check_readable(self._files, deadline)
            if not path.startswith(b"/") or not is_of_host(self._files, store, deadline):
                raise TargetError("the engine's files are not among the host's that can be read", Refusal.UNSUPPORTED)
            facts = self._files.stat(path, deadline)
        except TargetError as error:
            check_is_answer(error)
            return _by_archive(api, operation, intake, deadline, error.reason)
        if facts.kind is FileKind.DIRECTORY:
            top = self._files.folder(path, deadline)
            try:
                return _by_files(self._files, operation, intake, deadline, top)
            finally:
                top.close()
        return _one_file(self._files, operation, intake, deadline, facts)


def _by_files(files: HostFiles, operation: ReadVolume, intake: Intake, deadline: Deadline, top: HostFolder) -> Outcome:
    own = top.own(deadline)
    if own.facts.device and own.facts.device in _pseudo_devices(files, deadline):
        raise TargetError("it is a file system that the kernel makes up: it is never walked", Refusal.UNSUPPORTED)
    tree = _opened(operation, intake, operation.source)
    if own.xattrs is None:
        tree.tar.warn(UNTOLD)
    points = _points(files, top.path, deadline)

    def enters(path: bytes, facts: FileFacts) -> str:
        return _ELSEWHERE if facts.device != own.facts.device or path in points else ""

    try:
        for met in walk(top, deadline, small=SMALL if operation.contents else -1, enters=enters):
            tree.add(met, deadline)
    finally:
        tree.flush()
    return _outcome(tree, operation, f"from {operation.source} on the host")


def _one_file(files: HostFiles, operation: ReadVolume, intake: Intake, deadline: Deadline, facts: FileFacts) -> Outcome:
    """A file, socket or device that is mounted by itself."""
    above = operation.source.rpartition("/")[0] or "/"
    folder = files.folder(above.encode("utf-8", "surrogateescape"), deadline)
    tree = _opened(operation, intake, operation.source)
    try:
        for looked in folder.look([facts], SMALL if operation.contents else -1, deadline):
            tree.add(Met(facts.name, looked, folder), deadline)
    finally:
        folder.close()
        tree.flush()
    return _outcome(tree, operation, f"a {facts.kind}, from {operation.source} on the host")


def _by_archive(api: EngineApi, operation: ReadVolume, intake: Intake, deadline: Deadline, why: str) -> Outcome:
    """What the engine gives of its path in the container."""
    from irkit.adapters.archive_members import Members  # noqa: PLC0415 - few runs need what it loads

    path = f"/containers/{part(operation.container)}/archive"
    query = {"path": operation.destination}
    tree = _opened(operation, intake, f"GET {path}?path={part(operation.destination)}")
    tree.tar.warn(f"by the engine's archive, without most extended attributes, holes and parts of seconds: {why}")
    top = operation.destination.strip("/").rpartition("/")[2].encode("utf-8", "surrogateescape")
    try:
        with api.request("GET", path, deadline, query=query) as answer:
            members = Members(answer, operation.limit + _SLACK)
            for member in members.each(b""):
                inner = _below(member.path, top)
                if member.hard_link:
                    tree.add_link(inner, member.looked.facts, _below(member.hard_link, top))
                else:
                    tree.add(member.met._replace(path=inner), deadline)
        if members.is_cut:
            reason = f"more than the {operation.limit} bytes asked for"
            tree.put(TreeEntry(path=".", type="other", left_out=reason))
    finally:
        tree.flush()
    return _outcome(tree, operation, f"by the engine's archive of {operation.destination}: {why}")


def _below(path: bytes, top: bytes) -> bytes:
    """A path in an archive, less the name of the folder that was asked for."""
    return (path.removeprefix(top + b"/") if path != top else b".") if top else path or b"."


def _pseudo_devices(files: HostFiles, deadline: Deadline) -> set[int]:
    """The file systems that the kernel makes up, and which are not the host's root."""
    found: dict[bytes, int] = {}
    for path in (*_PSEUDO, b"/"):
        try:
            found[path] = files.stat(path, deadline).device
        except TargetError as error:
            check_is_answer(error)
    root = found.pop(b"/", 0)
    return set(found.values()) - {root}


def _points(files: HostFiles, top: bytes, deadline: Deadline) -> frozenset[bytes]:
    """Where other file systems are mounted below, relative to it."""
    (table,) = files.read_small([_TABLE], _MOST, deadline)
    above = top.rstrip(b"/") + b"/"
    places = (place for place, _, _ in mounts_of(table if isinstance(table, bytes) else b""))
    return frozenset(place.removeprefix(above) for place in places if place.startswith(above) and place != above)


def _opened(operation: ReadVolume, intake: Intake, source: str) -> TreeTar:
    index = operation.file.removesuffix(".tar") + ".jsonl"
    return open_tree(intake, operation.file, index, source=source, limit=operation.limit, reads=operation.contents)


def _outcome(tree: TreeTar, operation: ReadVolume, how: str) -> Outcome:
    partial = tree.finish()
    counts = tree.counts
    held = f"{counts.bytes} bytes" if counts.bytes == counts.seen else f"{counts.bytes} of {counts.seen} bytes"
    if not counts.entries:
        how += ", in which there is nothing, as of a socket"
    parts = [f"{counts.entries} names, {counts.files} files, {held}", how, partial]
    return Outcome(detail=", ".join(filter(None, parts)))
