"""The files of the machine irkit runs on, to be read and nothing else.

Whoever owns the files is hostile. A path is walked part by part and what it names is held by a descriptor that opens
nothing (`O_PATH`); only what turns out to be a regular file is then opened, through that descriptor, so that nothing
can be put in its place meanwhile. What a link of /proc leads to is not asked about where its file system is one whose
server need never answer (`unasked`); one that was named by its path can still make a call wait past the deadline.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from irkit.adapters import file_paths, kernel_files, unasked
from irkit.adapters.file_paths import ENDED, MOST_ENTRIES, check_range, kind_of, next_try, show, split_path
from irkit.adapters.host_side import one_by_one
from irkit.adapters.patient_reads import PatientReads, is_of_memory
from irkit.adapters.tally import count_bytes, count_file
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, Part

if TYPE_CHECKING:
    from irkit.adapters.host_folder import LocalFile, LocalFolder

T = TypeVar("T")
PIECE: Final = 1024 * 1024
"""Bytes read at a time."""
_NOTHING: Final = memoryview(b"")
_BLOCK: Final = 512
"""Bytes of what stat(2) counts, whatever the file system's own blocks."""
_HOLD: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_STEP: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
# Non-blocking also for a regular file: a lease on it, or one of /proc that waits for news, would make it wait.
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class LocalFiles:
    """The files below the folder `root`, which is held open until `close`. Times are exact to the nanosecond.

    With `follow_parents`, links on the way to a file are followed as the kernel follows them: out of the root, too.
    Without, a link on the way is refused, so that a tree that somebody hostile writes to cannot lead out of itself.
    """

    def __init__(self, root: bytes = b"/", *, follow_parents: bool = True) -> None:
        split_path(root)
        self._follow = follow_parents
        self.patient = PatientReads()
        with explained(root):
            self._root = os.open(root, _STEP)

    def below(self, path: bytes) -> "LocalFiles":
        """What is below that folder, and never leads out of it.

        On the way to it links are followed as anywhere else, this once, and as its last part too: `/proc/PID/root`.
        """
        with explained(path), self._folder(split_path(path)) as folder:
            return LocalFiles(b"/proc/self/fd/%d" % folder, follow_parents=False)

    def close(self) -> None:
        """Let go of the root."""
        root, self._root = self._root, -1
        if root >= 0:
            os.close(root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def list(self, path: bytes, deadline: Deadline) -> list[FileFacts]:
        """What is in a directory. Names that go while it is read are left out."""
        with explained(path), self._held(path, FileKind.DIRECTORY, deadline) as held, opened(held, b".") as folder:
            found: list[FileFacts] = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    deadline.remaining()
                    if len(found) == MOST_ENTRIES:
                        raise file_paths.overflowing(path, MOST_ENTRIES)
                    with contextlib.suppress(FileNotFoundError):
                        found.append(facts_of(os.fsencode(entry.name), entry.stat(follow_symlinks=False)))
            return found

    def list_names(
        self, paths: Sequence[bytes], limit: int, deadline: Deadline
    ) -> Sequence[Sequence[bytes] | TargetError]:
        """Up to `limit` names in each of many directories, or why one cannot be listed."""
        if self._follow:
            read = partial(kernel_files.read_names, self._root)
            found = one_by_one(paths, deadline, lambda path: _explain(read, path, limit))
            count_file("folders", sum(not isinstance(one, TargetError) for one in found))
            return found
        return one_by_one(paths, deadline, lambda path: [one.name for one in self.list(path, deadline)][:limit])

    def stat(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> FileFacts:
        """One file, directory or link."""
        with explained(path), self._held(path, None, deadline, follow=follow) as held:
            return facts_of((split_path(path) or [b"/"])[-1], os.fstat(held))

    def read_link(self, path: bytes, deadline: Deadline) -> bytes:
        """Where a link points."""
        with explained(path), self._held(path, FileKind.LINK, deadline) as held:
            return os.readlink(b"", dir_fd=held)

    def read_links(self, paths: Sequence[bytes], deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Where each of many links points, or why that cannot be told."""
        if not self._follow:
            return one_by_one(paths, deadline, lambda path: self.read_link(path, deadline))

        def read(path: bytes) -> bytes:
            """A link to which the kernel may walk is read at once; what is none is told in full."""
            try:
                return near.read_link(path)
            except OSError:
                return self.read_link(path, deadline)

        with kernel_files.Nearby(self._root, paths) as near:
            return one_by_one(paths, deadline, read)

    def read_small(self, paths: Sequence[bytes], limit: int, deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Many small files, each up to `limit` bytes, or why one cannot be read."""
        if self._follow:
            found = self._read_kernels(paths, limit, deadline)
            sizes = [len(one) for one in found if not isinstance(one, TargetError)]
            count_file("files", len(sizes))
            count_bytes(sum(sizes))
            return found
        return one_by_one(paths, deadline, lambda path: self.read_at(path, 0, limit, deadline))

    def _read_kernels(self, paths: Sequence[bytes], limit: int, deadline: Deadline) -> Sequence[bytes | TargetError]:
        """Those that a process can have us wait for by themselves, in a thread that can be given up."""
        awaited = [path for path in paths if is_of_memory(path)]
        others = [path for path in paths if not is_of_memory(path)] if awaited else paths
        with kernel_files.Nearby(self._root, others) as near:
            read = one_by_one(others, deadline, lambda path: _explain(near.read_file, path, limit))
        if not awaited:
            return read
        slow = partial(kernel_files.read_file, self._root)
        waited = iter(self.patient.read(awaited, deadline, lambda path: _explain(slow, path, limit)))
        rest = iter(read)
        return [next(waited if is_of_memory(path) else rest) for path in paths]

    def read_at(self, path: bytes, offset: int, size: int, deadline: Deadline, *, follow: bool = False) -> bytes:
        """That many bytes from there on; fewer only at the end of the file."""
        check_range(path, offset, size)
        pieces: list[bytes] = []
        with explained(path), self._held(path, FileKind.FILE, deadline, follow=follow) as held, opened(held) as file:
            while size > 0:
                deadline.remaining()
                piece = os.pread(file, min(size, PIECE), offset)
                if not piece:
                    break
                pieces.append(piece)
                count_bytes(len(piece))
                offset, size = offset + len(piece), size - len(piece)
        return b"".join(pieces)

    def stream(self, path: bytes, deadline: Deadline, *, offset: int = 0, follow: bool = False) -> Iterator[memoryview]:
        """The file to its end as it then is; nothing is opened before the first piece is asked for."""
        check_range(path, offset)
        return self._stream(path, deadline, offset, follow)

    def read_ranges(self, path: bytes, ranges: Iterable[tuple[int, int]], deadline: Deadline) -> Iterator[Part]:
        """Ranges of a file in order, and what of them cannot be read; nothing is opened before the first is asked."""
        buffer = memoryview(bytearray(PIECE))
        with contextlib.ExitStack() as stack:
            with explained(path):
                file = stack.enter_context(opened(stack.enter_context(self._held(path, FileKind.FILE, deadline))))
            for offset, size in ranges:
                yield from _parts(file, buffer, offset, offset + size, deadline)

    def _stream(self, path: bytes, deadline: Deadline, offset: int, follow: bool) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(PIECE))
        with contextlib.ExitStack() as stack:
            with explained(path):
                held = stack.enter_context(self._held(path, FileKind.FILE, deadline, follow=follow))
                file = stack.enter_context(opened(held))
            while count := self._fill(file, buffer, offset, path, deadline):
                yield buffer[:count]
                offset += count

    def _fill(self, file: int, buffer: memoryview, offset: int, path: bytes, deadline: Deadline) -> int:
        deadline.remaining()
        with explained(path):
            count = os.preadv(file, [buffer], offset)
        count_bytes(count)
        return count

    @contextlib.contextmanager
    def open_link(self, path: bytes, deadline: Deadline) -> "Iterator[LocalFile]":
        """The regular file that a link of /proc leads to, held open."""
        from irkit.adapters.host_folder import LocalFile  # noqa: PLC0415 - it is built on what stands here

        with contextlib.ExitStack() as stack:
            with explained(path):
                held = stack.enter_context(self._held(path, FileKind.FILE, deadline, follow=True))
                facts = facts_of(split_path(path)[-1], os.fstat(held))
                file = stack.enter_context(opened(held))
            yield LocalFile(file, facts, path)

    def folder(self, path: bytes, deadline: Deadline, *, follow: bool = False) -> "LocalFolder":
        """A folder to read a tree from: nothing below it leads out of it."""
        from irkit.adapters.host_folder import hold_folder  # noqa: PLC0415 - it is built on what stands here

        with explained(path), self._held(path, FileKind.DIRECTORY, deadline, follow=follow) as held:
            return hold_folder(held, path)

    def is_in_memory(self, path: bytes, deadline: Deadline) -> bool | None:
        """Whether a link of /proc leads to a tmpfs."""
        with explained(path), self._held(path, None, deadline, follow=True) as held:
            return unasked.is_in_memory(held)

    def free_space(self, path: bytes, deadline: Deadline) -> tuple[int, int]:
        """Bytes that are free for everybody, and bytes in all, on the file system that a folder is on."""
        deadline.remaining()
        with explained(path), self._folder(split_path(path)) as folder:
            facts = os.fstatvfs(folder)
        return facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize

    @contextlib.contextmanager
    def _held(self, path: bytes, wanted: FileKind | None, deadline: Deadline, *, follow: bool = False) -> Iterator[int]:
        """A descriptor that stands for what the path names, opened or not: it must be of the kind wanted, if any."""
        deadline.remaining()
        *way, last = split_path(path) or [b"."]
        with self._folder(way) as folder:
            held = os.open(last, _HOLD & ~os.O_NOFOLLOW if follow and self._follow else _HOLD, dir_fd=folder)
        try:
            if follow and self._follow and path.startswith(b"/proc/"):
                unasked.check(self._root, path, held)
            kind = kind_of(os.fstat(held).st_mode)
            if wanted not in (None, kind):
                raise file_paths.mistaken(path, kind, wanted or kind)
            yield held
        finally:
            os.close(held)

    @contextlib.contextmanager
    def _folder(self, way: Sequence[bytes]) -> Iterator[int]:
        """A descriptor that stands for the folder at the end of that way."""
        flags = _STEP if self._follow else _STEP | os.O_NOFOLLOW
        folder = os.dup(self._root)
        try:
            for part in way:
                folder = _step(folder, part, flags)
            yield folder
        finally:
            os.close(folder)


def _step(folder: int, part: bytes, flags: int) -> int:
    """The folder of that name in this one, which is let go of."""
    try:
        inner = os.open(part, flags, dir_fd=folder)
    except NotADirectoryError:
        # The kernel says this of a link that it was told not to follow, too.
        if kind_of(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode) is FileKind.LINK:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise
    os.close(folder)
    return inner


@contextlib.contextmanager
def opened(held: int, name: bytes = b"") -> Iterator[int]:
    """What is held, open for reading: a directory as `.`, a file by the name /proc gives the descriptor."""
    flags, folder = (_READ | os.O_DIRECTORY, held) if name else (_READ, None)
    path = name or b"/proc/self/fd/%d" % held
    try:
        descriptor = os.open(path, flags | os.O_NOATIME, dir_fd=folder)
    except PermissionError:  # the time of access is kept as it was where that is allowed
        descriptor = os.open(path, flags, dir_fd=folder)
    count_file("folders" if name else "files")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _parts(file: int, buffer: memoryview, offset: int, end: int, deadline: Deadline) -> Iterator[Part]:
    """A range of an open file."""
    failed = 0
    while offset < end:
        deadline.remaining()
        try:
            count, why = os.preadv(file, [buffer[: min(PIECE, end - offset)]], offset), ENDED
        except OSError as error:
            count, why = 0, os.strerror(error.errno or 0)
        if count:
            count_bytes(count)
            yield Part(offset, buffer[:count])
            offset, failed = offset + count, 0
            continue
        failed += 1
        after = end if why == ENDED else min(end, next_try(offset, failed))
        yield Part(offset, _NOTHING, after - offset, why)
        offset = after


def facts_of(name: bytes, found: os.stat_result) -> FileFacts:
    """What a stat told of what has that name."""
    return FileFacts(
        name=name,
        kind=kind_of(found.st_mode),
        size=found.st_size,
        mode=found.st_mode & 0o7777,
        uid=found.st_uid,
        gid=found.st_gid,
        modified_ns=found.st_mtime_ns,
        accessed_ns=found.st_atime_ns,
        changed_ns=found.st_ctime_ns,
        device=found.st_dev,
        inode=found.st_ino,
        links=found.st_nlink,
        allocated=found.st_blocks * _BLOCK,
        device_number=found.st_rdev,
    )


@contextlib.contextmanager
def explained(path: bytes) -> Iterator[None]:
    """Whatever the operating system refuses, as TargetError."""
    try:
        yield
    except OSError as error:
        raise refusal(path, error) from error


def _explain(read: Callable[[bytes, int], T], path: bytes, limit: int) -> T:
    try:
        return read(path, limit)
    except OSError as error:
        raise refusal(path, error) from error


def refusal(path: bytes, error: OSError) -> TargetError:
    """What the operating system refused, in irkit's words."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR | errno.ESRCH:  # ESRCH: one of /proc whose process has ended
            return file_paths.absent(path)
        case errno.EACCES | errno.EPERM:
            return file_paths.denied(path)
        case errno.ELOOP:
            return TargetError(f"{show(path)}: a link on the way is not followed, or is a circle", Refusal.REFUSED)
        case errno.EAGAIN:
            return TargetError(f"{show(path)} would have to be waited for", Refusal.REFUSED)
        case errno.EIO:
            return TargetError(f"{show(path)} cannot be read there: input/output error", Refusal.REFUSED)
        case _:
            return TargetError(f"{show(path)} cannot be read: {error.strerror or error}", Refusal.REFUSED)
