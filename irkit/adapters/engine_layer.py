"""What differs from the image: by the upper folder where the host's files can be read, else by the engine alone."""

from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.layer_archive import store_archives
from irkit.adapters.layer_changes import WORDS, read_kinds
from irkit.adapters.layer_files import UNTOLD, store_upper, told
from irkit.adapters.layer_place import Place, Store, find_upper, store_of
from irkit.adapters.tree_entry import TreeEntry
from irkit.adapters.tree_tar import TreeTar, open_tree
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadChanges
from irkit.core.ports import Deadline, HostFiles, HostFolder, Intake, Outcome

INDEX = "changes/changes.jsonl"
_ENGINE = "the engine's list of changes and its archives"


class ReadsChanges:
    """Reads changed files, of a host whose files are `files`."""

    def __init__(self, files: HostFiles) -> None:
        self._files = files

    def __call__(self, api: EngineApi, operation: ReadChanges, intake: Intake, deadline: Deadline) -> Outcome:
        store = store_of(api.read(f"/containers/{part(operation.container)}/json", deadline))
        try:
            kinds: dict[str, int] | TargetError = read_kinds(api, operation.container, deadline)
        except TargetError as error:
            if error.kind not in (Refusal.REFUSED, Refusal.UNSUPPORTED, Refusal.GARBLED):
                raise
            kinds = error
        try:
            place = find_upper(self._files, store, deadline)
            top = self._files.folder(place.path, deadline)
        except TargetError as error:
            check_is_answer(error)
            if isinstance(kinds, TargetError):
                raise kinds from error
            return _by_archives(api, operation, intake, deadline, kinds, store, error.reason)
        try:
            return _by_files(operation, intake, deadline, kinds, place, top)
        finally:
            top.close()


def _by_files(
    operation: ReadChanges,
    intake: Intake,
    deadline: Deadline,
    kinds: dict[str, int] | TargetError,
    place: Place,
    top: HostFolder,
) -> Outcome:
    where = place.path.decode("utf-8", "backslashreplace")
    tree = _opened(operation, intake, f"{where}, the upper folder by {place.said_by}")
    if top.own(deadline).xattrs is None:
        tree.tar.warn(UNTOLD)
    if isinstance(kinds, TargetError):
        tree.index.warn(f"what was added and what was changed is not told: {kinds.reason}")
        kinds = {}
    counts = store_upper(tree, top, kinds, deadline)
    for path, kind in kinds.items():  # what a replaced folder had before, above all
        tree.put(TreeEntry(path=path, type="other", change=WORDS[kind]))
        counts[WORDS[kind]] += 1
    tree.flush()
    partial = tree.finish()
    parts = [told(counts, tree.counts), f"from the upper folder, by {place.said_by}"]
    if kinds:
        parts.append(f"{len(kinds)} names are in the engine's list alone")
    return Outcome(detail=", ".join(filter(None, (*parts, partial))))


def _by_archives(
    api: EngineApi,
    operation: ReadChanges,
    intake: Intake,
    deadline: Deadline,
    kinds: dict[str, int],
    store: Store,
    why: str,
) -> Outcome:
    path = f"/containers/{part(operation.container)}"
    tree = _opened(operation, intake, f"GET {path}/changes and GET {path}/archive")
    tree.tar.warn(f"by {_ENGINE}, which leave out most extended attributes, holes and parts of seconds: {why}")
    mounts = [one.destination for one in store.mounts or ()]
    counts = store_archives(api, tree, operation.container, kinds, mounts, deadline)
    partial = tree.finish()
    parts = [told(counts, tree.counts), f"by {_ENGINE}: {why}", partial]
    return Outcome(detail=", ".join(filter(None, parts)))


def _opened(operation: ReadChanges, intake: Intake, source: str) -> TreeTar:
    return open_tree(intake, operation.file, INDEX, source=source, limit=operation.limit)
