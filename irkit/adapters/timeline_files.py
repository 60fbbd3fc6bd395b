"""The files of a bundle's indexes, with their times."""

from collections.abc import Iterator

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


def read_index(item: Item) -> Iterator[FileTimes]:
    """The files of an archive's index."""
    where = item.where
    place = item.place.encode().rstrip(b"/")
    for line in item.values(_Line):
        yield FileTimes(
            path=_below(place, name_of(line.path, line.path_b64)),
            kind=line.type,
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
