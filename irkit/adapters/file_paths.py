"""What all ways to a host's files share: which paths and ranges they take, and the words they refuse with.

A path is bytes, as file names are. It is absolute and holds no `..`, so that what is asked for below a folder is below
it. A link as the last part is never followed; `link/.` is what is behind it.
"""

import stat
from typing import Final

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import FileKind
from irkit.core.text import safe

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes that one `read_at` gives at most."""
MOST_ENTRIES: Final = 1_000_000
"""Names that one `list` gives at most: they are all in memory at once."""
_LAST_OFFSET: Final = 2**63 - 1
PAGE: Final = 4096
"""Bytes of which what cannot be read of a file takes whole multiples."""
ENDED: Final = "it ends before"
"""Why nothing is at a place beyond the end of a file."""
_TRIED_EACH: Final = 16
_LEAP: Final = 256 * PAGE
_KINDS: Final = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.LINK,
    stat.S_IFIFO: FileKind.FIFO,
    stat.S_IFSOCK: FileKind.SOCKET,
    stat.S_IFCHR: FileKind.CHARACTER_DEVICE,
    stat.S_IFBLK: FileKind.BLOCK_DEVICE,
}


def split_path(path: bytes) -> list[bytes]:
    """The parts of a path, none for `/`; a `.` stays where it is the last. Raises TargetError for what is no path."""
    if not path.startswith(b"/"):
        raise TargetError(f"{show(path)}: only absolute paths can be read", Refusal.REFUSED)
    if b"\0" in path:
        raise TargetError(f"{show(path)}: no path holds a NUL", Refusal.REFUSED)
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise TargetError(f"{show(path)}: a path with .. is not taken, as it may lead anywhere", Refusal.REFUSED)
    return [*parts, b"."] if parts and path.endswith(b"/.") else parts


def check_range(path: bytes, offset: int, size: int = 0) -> None:
    """Raises TargetError for what no file has, and for more than is read at once."""
    if offset < 0 or size < 0 or offset + size > _LAST_OFFSET:
        raise TargetError(f"{show(path)}: no file reaches from {offset} over {size} bytes", Refusal.REFUSED)
    if size > MOST_BYTES:
        raise TargetError(f"{show(path)}: {size} bytes are more than the {MOST_BYTES} read at once", Refusal.REFUSED)


def next_try(offset: int, failed: int) -> int:
    """Where to read on when nothing can be read at an offset, after so many failures in a row, that one included.

    At the next page; once many pages could not be read one after the other, one in 256 is tried.
    """
    step = PAGE if failed <= _TRIED_EACH else _LEAP
    return offset - offset % step + step


def show(path: bytes) -> str:
    """A path as a line of text: bytes that are no UTF-8 and what a terminal would obey become visible."""
    return safe(path.decode("utf-8", "backslashreplace"), 400)


def kind_of(mode: int) -> FileKind:
    """What the mode bits of a stat say it is."""
    return _KINDS.get(stat.S_IFMT(mode), FileKind.OTHER)


def absent(path: bytes) -> TargetError:
    """Nothing has that name, or what had it is gone."""
    return TargetError(f"{show(path)} is not there", Refusal.ABSENT)


def denied(path: bytes) -> TargetError:
    """Whoever irkit runs as may not."""
    return TargetError(f"no permission to read {show(path)} (run as root or with sudo)", Refusal.REFUSED)


def mistaken(path: bytes, kind: FileKind, wanted: FileKind) -> TargetError:
    """It is something else than what was asked for."""
    is_it = "of no known kind" if kind is FileKind.OTHER else f"a {kind.value}"
    asked = "regular file" if wanted is FileKind.FILE else wanted.value
    return TargetError(f"{show(path)} is no {asked}: it is {is_it}", Refusal.REFUSED)


def overflowing(path: bytes, most: int) -> TargetError:
    """A directory with more in it than is listed."""
    return TargetError(f"{show(path)}: more than {most} names are in it, too many to list", Refusal.REFUSED)


def too_long_in_all(path: bytes, most: int) -> TargetError:
    """A directory whose names are longer together than what is listed."""
    return TargetError(f"{show(path)}: its names have more than {most} bytes, too many to list", Refusal.REFUSED)
