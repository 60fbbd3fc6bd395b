"""A look at a name that waits for nobody: what answers for a file system may be a program of somebody hostile (FUSE).

`statx(2)` that is told not to synchronise takes what the kernel has, and tells which mount it is on. What the kernel
makes up where nobody was asked is the number and the kind of a mount's top, no more.
"""

import ctypes
import errno
import os
import re
import stat
import struct
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from irkit.adapters import kernel_files
from irkit.adapters.file_paths import kind_of
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import FileFacts

SERVED: Final = re.compile(rb"(fuse.*|nfs4?|cifs|smb3|smbfs|9p|ceph|afs|coda|orangefs|autofs)\Z")
"""Kinds of file systems whose server may never answer."""
_FLAGS: Final = 0x100 | 0x800 | 0x1000 | 0x4000  # NOFOLLOW, NO_AUTOMOUNT, EMPTY_PATH, DONT_SYNC
_BASIC, _MOUNT_ID = 0x7FF, 0x1000
_SIZE: Final = 256
_LAYOUT: Final = struct.Struct("=IIQIIIHHQQQQ" + "qIi" * 4 + "IIIIQ")
_HANDLE: Final = struct.Struct("=Ii")
_MOST_IN_HANDLE: Final = 128
_EMPTY_PATH: Final = 0x1000
_OF_TMPFS: Final = (12, 1)
"""Bytes and type of the handle that tmpfs makes of a file, and no file system with a server does."""
_BLOCK: Final = 512
_SECOND: Final = 1_000_000_000
_TABLE: Final = 8 << 20
_OWN_TABLE: Final = b"/proc/self/mountinfo"
_OF_PROCESS: Final = re.compile(rb"/proc/([0-9]+(?:/task/[0-9]+)?)/")
_CONNECTIONS: Final = "/sys/fs/fuse/connections"


class Seen(NamedTuple):
    """What a name stands for; `mount` is the id of the mount it is on, 0 where the kernel does not tell."""

    facts: FileFacts
    mount: int


def look(folder: int, name: bytes = b"") -> Seen:
    """A name in a folder that is open, or what is open itself. Links are not followed. Raises OSError."""
    buffer = ctypes.create_string_buffer(_SIZE)
    if _libc().statx(folder, name, _FLAGS, _BASIC | _MOUNT_ID, buffer):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return _parsed(name, buffer.raw)


def why_not(root: int, path: bytes, held: int) -> str:
    """Why what a descriptor stands for is not to be asked about anything, or empty; `path` is how it was come by."""
    seen = look(held)
    found = _OF_PROCESS.match(path)
    tables = (b"/proc/%b/mountinfo" % found[1], _OWN_TABLE) if found else (_OWN_TABLE,)
    text = b""
    for table in tables if seen.mount else ():
        try:
            text = kernel_files.read_file(root, table, _TABLE)
        except OSError:
            continue
        if kind := _kind(text, seen.mount):
            return f"it is on {_shown(kind)}, whose server need never answer: not asked" if SERVED.match(kind) else ""
    return "" if is_in_memory(held) else _why_not_unknown(text, seen)


def check(root: int, path: bytes, held: int) -> None:
    """Raise TargetError where it is not to be asked."""
    if why := why_not(root, path, held):
        raise TargetError(f"{path.decode('ascii', 'replace')}: {why}", Refusal.REFUSED)


def is_in_memory(held: int) -> bool:
    """Whether what a descriptor stands for is on a tmpfs, mounted or not: by the handle that its file system makes.

    That is made by the kernel alone, whatever the kind. Where handles cannot be had, it is said of nothing.
    """
    buffer = ctypes.create_string_buffer(_HANDLE.pack(_MOST_IN_HANDLE, 0), _HANDLE.size + _MOST_IN_HANDLE)
    mount = ctypes.c_int()
    if _libc().name_to_handle_at(held, b"", buffer, ctypes.byref(mount), _EMPTY_PATH):
        return False
    return _HANDLE.unpack_from(buffer.raw) == _OF_TMPFS and not os.major(look(held).facts.device)


def is_local(mount: int) -> bool:
    """Whether a mount is one that irkit itself sees, and no server's."""
    kind = _kind(Path("/proc/self/mountinfo").read_bytes(), mount)
    return bool(kind) and not SERVED.match(kind)


def _why_not_unknown(text: bytes, seen: Seen) -> str:
    """Of a mount in no table: the kernel's own for shared memory, or one that was taken away while in use."""
    major, minor = os.major(seen.facts.device), os.minor(seen.facts.device)
    if major or (seen.mount and seen.mount == _memory_mount()) or not seen.mount:
        return ""
    if b" - fusectl " in text and not os.path.lexists(f"{_CONNECTIONS}/{minor}"):
        return ""
    return "it is on a file system that is mounted nowhere any more, whose server need never answer: not asked"


@cache
def _memory_mount() -> int:
    made = os.memfd_create("irkit")
    try:
        return look(made).mount
    finally:
        os.close(made)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _kind(table: bytes, mount: int) -> bytes:
    start = b"%d " % mount
    line = next((one for one in table.split(b"\n") if one.startswith(start)), b"")
    return line.partition(b" - ")[2].split(b" ")[0]


def _shown(kind: bytes) -> str:
    return kind[:40].decode("ascii", "replace") if kind.isascii() and kind.replace(b".", b"").isalnum() else "fuse"


def _parsed(name: bytes, raw: bytes) -> Seen:
    (mask, _, _, links, uid, gid, mode, _, inode, size, blocks, _, *rest) = _LAYOUT.unpack_from(raw)
    if not mode:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    accessed, changed, modified = (rest[at] * _SECOND + rest[at + 1] for at in (0, 6, 9))
    rdev_major, rdev_minor, major, minor, mount = rest[12:17]
    facts = FileFacts(
        name=name,
        kind=kind_of(mode),
        size=size,
        mode=stat.S_IMODE(mode),
        uid=uid,
        gid=gid,
        modified_ns=modified,
        accessed_ns=accessed,
        changed_ns=changed,
        device=os.makedev(major, minor),
        inode=inode,
        links=links,
        allocated=blocks * _BLOCK,
        device_number=os.makedev(rdev_major, rdev_minor),
    )
    return Seen(facts, mount if mask & _MOUNT_ID else 0)
