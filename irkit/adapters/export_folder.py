"""What a responder saves from a screen: the bytes as they came from the host, in files nobody else can read.

A folder for each export, `exports/TIME-NAME-WHAT` below the evidence folder, with the SHA-256 of its files in
`SHA256SUMS`, so that `sha256sum -c` tells whether they are as they were saved. It is no bundle: it has no log. Until it
has its sums it is called `.partial-` and that: so is what a crash has left.
"""

import contextlib
import hashlib
from pathlib import Path
from typing import Final

from irkit.adapters.bundle_intake import BundleIntake
from irkit.adapters.evidence_file import EvidenceWriter, Origin, Pipeline
from irkit.adapters.storage import make_folder, make_folders, storing, sync_folder, write_file
from irkit.core.errors import StorageError
from irkit.core.evidence import Evidence
from irkit.core.ports import LEVEL, Clock
from irkit.core.text import file_name

FOLDER: Final = "exports"
SUMS: Final = "SHA256SUMS"
_PARTIAL: Final = ".partial-"
_MOST_NAMES = 100


class _AsItCame(BundleIntake):
    """An intake that packs nothing: other tools are to read it."""

    def open(self, path: str, *, source: str, compress: bool = False, level: int = LEVEL) -> EvidenceWriter:
        return super().open(path, source=source)


class ExportFolder:
    """One export: a new folder, the intake of what comes into it, and its end. Raises StorageError."""

    def __init__(self, evidence: Path, host: str, container: str, name: str, clock: Clock) -> None:
        self._pipeline = Pipeline()
        self._name = f"{clock.now():%Y%m%dT%H%M%SZ}-{file_name(name)}"
        try:
            self.path = _new_folder(evidence, f"{_PARTIAL}{self._name}")
        except StorageError:
            self._pipeline.close()
            raise
        origin = Origin(kind="export", source="", host=host, container=container)
        self.intake = _AsItCame(self.path, "data", origin, self._pipeline, clock, None)

    def end(self, reason: str = "") -> tuple[tuple[Evidence, ...], str]:
        """Close it: what came, and the SHA-256 of the file of sums. With a `reason` what is open is not whole.

        Where nothing came, nothing is left of it.
        """
        try:
            items = self.intake.close(reason)
        finally:
            self._pipeline.close()
        sums = "".join(f"{one.sha256}  {one.path}\n" for one in items).encode()
        with storing(self.path):
            if not items:
                self.path.rmdir()
                return (), ""
            write_file(self.path / SUMS, sums)
            self.path = _named(self.path, self._name)
        return items, hashlib.sha256(sums).hexdigest()


def _named(path: Path, name: str) -> Path:
    """The folder under its lasting name, or where that is taken, one with a number. Raises OSError, StorageError."""
    for number in range(1, _MOST_NAMES):
        lasting = path.with_name(name if number == 1 else f"{name}-{number}")
        if not lasting.exists():
            path.rename(lasting)
            sync_folder(lasting.parent)
            return lasting
    raise StorageError(f"{path}: there are {_MOST_NAMES} of that name")


def _new_folder(evidence: Path, name: str) -> Path:
    with storing(evidence):
        evidence.mkdir(mode=0o700, parents=True, exist_ok=True)
        exports = make_folders(evidence, FOLDER)
        for number in range(1, _MOST_NAMES):
            with contextlib.suppress(FileExistsError):
                path = exports / (name if number == 1 else f"{name}-{number}")
                make_folder(path)
                return path
    raise StorageError(f"{exports / name}: there are {_MOST_NAMES} of that name")
