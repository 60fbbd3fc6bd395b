"""A folder of the machine irkit runs on, held by a descriptor while a tree is read from it.

What is below it is hostile, and may change under us. Each name is looked up in the held folder alone, held by a
descriptor that opens nothing, and only what turns out to be a regular file or a folder is then opened through that.
What is mounted in it is seen and left alone: a file system may be one that never answers. What a path is, and how it is
found first, is `host_files`' concern.
"""

import contextlib
import errno
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from msgspec import structs

from irkit.adapters import file_paths, unasked
from irkit.adapters.host_files import PIECE, explained, facts_of, opened, refusal
from irkit.adapters.tally import count_bytes
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, Looked, Span

_BATCH: Final = 512
_MOST_SPANS: Final = 20_000
"""Parts of one file that are told apart; what is behind them counts as one more."""
MOUNTED: Final = "another file system is mounted there"
_HOLD: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalFolder:
    """The folder that `descriptor` is open on, which is closed with it; `path` is what it is called in messages."""

    def __init__(self, descriptor: int, path: bytes) -> None:
        self._folder, self._path = descriptor, path.rstrip(b"/")
        self._seen = unasked.look(descriptor)

    @property
    def path(self) -> bytes:
        """Where it was found."""
        return self._path or b"/"

    def batches(self, deadline: Deadline) -> Iterator[list[FileFacts]]:
        """What is in it, some at a time. Names that go while it is read are left out."""
        batch: list[FileFacts] = []
        with explained(self.path), os.scandir(self._folder) as entries:
            for entry in entries:
                deadline.remaining()
                with contextlib.suppress(FileNotFoundError):
                    batch.append(unasked.look(self._folder, os.fsencode(entry.name)).facts)
                if len(batch) == _BATCH:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def own(self, deadline: Deadline) -> Looked:
        """The folder itself."""
        deadline.remaining()
        with explained(self.path):
            facts = facts_of(self._path.rpartition(b"/")[2] or b"/", os.fstat(self._folder))
            return Looked(facts=facts, xattrs=_xattrs(self._folder))

    def look(self, listed: Sequence[FileFacts], small: int, deadline: Deadline) -> Iterator[Looked]:
        """Each of these as it is now."""
        for one in listed:
            deadline.remaining()
            try:
                held = os.open(one.name, _HOLD, dir_fd=self._folder)
                try:
                    seen = self._mounted(held)
                    yield _unlooked(seen, one.name) if seen else _looked(held, one.name, small)
                finally:
                    os.close(held)
            except OSError as error:
                yield Looked(facts=one, problem=refusal(self._inside(one.name), error).reason)

    @contextlib.contextmanager
    def open(self, name: bytes, deadline: Deadline) -> "Iterator[LocalFile]":
        """A regular file in it."""
        deadline.remaining()
        path = self._inside(name)
        with contextlib.ExitStack() as stack:
            with explained(path):
                held = os.open(name, _HOLD, dir_fd=self._folder)
                stack.callback(os.close, held)
                if self._mounted(held):
                    raise TargetError(f"{file_paths.show(path)}: {MOUNTED}", Refusal.REFUSED)
                facts = facts_of(name, os.fstat(held))
                if facts.kind is not FileKind.FILE:
                    raise file_paths.mistaken(path, facts.kind, FileKind.FILE)
                file = stack.enter_context(opened(held))
            yield LocalFile(file, facts, path)

    def enter(self, name: bytes, deadline: Deadline, *, across: Collection[int] = ()) -> "LocalFolder":
        """A folder in it; one of another file system only where it is of a mount with such an id."""
        deadline.remaining()
        path = self._inside(name)
        with explained(path):
            held = os.open(name, _HOLD, dir_fd=self._folder)
            try:
                seen = self._mounted(held)
                if seen and (seen.mount or not across) and seen.mount not in across:
                    raise TargetError(f"{file_paths.show(path)}: {MOUNTED}", Refusal.REFUSED)
                facts = facts_of(name, os.fstat(held))
                if facts.kind is not FileKind.DIRECTORY:
                    raise file_paths.mistaken(path, facts.kind, FileKind.DIRECTORY)
                return hold_folder(held, path)
            finally:
                os.close(held)

    def _mounted(self, held: int) -> unasked.Seen | None:
        """What is of another file system that is mounted there, and is not known to answer: nobody was asked."""
        seen, own = unasked.look(held), self._seen
        if seen.facts.device == own.facts.device or (seen.mount and seen.mount == own.mount):
            return None
        is_folder = seen.facts.kind is FileKind.DIRECTORY
        if not seen.mount:  # an old kernel; the files of overlayfs are of other devices than its folders
            return seen if is_folder else None
        return seen if is_folder or not unasked.is_local(seen.mount) else None

    def close(self) -> None:
        """Let go of it."""
        folder, self._folder = self._folder, -1
        if folder >= 0:
            os.close(folder)

    def _inside(self, name: bytes) -> bytes:
        return self._path + b"/" + name


