"""The marks that overlayfs leaves in a layer: Linux `Documentation/filesystems/overlayfs.rst`."""

from typing import Final

from irkit.core.ports import FileKind, Looked

_WHITEOUTS: Final = (b"trusted.overlay.whiteout", b"user.overlay.whiteout")
_OPAQUE: Final = (b"trusted.overlay.opaque", b"user.overlay.opaque")
_METADATA: Final = (b"trusted.overlay.metacopy", b"user.overlay.metacopy")


def is_whiteout(looked: Looked) -> bool:
    """Whether it stands for something that was deleted. Where device numbers are not told, its mode tells."""
    facts = looked.facts
    if facts.kind is FileKind.CHARACTER_DEVICE:
        return facts.device_number == 0 and (facts.inode != 0 or facts.mode == 0)
    return facts.kind is FileKind.FILE and facts.size == 0 and _has(looked, _WHITEOUTS)


def is_opaque(looked: Looked) -> bool:
    """Whether a folder hides all that has its path in the layers below."""
    return any((looked.xattrs or {}).get(name) == b"y" for name in _OPAQUE)


def is_metadata_only(looked: Looked) -> bool:
    """Whether a file's content is still that of a layer below."""
    return looked.facts.kind is FileKind.FILE and _has(looked, _METADATA)


def _has(looked: Looked, names: tuple[bytes, ...]) -> bool:
    return any(name in (looked.xattrs or {}) for name in names)
