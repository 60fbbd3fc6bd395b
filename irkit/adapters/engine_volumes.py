"""A volume or bind mount: by the host's files where they are the engine's own and can be read, else by an archive."""

from typing import TYPE_CHECKING, Final

from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.layer_files import UNTOLD
from irkit.adapters.layer_place import Store, check_readable, is_of_host, mounts_of, store_of
from irkit.adapters.tree_entry import TreeEntry
from irkit.adapters.tree_tar import SMALL, TreeTar, open_tree
from irkit.adapters.tree_walk import Met, walk
from irkit.adapters.volume_place import LinkOnWayError, VolumePlace, find_volume
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadVolume
from irkit.core.ports import Deadline, FileFacts, HostFiles, Intake, Looked, Outcome

if TYPE_CHECKING:
    from irkit.adapters.engine_told import EngineTold

_MOST: Final = 8 << 20
_SLACK: Final = 256 << 20
"""Bytes of an archive that are read beyond what is kept."""
_PSEUDO: Final = (b"/proc", b"/sys", b"/dev")
_ELSEWHERE: Final = "another file system is mounted there"
_LED: Final = "it lies in another volume of the container, which may have put it there, and the engine would follow it"
_LINKED: Final = (
    "the engine does not show it as a plain folder: parts of seconds and device numbers are not told either"
)
_NESTED: Final = (
    "its source lies in another volume of the container: a link that was put on the way there has been followed by the "
    "engine, and nothing shows that these files are the volume's"
)


class ReadsVolume:
    """Reads a volume of a host whose files are `files`."""

    def __init__(self, files: HostFiles) -> None:
        self._files = files

    def __call__(self, api: EngineApi, operation: ReadVolume, intake: Intake, deadline: Deadline) -> Outcome:
        store = store_of(api.read(f"/containers/{part(operation.container)}/json", deadline))
        try:
            check_readable(self._files, deadline)
            if not operation.source.startswith("/") or not is_of_host(self._files, store, deadline):
                raise TargetError("the engine's files are not among the host's that can be read", Refusal.UNSUPPORTED)
            small = SMALL if operation.contents else -1
            place = find_volume(self._files, store, operation, deadline, small=small)
        except TargetError as error:
            check_is_answer(error)
            return _by_archive(api, operation, intake, deadline, store, error)
        try:
            if place.file is None:
                return _by_files(api, self._files, operation, intake, deadline, place, store)
            return _one_file(operation, intake, deadline, place, place.file)
        finally:
            place.folder.close()


def _by_files(
    api: EngineApi,
    files: HostFiles,
    operation: ReadVolume,
    intake: Intake,
    deadline: Deadline,
    place: VolumePlace,
    store: Store,
) -> Outcome:
    own = place.folder.own(deadline)
    if own.facts.device and own.facts.device in _pseudo_devices(files, deadline):
        raise TargetError("it is a file system that the kernel makes up: it is never walked", Refusal.UNSUPPORTED)
    tree = _opened(operation, intake, place.source, place.warning)
    told_too = _told_too(api, operation, store, deadline) if own.xattrs is None else None
    points = _points(files, place, deadline)

    def enters(path: bytes, facts: FileFacts) -> str:
        return _ELSEWHERE if facts.device != own.facts.device or path in points else ""

    mets = walk(place.folder, deadline, small=SMALL if operation.contents else -1, enters=enters)
    try:
        for met in told_too.each(mets) if told_too else mets:
            tree.add(met, deadline)
    finally:
        if own.xattrs is None:
            tree.tar.warn(f"{told_too.words() if told_too else _LINKED}; {UNTOLD}")
        tree.flush()
    return _outcome(tree, f"from {place.source} on the host", place.warning)


def _told_too(api: EngineApi, operation: ReadVolume, store: Store, deadline: Deadline) -> "EngineTold | None":
    """What completes a volume that is read over SFTP; None where a link may lead to it in the container."""
    from irkit.adapters.engine_told import EngineTold  # noqa: PLC0415 - few runs need what it loads

    mounts = [one.destination for one in store.mounts or ()]
    told_too = EngineTold(api, operation.container, deadline, place=operation.destination, mounts=mounts)
    return told_too if told_too.is_plain(operation.destination) else None


def _one_file(operation: ReadVolume, intake: Intake, deadline: Deadline, place: VolumePlace, looked: Looked) -> Outcome:
    """A file, socket or device that is mounted by itself."""
    tree = _opened(operation, intake, place.source, place.warning)
    if looked.xattrs is None:
        tree.tar.warn(f"parts of seconds, device numbers and capabilities are not told over SFTP; {UNTOLD}")
    try:
        tree.add(Met(looked.facts.name, looked, place.folder), deadline)
    finally:
        tree.flush()
    return _outcome(tree, f"a {looked.facts.kind}, from {place.source} on the host", place.warning)


def _by_archive(
    api: EngineApi, operation: ReadVolume, intake: Intake, deadline: Deadline, store: Store, error: TargetError
) -> Outcome:
    """What the engine gives of its path in the container. It follows links on the way to the volume's source."""
    from irkit.adapters.archive_members import Members  # noqa: PLC0415 - few runs need what it loads

    why, doubt = error.reason, _NESTED if _is_in_other(store, operation, operation.source) else ""
    if isinstance(error, LinkOnWayError):
        if _is_in_other(store, operation, error.link.decode("utf-8", "surrogateescape")):
            raise TargetError(f"{why}: {_LED}", Refusal.REFUSED) from error
        doubt = f"{why}, but the engine follows it: nothing shows that these files are the volume's"
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
    return _outcome(tree, f"by the engine's archive of {operation.destination}: {why}", doubt=doubt)


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


def _is_in_other(store: Store, operation: ReadVolume, path: str) -> bool:
    """Whether that lies in another volume of the container, to which it may write."""
    mounts = (mount for mount in store.mounts or () if mount.is_writable)
    others = (mount.source for mount in mounts if mount.source not in ("", operation.source))
    return any(path.startswith(other.rstrip("/") + "/") for other in others)


def _points(files: HostFiles, place: VolumePlace, deadline: Deadline) -> frozenset[bytes]:
    """Where other file systems are mounted below, relative to it."""
    (table,) = files.read_small([place.table], _MOST, deadline)
    above = place.mounted.rstrip(b"/") + b"/"
    points = (point for point, _, _ in mounts_of(table if isinstance(table, bytes) else b""))
    return frozenset(point.removeprefix(above) for point in points if point.startswith(above) and point != above)


def _opened(operation: ReadVolume, intake: Intake, source: str, warning: str = "") -> TreeTar:
    index = operation.file.removesuffix(".tar") + ".jsonl"
    tree = open_tree(intake, operation.file, index, source=source, limit=operation.limit, reads=operation.contents)
    if warning:
        tree.tar.warn(warning)
    return tree


def _outcome(tree: TreeTar, how: str, *notes: str, doubt: str = "") -> Outcome:
    partial = tree.finish(doubt)
    counts = tree.counts
    held = f"{counts.bytes} bytes" if counts.bytes == counts.seen else f"{counts.bytes} of {counts.seen} bytes"
    if not counts.entries:
        how += ", in which there is nothing, as of a socket"
    parts = [f"{counts.entries} names, {counts.files} files, {held}", how, *notes, partial]
    return Outcome(detail=", ".join(filter(None, parts)))
