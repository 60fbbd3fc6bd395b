"""The files of a bundle's indexes, with their times."""

from collections.abc import Iterator, Mapping

import msgspec

from irkit.adapters.timeline_lines import Item, name_of, nanoseconds_of_decimal
from irkit.core.timeline import FileTimes

_PERMISSIONS = 0o7777


class _Line(msgspec.Struct):
    """A line of an index, as far as a timeline needs it: of an archive's, or of a list made from a host's files."""

    path: str = ""
    path_b64: str = ""
    type: str = ""
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int = 0
    mtime: str = ""
    atime: str = ""
    ctime: str = ""
    link: str = ""
    link_b64: str = ""
    sha256: str = ""
    inode: int = 0
    change: str = ""


class _Held(msgspec.Struct):
    """A deleted file that a process still has: where it lies in the archive, and what it was called."""

    file: str = ""
    name: str = ""
    name_b64: str = ""


def names_of_held(item: Item) -> Iterator[tuple[bytes, bytes]]:
    """What the files of an archive of deleted files were called, by their names in it."""
    for line in item.values(_Held):
        if line.file:
            yield line.file.encode(), name_of(line.name, line.name_b64)


def read_index(item: Item, held: Mapping[bytes, bytes] | None = None) -> Iterator[FileTimes]:
    """The files of an archive's index; with what deleted ones among them were called, where that is given."""
    where = item.where
    place = item.place.encode().rstrip(b"/")
    for line in item.values(_Line):
        name = name_of(line.path, line.path_b64)
        yield FileTimes(
            path=_below(place, name) if held is None else held.get(name, name),
            kind=line.type if held is None else "deleted file",
            where=where,
            mode=(line.mode or 0) & _PERMISSIONS,
            uid=line.uid or 0,
            gid=line.gid or 0,
            size=line.size,
            link=name_of(line.link, line.link_b64),
            sha256=line.sha256,
            inode=line.inode,
            deleted=line.change == "deleted",
            modified=nanoseconds_of_decimal(line.mtime),
            accessed=nanoseconds_of_decimal(line.atime),
            changed=nanoseconds_of_decimal(line.ctime),
        )


def _below(place: bytes, path: bytes) -> bytes:
    """A name of an index as it is called in the container; the index's own top is `.`."""
    return place if path in (b".", b"./") else place + b"/" + path.removeprefix(b"./").lstrip(b"/")
