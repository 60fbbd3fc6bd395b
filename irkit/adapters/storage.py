"""Files and folders of a bundle as the operating system sees them: made exclusively, private, and on disk when said so.

What is in them, and what they are called, is for others.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from irkit.core.errors import StorageError

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextlib.contextmanager
def storing(path: object) -> Iterator[None]:
    """Turn what the operating system refuses into a StorageError that names the file: the one it names, else `path`."""
    try:
        yield
    except OSError as error:
        place = error.filename if isinstance(error.filename, str) else path
        raise StorageError(f"{place}: {error.strerror or error}", full=error.errno in _NO_SPACE) from error


def create_file(path: Path) -> int:
    """A descriptor of a new, empty file that nobody else can read, whatever the umask."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return descriptor


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write the whole of it: one call may take only a part, above all on a disk that fills up."""
    done = os.write(descriptor, data)
    if done == len(data):
        return
    with memoryview(data) as view:
        while done < len(view):
            done += os.write(descriptor, view[done:])


def write_file(path: Path, data: bytes) -> None:
    """A new file with that content, on disk. Nothing is left of one that could not be written whole."""
    descriptor = create_file(path)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """A new folder that nobody else can enter, whatever the umask, on disk."""
    path.mkdir(FOLDER_MODE)
    path.chmod(FOLDER_MODE)
    sync_folder(path.parent)


def make_folders(root: Path, relative: str) -> Path:
    """The folder of that relative path below `root`, with those between; what is there already may stay."""
    path = root
    for part in relative.split("/"):
        path = path / part
        with contextlib.suppress(FileExistsError):
            make_folder(path)
    return path


def sync_folder(path: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path: Path) -> int:
    """A descriptor to read a regular file with: never through a link, never waiting at a pipe or device.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises OSError."""
    with os.fdopen(open_regular(path), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"more than {limit} bytes", str(path))
    return data
