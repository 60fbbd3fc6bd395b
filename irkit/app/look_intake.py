"""What a look at a container takes in: in memory, bounded, and nothing but what is shown."""

from __future__ import annotations  # see the imports for types only, below

from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.ports import LEVEL

MOST = 8 << 20
"""Bytes of one item that are kept at most: what is more is for evidence, not for a screen."""


class LookFile:
    """One item. Of one longer than `MOST` bytes the beginning is kept where `is_cut_short`; else it is given up."""

    def __init__(self, path: str, *, is_kept: bool, is_cut_short: bool = False) -> None:
        self.path, self._is_kept, self._is_cut_short = path, is_kept, is_cut_short
        self.data = bytearray()
        self.size = 0
        self.warnings: list[str] = []

    @property
    def is_whole(self) -> bool:
        """Whether all of it was kept."""
        return self.size == len(self.data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it, if it is shown. Raises TargetError where there is too much of what makes sense as a whole only."""
        self.size += len(data)
        if not self._is_kept:
            return
        room = MOST - len(self.data)
        if len(data) > room and not self._is_cut_short:
            raise TargetError(f"there is more of it than {MOST >> 20} MiB: collect it instead", Refusal.REFUSED)
        self.data += data[: max(0, room)]

    def warn(self, text: str) -> None:
        """Say it beside what is shown."""
        self.warnings.append(text)

    def finish(self, partial: str = "") -> Evidence:
        """The end of it; why it is not whole is said beside it."""
        if partial:
            self.warnings.append(partial)
        if self._is_kept and not self.is_whole:
            self.warnings.append(
                f"NOT ALL IS SHOWN: only the first {MOST >> 20} MiB of {self.size >> 20}; collect it to have it whole"
            )
        return Evidence(
            path=self.path, kind="look", sha256="", sha512="", size=self.size, source_sha256="",
            source_size=self.size, started_at="", ended_at="", partial=partial,
        )  # fmt: skip


class LookIntake:
    """The intake of a look: `wanted` items are kept, others pass unseen. `is_cut_short`: as for `LookFile`."""

    def __init__(self, *wanted: str, is_cut_short: bool = False) -> None:
        self._wanted, self._is_cut_short = wanted, is_cut_short
        self.files: dict[str, LookFile] = {}

    def open(self, path: str, *, source: str, compress: bool = False, level: int = LEVEL) -> LookFile:
        """A new item."""
        item = self.files[path] = LookFile(path, is_kept=path in self._wanted, is_cut_short=self._is_cut_short)
        return item

    def put(self, path: str, data: bytes, *, source: str) -> Evidence:
        """A small item at once."""
        item = self.open(path, source=source)
        item.write(data)
        return item.finish()

    def name(self, evidence: Evidence, path: str) -> Evidence | None:
        """Items are not renamed here."""
        return evidence

    def drop(self, evidence: Evidence) -> None:
        """Forget it."""
        self.files.pop(evidence.path, None)

    def content(self, path: str) -> bytes:
        """What was kept of an item, whole or its beginning; nothing where there is none."""
        item = self.files.get(path)
        return bytes(item.data) if item else b""

    @property
    def warnings(self) -> list[str]:
        """What is to be said beside what is shown."""
        return [text for item in self.files.values() for text in item.warnings]
