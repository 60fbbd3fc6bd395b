"""What a look at a container takes in: in memory, bounded, and nothing but what is shown."""

from __future__ import annotations  # see the imports for types only, below

from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence

MOST = 64 << 20
"""Bytes of one item that are kept at most: what is more is for evidence, not for a screen."""


class LookFile:
    """One item. Beyond `MOST` bytes the look is given up, with a TargetError."""

    def __init__(self, path: str, *, is_kept: bool) -> None:
        self.path, self._is_kept = path, is_kept
        self.data = bytearray()
        self.warnings: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it, if it is shown."""
        if not self._is_kept:
            return
        if len(self.data) + len(data) > MOST:
            raise TargetError(f"there is more of it than {MOST >> 20} MiB: collect it instead", Refusal.REFUSED)
        self.data += data

    def warn(self, text: str) -> None:
        """Say it beside what is shown."""
        self.warnings.append(text)

    def finish(self, partial: str = "") -> Evidence:
        """The end of it; why it is not whole is said beside it."""
        if partial:
            self.warnings.append(partial)
        return Evidence(
            path=self.path, kind="look", sha256="", sha512="", size=len(self.data), source_sha256="",
            source_size=len(self.data), started_at="", ended_at="", partial=partial,
        )  # fmt: skip


class LookIntake:
    """The intake of a look: `wanted` items are kept, others pass unseen."""

    def __init__(self, *wanted: str) -> None:
        self._wanted = wanted
        self.files: dict[str, LookFile] = {}

    def open(self, path: str, *, source: str, compress: bool = False, level: int = 3) -> LookFile:
        """A new item."""
        item = self.files[path] = LookFile(path, is_kept=path in self._wanted)
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
        """What was kept of an item; nothing where there is none."""
        item = self.files.get(path)
        return bytes(item.data) if item else b""

    @property
    def warnings(self) -> list[str]:
        """What is to be said beside what is shown."""
        return [text for item in self.files.values() for text in item.warnings]
