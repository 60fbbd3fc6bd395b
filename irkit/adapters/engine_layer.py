"""What differs from the image: by the upper folder where the host's files can be read, else by the engine alone."""

from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.image_digests import ImageDigests
from irkit.adapters.layer_changes import DELETED, as_told, read_kinds
from irkit.adapters.layer_files import UNTOLD, store_by_list, store_over_image, told
from irkit.adapters.layer_image import Image
from irkit.adapters.layer_place import Place, Store, check_readable, find_upper, store_of
from irkit.adapters.tree_tar import TreeTar, open_tree
from irkit.core.errors import TargetError
from irkit.core.operations import ReadChanges
from irkit.core.ports import Deadline, HostFiles, HostFolder, Intake, Outcome

INDEX = "changes/changes.jsonl"
_ENGINE = "the engine's list of changes and its archives"


class ReadsChanges:
    """Reads changed files, of a host whose files are `files`. `digests` are of the images that were read before."""

    def __init__(self, files: HostFiles, digests: ImageDigests) -> None:
        self._files, self._digests = files, digests

    def __call__(self, api: EngineApi, operation: ReadChanges, intake: Intake, deadline: Deadline) -> Outcome:
        store = store_of(api.read(f"/containers/{part(operation.container)}/json", deadline))
        try:
            check_readable(self._files, deadline)
            place = find_upper(self._files, store, deadline)
            top = self._files.folder(place.path, deadline)
        except TargetError as error:
            check_is_answer(error)
            kinds = read_kinds(api, operation.container, deadline)
            tree = _opened(operation, intake, _archives_of(operation))
            return _by_archives(api, tree, operation, deadline, kinds, store, error.reason)
        try:
            return self._by_files(api, operation, intake, deadline, place, top, store)
        finally:
            top.close()

    def _by_files(
        self,
        api: EngineApi,
        operation: ReadChanges,
        intake: Intake,
        deadline: Deadline,
        place: Place,
        top: HostFolder,
        store: Store,
    ) -> Outcome:
        where = place.path.decode("utf-8", "backslashreplace")
        tree = _opened(operation, intake, f"{where}, the upper folder by {place.said_by}")
        tree.image = _OfRun(self._digests, operation.run)
        own = top.own(deadline)
        # Where files are near, looking each up in the image costs next to nothing, and the engine's list a walk.
        if own.facts.inode and place.lowers:
            counts = store_over_image(tree, top, Image(self._files, place.lowers, deadline), deadline)
        else:
            kinds = _listed(api, operation.container, tree, deadline)
            if own.xattrs is None:
                counts = _store_completed(api, tree, top, kinds, store, deadline)
            else:
                counts = store_by_list(tree, top, kinds, deadline)
        partial = tree.finish()
        parts = [told(counts, tree.counts), f"from the upper folder, by {place.said_by}", partial]
        return Outcome(detail=", ".join(filter(None, parts)))


def _store_completed(
    api: EngineApi, tree: TreeTar, top: HostFolder, kinds: dict[str, int], store: Store, deadline: Deadline
) -> dict[str, int]:
    """Store an upper folder that is read over SFTP, with what the engine tells beyond."""
    from irkit.adapters.engine_told import EngineTold  # noqa: PLC0415 - few runs need what it loads

    mounts = [one.destination for one in store.mounts or ()]
    told_too = EngineTold(
        api, store.id, deadline, mounts=mounts, is_deleted=lambda path: kinds.get(as_told(path)) == DELETED
    )
    try:
        return store_by_list(tree, top, kinds, deadline, told_too.each)
    finally:
        tree.tar.warn(f"{told_too.words()}; {UNTOLD}")


def _opened(operation: ReadChanges, intake: Intake, source: str) -> TreeTar:
    return open_tree(intake, operation.file, INDEX, source=source, limit=operation.limit)


def _listed(api: EngineApi, container: str, tree: TreeTar, deadline: Deadline) -> dict[str, int]:
    """The engine's list of changes, if it gives one."""
    try:
        return read_kinds(api, container, deadline)
    except TargetError as error:
        check_is_answer(error)
        tree.index.warn(f"what was added and what was changed is not told: {error.reason}")
        return {}


def _by_archives(
    api: EngineApi,
    tree: TreeTar,
    operation: ReadChanges,
    deadline: Deadline,
    kinds: dict[str, int],
    store: Store,
    why: str,
) -> Outcome:
    from irkit.adapters.layer_archive import store_archives  # noqa: PLC0415 - few runs need what it loads

    tree.tar.warn(f"by {_ENGINE}, which leave out most extended attributes, holes and parts of seconds: {why}")
    mounts = [one.destination for one in store.mounts or ()]
    counts = store_archives(api, tree, operation.container, kinds, mounts, deadline)
    partial = tree.finish()
    parts = [told(counts, tree.counts), f"by {_ENGINE}: {why}", partial]
    return Outcome(detail=", ".join(filter(None, parts)))


def _archives_of(operation: ReadChanges) -> str:
    path = f"/containers/{part(operation.container)}"
    return f"GET {path}/changes and GET {path}/archive"


class _OfRun:
    """The contents of one run's images."""

    def __init__(self, digests: ImageDigests, run: str) -> None:
        self._digests, self._run = digests, run

    def may_have(self, size: int) -> bool:
        """Whether one of that size is there."""
        return self._digests.may_have(self._run, size)

    def find(self, sha256: str) -> tuple[str, int, int] | None:
        """Where it is."""
        return self._digests.find(self._run, sha256)
