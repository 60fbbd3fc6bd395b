"""Hosts to try the contract of `HostFiles` on: in memory, this disk, the same without links, and over SFTP."""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from irkit.adapters.clock import SystemClock
from irkit.adapters.host_files import LocalFiles
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.sftp_files import SftpFiles
from irkit.core.ports import FileKind, HostFiles
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.adapters.sftp_servers import NOBODY, SftpServers

PATIENCE = 60.0
KINDS = {FileKind.FIFO: stat.S_IFIFO, FileKind.SOCKET: stat.S_IFSOCK}


def deadline(cancel: Cancel | None = None, seconds: float = PATIENCE) -> OperationDeadline:
    return OperationDeadline(SystemClock(), seconds, seconds, cancel or Cancel())


class Maker(Protocol):
    """What puts things where the files are; names are relative to the site's root."""

    def file(self, name: bytes, content: bytes, mode: int = 0o644) -> None: ...
    def folder(self, name: bytes) -> None: ...
    def link(self, name: bytes, target: bytes) -> None: ...
    def special(self, name: bytes, kind: FileKind) -> None: ...
    def many(self, name: bytes, count: int) -> None: ...

    def forbidden(self, name: bytes, content: bytes) -> contextlib.AbstractContextManager[HostFiles]:
        """A file that may not be read, and the files of the host as seen by somebody who may not."""
        ...


@dataclass
class FileSite:
    """The files of a host, and the folder of them in which things can be made."""

    files: HostFiles
    root: bytes
    make: Maker
    follows: bool = True

    def __call__(self, name: bytes) -> bytes:
        """The path of what has that name."""
        return self.root + b"/" + name


class MemoryMaker:
    def __init__(self, files: MemoryFiles, root: bytes) -> None:
        self._files, self._root = files, root + b"/"

    def file(self, name: bytes, content: bytes, mode: int = 0o644) -> None:
        self._files.put(self._root + name, content, mode=mode)

    def folder(self, name: bytes) -> None:
        self._files.put(self._root + name, kind=FileKind.DIRECTORY, mode=0o755)

    def link(self, name: bytes, target: bytes) -> None:
        self._files.put(self._root + name, target, kind=FileKind.LINK, mode=0o777)

    def special(self, name: bytes, kind: FileKind) -> None:
        self._files.put(self._root + name, kind=kind)

    def many(self, name: bytes, count: int) -> None:
        for number in range(count):
            self.file(b"%s/%d" % (name, number), b"")

    @contextlib.contextmanager
    def forbidden(self, name: bytes, content: bytes) -> Iterator[HostFiles]:
        self.file(name, content)
        self._files.deny(self._root + name)
        yield self._files


class DiskMaker:
    """Makes things below a folder on this machine."""

    def __init__(self, folder: bytes) -> None:
        self._folder = Path(os.fsdecode(folder))

    def _path(self, name: bytes) -> Path:
        return self._folder / os.fsdecode(name)

    def file(self, name: bytes, content: bytes, mode: int = 0o644) -> None:
        self._path(name).write_bytes(content)
        self._path(name).chmod(mode)

    def folder(self, name: bytes) -> None:
        self._path(name).mkdir()

    def link(self, name: bytes, target: bytes) -> None:
        self._path(name).symlink_to(os.fsdecode(target))

    def special(self, name: bytes, kind: FileKind) -> None:
        os.mknod(self._path(name), KINDS[kind] | 0o644)

    def many(self, name: bytes, count: int) -> None:
        """Most are links to one file, which takes a fraction of the time; no file may have more than 65,000."""
        self.folder(name)
        for number in range(count):
            path, first = self._path(name) / str(number), self._path(name) / str(number - number % 50_000)
            if path == first:
                path.touch()
            else:
                path.hardlink_to(first)


class LocalMaker(DiskMaker):
    """Whoever may not read is this very process, for a while."""

    def __init__(self, folder: bytes, files: LocalFiles) -> None:
        super().__init__(folder)
        self._files = files

    @contextlib.contextmanager
    def forbidden(self, name: bytes, content: bytes) -> Iterator[HostFiles]:
        self.file(name, content, mode=0)
        with as_nobody():
            yield self._files


class SftpMaker(DiskMaker):
    """Whoever may not read is an SFTP server that runs as somebody else."""

    def __init__(self, folder: bytes, files: SftpFiles) -> None:
        super().__init__(folder)
        self._files = files

    @contextlib.contextmanager
    def forbidden(self, name: bytes, content: bytes) -> Iterator[HostFiles]:
        self.file(name, content, mode=0)
        servers = SftpServers(user=NOBODY if os.geteuid() == 0 else None)
        with contextlib.closing(servers), SftpFiles(servers.dial) as files:
            yield files


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """This process without its rights to other people's files, where it has them."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@contextlib.contextmanager
def memory_site() -> Iterator[FileSite]:
    files = MemoryFiles()
    make = MemoryMaker(files, b"/made")
    files.put(b"/made", kind=FileKind.DIRECTORY, mode=0o755)
    yield FileSite(files, b"/made", make)


@contextlib.contextmanager
def local_site(folder: bytes) -> Iterator[FileSite]:
    with LocalFiles() as files:
        yield FileSite(files, folder, LocalMaker(folder, files))


@contextlib.contextmanager
def rooted_site(folder: bytes) -> Iterator[FileSite]:
    """The folder is the root, and no link leads on."""
    with LocalFiles() as whole, whole.below(folder) as files:
        yield FileSite(files, b"", LocalMaker(folder, files), follows=False)


@contextlib.contextmanager
def sftp_site(folder: bytes) -> Iterator[FileSite]:
    servers = SftpServers()
    with contextlib.closing(servers), SftpFiles(servers.dial) as files:
        yield FileSite(files, folder, SftpMaker(folder, files))
