"""A member of a stored archive as a list shows it: what its index or its header says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedMember:
    """One member. All text in it is foreign; `mode` has permissions alone, None where the archive holds no number.

    `mtime` is seconds since 1970 as a decimal; `owner` the names of owner and group, `ann:staff`, where there are any;
    `change` is `added`, `changed` or `deleted`, of a list of changes; `remarks` say what else is to be known.
    """

    name: bytes
    type: str
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    owner: str = ""
    size: int = 0
    mtime: str = ""
    link: bytes = b""
    sha256: str = ""
    change: str = ""
    remarks: tuple[str, ...] = ()
