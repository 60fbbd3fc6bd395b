"""Whether a host's files and its engine tell the same of a file, and the file with what the engine tells beyond."""

import msgspec

from irkit.adapters.layer_changes import as_told
from irkit.adapters.path_stat import PathStat
from irkit.core.ports import FileFacts, FileKind, Looked
from irkit.core.text import safe

_SECOND = 10**9


def difference(looked: Looked, stat: PathStat) -> str:
    """What the engine's word on a path says otherwise of it; empty where all is the same."""
    facts, told = looked.facts, stat.modified_ns
    return _first_of(
        ("type", facts.kind, stat.kind),
        ("mode", oct(facts.mode), oct(stat.permissions)),
        ("size", facts.size, stat.size) if facts.kind is FileKind.FILE else None,
        ("second", facts.modified_ns // _SECOND, None if told is None else told // _SECOND),
        ("link", as_told(looked.link), stat.link_target) if facts.kind is FileKind.LINK else None,
    )


def difference_of_archive(looked: Looked, found: Looked) -> str:
    """What the beginning of its archive says otherwise of it; empty where all is the same."""
    facts, other = looked.facts, found.facts
    return _first_of(
        ("type", facts.kind, other.kind),
        ("mode", oct(facts.mode), oct(other.mode)),
        ("owner", (facts.uid, facts.gid), (other.uid, other.gid)),
        ("size", facts.size, other.size) if facts.kind is FileKind.FILE else None,
        ("second", facts.modified_ns // _SECOND, other.modified_ns // _SECOND),
    )


def with_time(looked: Looked, stat: PathStat) -> Looked:
    """The file with its time to the nanosecond."""
    return _with(looked, modified_ns=stat.modified_ns or 0)


def with_archive(looked: Looked, found: Looked) -> Looked:
    """A device with its number; a file with what there is of its extended attributes."""
    if looked.facts.kind is not FileKind.FILE:
        return _with(looked, device_number=found.facts.device_number)
    return msgspec.structs.replace(looked, xattrs={**(looked.xattrs or {}), **(found.xattrs or {})})


def _with(looked: Looked, **facts: int) -> Looked:
    changed: FileFacts = msgspec.structs.replace(looked.facts, **facts)
    return msgspec.structs.replace(looked, facts=changed)


def _first_of(*compared: tuple[str, object, object] | None) -> str:
    for one in compared:
        if one and one[1] != one[2]:
            return f"{one[0]} {safe(str(one[2]), 200)}, not {safe(str(one[1]), 200)}"
    return ""
