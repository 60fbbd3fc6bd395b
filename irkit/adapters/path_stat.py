"""What an engine tells of one path of a container, in a header of its answers to requests for archives.

It is Go's description of the file as it lies there, a link itself and not what it points to, with its time to the
nanosecond. Owner, device numbers and attributes are not in it.
"""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from irkit.core.ports import FileKind

HEADER: Final = "X-Docker-Container-Path-Stat"
_SECOND: Final = 10**9
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDER, _LINK, _DEVICE, _PIPE, _SOCKET = 1 << 31, 1 << 27, 1 << 26, 1 << 25, 1 << 24
_CHARACTERS, _IRREGULAR = 1 << 21, 1 << 19
_KINDS: Final = {
    0: FileKind.FILE,
    _FOLDER: FileKind.DIRECTORY,
    _LINK: FileKind.LINK,
    _DEVICE: FileKind.BLOCK_DEVICE,
    _DEVICE | _CHARACTERS: FileKind.CHARACTER_DEVICE,
    _PIPE: FileKind.FIFO,
    _SOCKET: FileKind.SOCKET,
}
_ANY_KIND: Final = _FOLDER | _LINK | _DEVICE | _PIPE | _SOCKET | _CHARACTERS | _IRREGULAR
_SPECIAL: Final = {1 << 23: 0o4000, 1 << 22: 0o2000, 1 << 20: 0o1000}


class PathStat(msgspec.Struct, frozen=True):
    """A file as its engine tells of it; `mode` is Go's."""

    size: int = 0
    mode: int = 0
    mtime: str = ""
    link_target: str = msgspec.field(default="", name="linkTarget")

    @property
    def kind(self) -> FileKind:
        """What it is."""
        return _KINDS.get(self.mode & _ANY_KIND, FileKind.OTHER)

    @property
    def permissions(self) -> int:
        """The permission bits as Linux has them."""
        return (self.mode & 0o777) | sum(bit for go, bit in _SPECIAL.items() if self.mode & go)

    @property
    def modified_ns(self) -> int | None:
        """When it was changed last, in nanoseconds since 1970; None where that is not told."""
        found = _MOMENT.fullmatch(self.mtime)
        if found is None:
            return None
        try:
            moment = datetime.fromisoformat(found[1] + found[3])
        except ValueError:
            return None
        return (moment - _EPOCH) // timedelta(seconds=1) * _SECOND + int((found[2] or "").ljust(9, "0"))


def decode_stat(header: str) -> PathStat | None:
    """What such a header says; None where it says nothing that can be read."""
    try:
        return msgspec.json.decode(base64.b64decode(header), type=PathStat)
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError):
        return None
