"""A line of the index of a tree: one name, with all that is known of it, as JSON that loses nothing."""

import base64
import os
from collections.abc import Mapping
from typing import Final

import msgspec

from irkit.adapters.file_kinds import capabilities_of
from irkit.core.ports import FileKind, Looked

_SECOND: Final = 10**9
_CAPABILITY: Final = b"security.capability"
_TYPES: Final = {
    FileKind.FILE: "file",
    FileKind.DIRECTORY: "directory",
    FileKind.LINK: "symlink",
    FileKind.FIFO: "fifo",
    FileKind.SOCKET: "socket",
    FileKind.CHARACTER_DEVICE: "char",
    FileKind.BLOCK_DEVICE: "block",
    FileKind.OTHER: "other",
}


class TreeEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of the index. What is empty, false or not told is left out.

    `path` and `link` are exact where their `_b64` is empty, else that is. Times are seconds since 1970, exact as a
    decimal. `change` is `added`, `changed` or `deleted`, in a list of changes. `sha256` is of the whole content, holes
    as zeros; `sha256_data` of a sparse file's data alone, in order. `offset` is where the member's first header begins
    in the tar, `data` where its content does; both are left out of what is not in the tar. `in_image` says where the
    same content is: in which layer of the bundle, below the host's folder, from which offset of the layer unpacked, and
    how many bytes. `left_out` says why content is not there, `problem` what could not be read, `grew` that there was
    more of it by the time it had been read; a folder that could not be read has a second line, which says so.
    `engine_told` names what the host's files did not tell and the engine did: `mtime` to the nanosecond, `device`,
    `capabilities`.
    """

    path: str
    path_b64: str = ""
    type: str
    change: str = ""
    opaque: bool = False
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int = 0
    data_size: int | None = None
    mtime: str = ""
    atime: str = ""
    ctime: str = ""
    link: str = ""
    link_b64: str = ""
    device: tuple[int, int] | None = None
    inode: int = 0
    links: int = 0
    xattrs: list[str] = []
    xattr_values: dict[str, str] = {}
    capabilities: str = ""
    executable: bool = False
    mime: str = ""
    sha256: str = ""
    sha256_data: str = ""
    in_image: tuple[str, int, int] | None = None
    offset: int | None = None
    data: int | None = None
    truncated: bool = False
    grew: bool = False
    left_out: str = ""
    engine_told: list[str] = []
    note: str = ""
    problem: str = ""


def text_of(raw: bytes) -> tuple[str, str]:
    """A name as text, and in base64 where that is not it exactly."""
    try:
        return raw.decode(), ""
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), base64.b64encode(raw).decode("ascii")


def entry_of(raw: bytes, looked: Looked, *, change: str = "", opaque: bool = False) -> TreeEntry:
    """The line of what was looked at, as far as it is known without its content."""
    facts = looked.facts
    path, path_b64 = text_of(raw)
    entry = TreeEntry(
        path=path,
        path_b64=path_b64,
        type=_TYPES[facts.kind],
        change=change,
        opaque=opaque,
        mode=facts.mode,
        uid=facts.uid,
        gid=facts.gid,
        size=facts.size if facts.kind is FileKind.FILE else 0,
        mtime=time_of(facts.modified_ns),
        atime=time_of(facts.accessed_ns),
        ctime=time_of(facts.changed_ns),
        inode=facts.inode,
        links=facts.links,
        problem=looked.problem,
    )
    if looked.link:
        entry.link, entry.link_b64 = text_of(looked.link)
    if facts.kind in (FileKind.CHARACTER_DEVICE, FileKind.BLOCK_DEVICE) and (facts.inode or facts.device_number):
        entry.device = (os.major(facts.device_number), os.minor(facts.device_number))
    if looked.xattrs:
        _add_xattrs(entry, looked.xattrs)
    return entry


def _add_xattrs(entry: TreeEntry, xattrs: Mapping[bytes, bytes]) -> None:
    for name, value in sorted(xattrs.items()):
        shown = name.decode("utf-8", "backslashreplace")
        entry.xattrs.append(shown)
        entry.xattr_values[shown] = base64.b64encode(value).decode("ascii")
    if _CAPABILITY in xattrs:
        entry.capabilities = capabilities_of(xattrs[_CAPABILITY])


def time_of(nanoseconds: int) -> str:
    """A moment as a line has it: seconds since 1970, exact; empty for 0, which is what is not told."""
    if not nanoseconds:
        return ""
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{seconds}.{rest:09d}" if rest and seconds >= 0 else str(seconds)
