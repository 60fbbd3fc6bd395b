"""A container's changed files from the upper folder of its overlay: what overlayfs puts there, by what it means."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from irkit.adapters.layer_changes import DELETED, WORDS, as_told
from irkit.adapters.layer_image import Gone, Image
from irkit.adapters.layer_marks import is_metadata_only, is_opaque, is_whiteout
from irkit.adapters.tree_entry import TreeEntry, entry_of
from irkit.adapters.tree_tar import SMALL, Counts, TreeTar
from irkit.adapters.tree_walk import Met, walk
from irkit.core.ports import Deadline, FileFacts, HostFolder, Looked

_METADATA_ONLY: Final = "only its metadata differs: the content is the image's"
UNTOLD: Final = (
    "holes, which names are of one file, opaque folders and other extended attributes are not told over SFTP"
)
_Kind = Callable[[bytes, Looked], str]
"""Whether what has a path was added or changed; empty where that is not known."""

Completes = Callable[[Iterator[Met]], Iterator[Met]]
"""What adds to what the walk met: the same names in the same order."""


def _as_it_is(mets: Iterator[Met]) -> Iterator[Met]:
    return mets


def store_over_image(tree: TreeTar, top: HostFolder, image: Image, deadline: Deadline) -> dict[str, int]:
    """Store all of an upper folder, and list what it hides; how many there are of each kind of change.

    Raises TargetError where the host cannot be asked any more.
    """

    hidden: list[int] = []

    def kind_of(path: bytes, looked: Looked) -> str:
        kind = "changed" if image.has(path, looked) else "added"
        hidden.append(_list(tree, image.take_gone()))
        return kind

    try:
        counts = _store(tree, top, kind_of, deadline)
        counts[WORDS[DELETED]] += sum(hidden) + _list(tree, image.rest())
    finally:
        image.close()
        tree.flush()
    return counts


def store_by_list(
    tree: TreeTar, top: HostFolder, kinds: dict[str, int], deadline: Deadline, complete: Completes = _as_it_is
) -> dict[str, int]:
    """Store all of an upper folder, and list what is in the engine's list alone, as what a folder hides is.

    Raises TargetError where the host cannot be asked any more.
    """
    counts = _store(tree, top, lambda path, looked: WORDS.get(kinds.pop(as_told(path), -1), ""), deadline, complete)
    for path, kind in kinds.items():
        tree.put(TreeEntry(path=path, type="other", change=WORDS[kind]))
        counts[WORDS[kind]] += 1
    tree.flush()
    return counts


def told(counts: dict[str, int], found: Counts) -> str:
    """What came of it, in a line."""
    changes = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
    shared = f", {found.shared} bytes more that the image has" if found.shared else ""
    return f"{changes}; {found.files} files with {found.bytes} bytes{shared}"


def _list(tree: TreeTar, hidden: Iterable[Gone]) -> int:
    """List what is hidden; how many names it is."""
    count = 0
    for count, gone in enumerate(hidden, start=1):  # noqa: B007
        whole = entry_of(gone.path, Looked(facts=gone.facts))
        tree.put(TreeEntry(path=whole.path, path_b64=whole.path_b64, type=whole.type, change=WORDS[DELETED]))
    return count


def _store(
    tree: TreeTar, top: HostFolder, kind_of: _Kind, deadline: Deadline, complete: Completes = _as_it_is
) -> dict[str, int]:
    counts = dict.fromkeys(WORDS.values(), 0)
    device = top.own(deadline).facts.device

    def enters(path: bytes, facts: FileFacts) -> str:
        return "" if facts.device == device else "another file system is mounted there"

    try:
        for met in complete(walk(top, deadline, small=SMALL, enters=enters)):
            change = _change(met, kind_of)
            if change:
                counts[change] += 1
            if is_metadata_only(met.looked):
                tree.add_bare(met, change=change, why=_METADATA_ONLY)
            else:
                tree.add(met, deadline, change=change, opaque=is_opaque(met.looked))
    finally:
        tree.flush()
    return counts


def _change(met: Met, kind_of: _Kind) -> str:
    if met.again or met.path == b".":
        return ""
    kind = kind_of(met.path, met.looked)
    return WORDS[DELETED] if is_whiteout(met.looked) else kind
