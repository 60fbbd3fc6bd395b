"""Files of a host's /proc and /sys, read whole or not believed: what does not fit is told, never taken for all."""

from typing import Final

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileKind, HostFiles

LIMIT: Final = 1 << 20
"""Bytes read of one file."""
_SILENT: Final = (Refusal.TIMEOUT, Refusal.LOST, Refusal.CANCELLED, Refusal.UNREACHABLE)


class ProcReading:
    """The files of one host for one look; `cut` are the paths of those that were longer than what was read of them.

    Its methods raise TargetError where the host cannot be asked any more.
    """

    def __init__(self, files: HostFiles, deadline: Deadline) -> None:
        self._files, self._deadline = files, deadline
        self.cut: list[str] = []

    def check_time(self) -> None:
        """Raises TargetError where there is none left, or the run was told to stop."""
        self._deadline.remaining()

    def text(self, path: str) -> str | None:
        """A file's text; None where it cannot be read."""
        found = bytearray()
        try:
            for piece in self._files.stream(path.encode(), self._deadline):
                found += piece
                if len(found) > LIMIT:
                    self.cut.append(path)
                    break
        except TargetError as error:
            _check_is_answer(error)
            return None
        return found[:LIMIT].decode("utf-8", "replace")

    def link(self, path: str) -> str:
        """Where a link points; empty where it cannot be read."""
        try:
            return self._files.read_link(path.encode(), self._deadline).decode("utf-8", "replace")
        except TargetError as error:
            _check_is_answer(error)
            return ""

    def folders(self, path: bytes) -> list[bytes]:
        """The names of the folders in a folder; none where it cannot be read."""
        try:
            found = self._files.list(path, self._deadline)
        except TargetError as error:
            _check_is_answer(error)
            return []
        return [one.name for one in found if one.kind is FileKind.DIRECTORY]

    def numbers(self, path: bytes) -> list[int] | None:
        """A file's lines as numbers; None where it cannot be read, or does not hold numbers alone."""
        text = self.text(path.decode("utf-8", "surrogateescape"))
        try:
            return None if text is None else [int(line) for line in text.split("\n") if line]
        except ValueError:
            return None


def _check_is_answer(error: TargetError) -> None:
    if error.kind in _SILENT:
        raise error
