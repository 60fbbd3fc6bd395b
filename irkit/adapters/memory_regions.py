"""A line of the index of a process's memory: a region, or a part of a large one, and where each byte of it is.

Every byte of the address range is in one of four lists: in the item (`data`), zeros that are not stored, not in memory
(`absent`: what a file has on disk, or was never touched), or not read, with the reason (`gaps`).
"""

import base64

import msgspec

from irkit.adapters.process_maps import Mapping


class Gap(msgspec.Struct, kw_only=True):
    """What was not read, and why."""

    address: str
    size: int
    why: str


class Region(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line. Addresses are hexadecimal, as JSON's numbers are not exact that far up; sizes are bytes.

    `file` is the kernel's name for what is mapped, a newline in it as `\\012`; `file_b64` where it is not UTF-8.
    `data` is address, size and offset in the item; `sha256` is of these bytes in that order.
    """

    address: str
    size: int
    permissions: str
    file: str = ""
    file_b64: str = ""
    file_offset: int = 0
    device: str = ""
    inode: int = 0
    flags: str = ""
    stored: int = 0
    sha256: str = ""
    data: list[tuple[str, int, int]] = []
    zeros: list[tuple[str, int]] = []
    absent: list[tuple[str, int]] = []
    gaps: list[Gap] = []


def region_of(mapping: Mapping, begin: int, end: int) -> Region:
    """The line of a part of a mapping, with nothing in its lists yet."""
    try:
        name, raw = mapping.name.decode(), ""
    except UnicodeDecodeError:
        name, raw = mapping.name.decode("utf-8", "replace"), base64.b64encode(mapping.name).decode("ascii")
    return Region(
        address=hex(begin),
        size=end - begin,
        permissions=mapping.permissions,
        file=name,
        file_b64=raw,
        file_offset=mapping.offset + begin - mapping.start if mapping.inode else 0,
        device=mapping.device if mapping.inode else "",
        inode=mapping.inode,
        flags=mapping.flags,
        data=[],
        zeros=[],
        absent=[],
        gaps=[],
    )
