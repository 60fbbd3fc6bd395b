"""What a tar archive says of one of its members: a line of the index, made of a header and the PAX records before it.

How fields are written is `tar_fields`' concern; where members lie in a stream, `tar_index`'.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from irkit.adapters.tar_fields import Header

_KINDS: Final = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"S": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "char",
    b"4": "block",
    b"5": "directory",
    b"6": "fifo",
}
WITHOUT_DATA: Final = frozenset({"hardlink", "symlink", "char", "block", "directory", "fifo"})
"""Types of members that no content follows, whatever their size says."""
_TIME: Final = re.compile(rb"-?[0-9]{1,20}(?:\.[0-9]{1,40})?")
_XATTR_KEYS: Final = (b"SCHILY.xattr.", b"LIBARCHIVE.xattr.")


class Member(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of the index. What is empty is left out.

    `path` and `link` are exact where their `_b64` is empty, else that is. `offset` is where the member's first header
    begins in the stream, `data` where its content does. `sha256` is of a regular file's content as stored in the
    archive: where `sparse` is there, without the holes.
    """

    path: str
    path_b64: str = ""
    type: str
    mode: int | None
    uid: int | None
    gid: int | None
    uname: str = ""
    gname: str = ""
    size: int
    mtime: str
    atime: str = ""
    ctime: str = ""
    link: str = ""
    link_b64: str = ""
    device: tuple[int | None, int | None] | None = None
    xattrs: list[str] = []
    sparse: list[tuple[str, str]] = []
    sha256: str = ""
    offset: int
    data: int
    truncated: bool = False


def type_of(header: Header, size: int, path: bytes) -> str:
    """The type of a member of that path, as the index names it."""
    # Before POSIX a folder was a file with a slash at its end; some still write that, of no size.
    if path.endswith(b"/") and (header.kind == b"\0" or (header.kind == b"0" and not size)):
        return "directory"
    return _KINDS.get(header.kind) or f"type {header.kind.decode('latin-1')}"


def member_of(header: Header, size: int, type: str, path: bytes, link: bytes, *, offset: int, data: int) -> Member:
    """The member of a header, but for what PAX records say: its first header at `offset`, its content at `data`."""
    name, name_b64 = _name(path)
    target, target_b64 = _name(link) if link else ("", "")
    mode, uid, gid = header.owner
    uname, gname = header.names
    return Member(
        path=name,
        path_b64=name_b64,
        type=type,
        mode=mode,
        uid=uid,
        gid=gid,
        uname=uname,
        gname=gname,
        size=size,
        mtime="" if header.mtime is None else str(header.mtime),
        link=target,
        link_b64=target_b64,
        device=header.device,
        offset=offset,
        data=data,
    )


def apply_pax(member: Member, values: Mapping[bytes, bytes], own: Sequence[tuple[bytes, bytes]]) -> None:
    """What PAX values say, but for path, link and size; `own` are those of the member alone, in order."""
    member.mtime = _time(values, b"mtime") or member.mtime
    member.atime, member.ctime = _time(values, b"atime"), _time(values, b"ctime")
    member.uid, member.gid = _count(values, b"uid", member.uid), _count(values, b"gid", member.gid)
    member.uname, member.gname = _text(values, b"uname", member.uname), _text(values, b"gname", member.gname)
    for key in values:
        for prefix in _XATTR_KEYS:
            if key.startswith(prefix):
                member.xattrs.append(key[len(prefix) :].decode("utf-8", "backslashreplace"))
    member.sparse = [
        (key.decode("utf-8", "backslashreplace"), value.decode("utf-8", "backslashreplace"))
        for key, value in own
        if key.startswith(b"GNU.sparse.")
    ]


def _name(raw: bytes) -> tuple[str, str]:
    try:
        return raw.decode(), ""
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), base64.b64encode(raw).decode("ascii")


def _time(values: Mapping[bytes, bytes], key: bytes) -> str:
    value = values.get(key, b"")
    return value.decode("ascii") if _TIME.fullmatch(value) else ""


def _count(values: Mapping[bytes, bytes], key: bytes, otherwise: int | None) -> int | None:
    value = values.get(key, b"")
    return int(value) if value.isdigit() and len(value) <= 19 else otherwise  # noqa: PLR2004


def _text(values: Mapping[bytes, bytes], key: bytes, otherwise: str) -> str:
    value = values.get(key)
    return otherwise if value is None else value.decode("utf-8", "backslashreplace")
