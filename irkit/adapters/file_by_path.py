"""A regular file that nothing holds: it is looked up by its path for each read, as over SFTP and in memory."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from irkit.adapters.file_paths import mistaken
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFiles, Span

F = TypeVar("F", bound=HostFiles)


class FileByPath(Generic[F]):
    """A file but for its spans, which each way to a host tells in its own way."""

    def __init__(self, files: F, path: bytes, facts: FileFacts, *, follow: bool = False) -> None:
        if facts.kind is not FileKind.FILE:
            raise mistaken(path, facts.kind, FileKind.FILE)
        self._files, self._path, self._facts, self._follow = files, path, facts, follow

    @property
    def facts(self) -> FileFacts:
        """As it was when it was looked at."""
        return self._facts

    def read(self, span: Span, deadline: Deadline) -> Iterator[memoryview]:
        """The bytes of a span, fewer at the end of the file."""
        left = span.size
        for piece in self._files.stream(self._path, deadline, offset=span.offset, follow=self._follow):
            yield piece[:left]
            left -= min(left, len(piece))
            if not left:
                return