class LocalFile:
    """A regular file that is open."""

    def __init__(self, descriptor: int, facts: FileFacts, path: bytes) -> None:
        self._file, self._facts, self._path = descriptor, facts, path

    @property
    def facts(self) -> FileFacts:
        """As it was when it was opened."""
        return self._facts

    def spans(self, deadline: Deadline) -> Sequence[Span]:
        """The parts that have data, as its file system tells."""
        size = self._facts.size
        if self._facts.allocated >= size:
            return [Span(0, size)] if size else []
        found: list[Span] = []
        end = 0
        with explained(self._path):
            while end < size:
                deadline.remaining()
                begin = _seek(self._file, end, os.SEEK_DATA)
                if begin is None or begin >= size:
                    break
                is_last = len(found) == _MOST_SPANS
                end = size if is_last else min(_seek(self._file, begin, os.SEEK_HOLE) or size, size)
                found.append(Span(begin, end - begin))
        return found

    def read(self, span: Span, deadline: Deadline) -> Iterator[memoryview]:
        """The bytes of a span, fewer at the end of the file."""
        offset, left = span.offset, span.size
        buffer = memoryview(bytearray(min(PIECE, left)))
        while left:
            deadline.remaining()
            with explained(self._path):
                count = os.preadv(self._file, [buffer[: min(len(buffer), left)]], offset)
            if not count:
                return
            count_bytes(count)
            yield buffer[:count]
            offset, left = offset + count, left - count


def hold_folder(held: int, path: bytes) -> LocalFolder:
    """A folder that a descriptor stands for, opened to be read. Raises OSError."""
    with opened(held, b".") as folder:
        return LocalFolder(os.dup(folder), path)


def _unlooked(seen: unasked.Seen, name: bytes) -> Looked:
    """What is mounted there; that a folder is not gone into is for the walk to say."""
    facts = structs.replace(seen.facts, name=name)
    return Looked(facts=facts, problem="" if facts.kind is FileKind.DIRECTORY else MOUNTED)


def _looked(held: int, name: bytes, small: int) -> Looked:
    facts = facts_of(name, os.fstat(held))
    xattrs = _xattrs(held)
    if facts.kind is FileKind.LINK:
        return Looked(facts=facts, link=os.readlink(b"", dir_fd=held), xattrs=xattrs)
    if facts.kind is not FileKind.FILE or facts.size > small:
        return Looked(facts=facts, xattrs=xattrs)
    with opened(held) as file:
        content = os.pread(file, facts.size + 1, 0)
        count_bytes(len(content))
        if len(content) != facts.size:  # it was written to meanwhile
            facts = facts_of(name, os.fstat(file))
    return Looked(facts=facts, content=content if len(content) == facts.size else None, xattrs=xattrs)


def _xattrs(held: int) -> Mapping[bytes, bytes] | None:
    """Extended attributes of what a descriptor stands for; None where its file system has none, or tells none."""
    path = b"/proc/self/fd/%d" % held
    try:
        names = os.listxattr(path)
        return {os.fsencode(name): os.getxattr(path, name) for name in names} if names else {}
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ERANGE):  # one was taken away, or grew, just then
            return _xattrs_one_by_one(path)
        return None


def _xattrs_one_by_one(path: bytes) -> Mapping[bytes, bytes] | None:
    found: dict[bytes, bytes] = {}
    try:
        for name in os.listxattr(path):
            with contextlib.suppress(OSError):
                found[os.fsencode(name)] = os.getxattr(path, name)
    except OSError:
        return None
    return found


def _seek(file: int, offset: int, whence: int) -> int | None:
    """Where data or a hole begins from there on; None where there is no more of it."""
    try:
        return os.lseek(file, offset, whence)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        if error.errno == errno.EINVAL:  # a file system that does not tell
            return offset if whence == os.SEEK_DATA else None
        raise
