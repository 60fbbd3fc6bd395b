"""A container's changed files from the upper folder of its overlay: what overlayfs puts there, told as what it means.

Deletions are devices 0/0, or empty files with an attribute; a replaced folder is opaque. Linux
`Documentation/filesystems/overlayfs.rst`.
"""

from typing import Final

from irkit.adapters.layer_changes import WORDS, as_told
from irkit.adapters.tree_tar import SMALL, Counts, TreeTar
from irkit.adapters.tree_walk import Met, walk
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFolder, Looked

_WHITEOUTS: Final = (b"trusted.overlay.whiteout", b"user.overlay.whiteout")
_OPAQUE: Final = (b"trusted.overlay.opaque", b"user.overlay.opaque")
_METADATA: Final = (b"trusted.overlay.metacopy", b"user.overlay.metacopy")
_METADATA_ONLY: Final = "only its metadata differs: the content is the image's"
UNTOLD: Final = (
    "extended attributes are not told this way: opaque folders, capabilities and holes are not seen, and deletions are"
    " told from devices by their mode alone"
)


def store_upper(tree: TreeTar, top: HostFolder, kinds: dict[str, int], deadline: Deadline) -> dict[str, int]:
    """Store all of an upper folder; how many there are of each kind of change. Takes out of `kinds` what it meets.

    Raises TargetError where the host cannot be asked any more.
    """
    counts = dict.fromkeys(WORDS.values(), 0)
    device = top.own(deadline).facts.device

    def enters(path: bytes, facts: FileFacts) -> str:
        return "" if facts.device == device else "another file system is mounted there"

    try:
        for met in walk(top, deadline, small=SMALL, enters=enters):
            change = "deleted" if is_whiteout(met.looked) else _change(met.path, kinds)
            if change:
                counts[change] += 1
            _add(tree, met, change, deadline)
    finally:
        tree.flush()
    return counts


def is_whiteout(looked: Looked) -> bool:
    """Whether it stands for something that was deleted. Where device numbers are not told, its mode tells."""
    facts = looked.facts
    if facts.kind is FileKind.CHARACTER_DEVICE:
        return facts.device_number == 0 and (facts.inode != 0 or facts.mode == 0)
    return facts.kind is FileKind.FILE and facts.size == 0 and _has(looked, _WHITEOUTS)


def _add(tree: TreeTar, met: Met, change: str, deadline: Deadline) -> None:
    if met.looked.facts.kind is FileKind.FILE and _has(met.looked, _METADATA):
        tree.add_bare(met, change=change, why=_METADATA_ONLY)
        return
    values = met.looked.xattrs or {}
    tree.add(met, deadline, change=change, opaque=any(values.get(name) == b"y" for name in _OPAQUE))


def _has(looked: Looked, names: tuple[bytes, ...]) -> bool:
    return any(name in (looked.xattrs or {}) for name in names)


def _change(path: bytes, kinds: dict[str, int]) -> str:
    """What the engine says of it; empty where it does not."""
    return WORDS.get(kinds.pop(as_told(path), -1), "")


def told(counts: dict[str, int], found: Counts) -> str:
    """What came of it, in a line."""
    changes = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
    return f"{changes}; {found.files} files with {found.bytes} bytes"
