"""The evidence folder for a screen: which bundles there are, what an item holds, whether a bundle is whole."""

from __future__ import annotations  # see the imports for types only, below

import contextlib
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from irkit.app.bundles import verify_bundle
from irkit.app.one_look import Look
from irkit.core.errors import TargetError, VerificationError
from irkit.core.events import OperationFailed, OperationFinished, Record
from irkit.core.evidence import Evidence
from irkit.core.listed_member import ListedMember

if TYPE_CHECKING:
    from pathlib import Path

    from irkit.app.setting import Setting
    from irkit.core.run import Run

PREVIEW = 1 << 20
"""Bytes of an item that a preview reads at most."""
MOST_MEMBERS = 15_000
_LOG = "data/log/run.jsonl"
_PACKED, _TAR = ".zst", ".tar"
_ARCHIVES = (_TAR, ".tar.gz", ".tar.zstd")
_INDEXES = (".index.jsonl", ".jsonl")
_MOST_NAMES = 4 << 20
"""Bytes of members' names that are shown at most."""


@dataclass(frozen=True)
class BundleSeen:
    """A bundle of the evidence folder; `run` is None where its log cannot be believed. `left` is still to be undone."""

    path: Path
    run: Run | None = None
    is_sealed: bool = False
    left: int = 0


@dataclass(frozen=True)
class Item:
    """A file of a bundle's payload, by its path below the bundle; `size` as it is stored, None where it is not there.

    `evidence` is what the log says of it; `index` the list of what is in it, where that is an item too. `doubt` says in
    what it is not as the log has it. Whether it holds what the log says, only verifying tells.
    """

    path: str
    size: int | None
    evidence: Evidence | None = None
    index: str = ""
    doubt: str = ""

    @property
    def is_archive(self) -> bool:
        """Whether its members can be told."""
        return bool(self.index) or self.path.removesuffix(_PACKED).endswith(_TAR)


@dataclass(frozen=True)
class Preview:
    """The beginning of an item as it came from the host; `is_cut` where there is more."""

    data: bytes
    is_cut: bool


def bundles_seen(setting: Setting) -> list[BundleSeen]:
    """The bundles there are, the newest first; those that cannot be read before all."""
    from irkit.app.evidence_seen import EvidenceSeen

    return EvidenceSeen(setting).bundles()


def items_of(bundle: Path, records: Iterable[Record] | None = None) -> Iterator[Item]:
    """The files of its payload, in order, with what its log says of them, and those that only the log knows.

    Links and what is no file are left out. Without records nothing is known but what is there.
    """
    known = None if records is None else _described(records)
    files = _files_of(bundle)
    for path in sorted({*files, *(known or ())}):
        seq, evidence = (known or {}).get(path, (0, None))
        index = next((one for one in _indexes_of(path) if one in files and _is_of(known, one, seq)), "")
        yield Item(path, files.get(path), evidence, index, _doubt(path, files.get(path), evidence, known is not None))


def _files_of(bundle: Path) -> dict[str, int]:
    found = {}
    for path in (bundle / "data").rglob("*"):
        with contextlib.suppress(OSError):  # what a run has just renamed is there under its other name
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found[str(path.relative_to(bundle))] = status.st_size
    return found


def _described(records: Iterable[Record]) -> dict[str, tuple[int, Evidence]]:
    """What the log says of items, by their paths, and in which record."""
    return {
        item.path: (record.seq, item)
        for record in records
        if isinstance(record.event, OperationFinished | OperationFailed)
        for item in record.event.evidence
    }


def _indexes_of(path: str) -> Iterator[str]:
    """What the index of an archive may be called. It is made together with the archive, by the same operation."""
    plain = path.removesuffix(_PACKED)
    for end in _ARCHIVES:
        if plain.endswith(end):
            stem = plain.removesuffix(end)
            yield from (f"{stem}{index}{packed}" for index in _INDEXES for packed in (_PACKED, ""))
            return


def _is_of(known: dict[str, tuple[int, Evidence]] | None, path: str, seq: int) -> bool:
    return known is None or known.get(path, (None, None))[0] == seq


def _doubt(path: str, size: int | None, evidence: Evidence | None, is_known: bool) -> str:
    if size is None:
        return "MISSING"
    if evidence is None:
        return "NOT IN THE LOG" if is_known and path != _LOG else ""
    return "" if evidence.size == size else f"ALTERED: it had {evidence.size} bytes"


def preview(bundle: Path, item: str) -> Look[Preview]:
    """The beginning of an item, unpacked."""

    def work(look: Look[Preview]) -> Preview:
        from irkit.adapters.evidence_reader import open_stored

        with open_stored(bundle / item) as stream:
            data = stream.read(PREVIEW + 1)
        return Preview(data[:PREVIEW], len(data) > PREVIEW)

    return Look(work)


def members(bundle: Path, item: str, index: str = "") -> Look[list[ListedMember]]:
    """What is in a tar, as far as it can be read: from its index where that is given, else by its headers.

    Nothing is extracted. The notes of the look say what is missing, and why.
    """

    def work(look: Look[list[ListedMember]]) -> list[ListedMember]:
        from irkit.adapters.archive_listing import read_headers, read_index

        notes: list[str] = []
        every = read_index(bundle / index) if index else read_headers(bundle / item, notes.append)
        look.source = "its index" if index else "its headers"
        found: list[ListedMember] = []
        try:
            with contextlib.closing(every):
                _take_members(every, found, notes, lambda: look.cancel_switch.is_set)
        except VerificationError as error:
            notes.append(f"{look.source} cannot be read on: {error}")
        look.notes = tuple(notes)
        return found

    return Look(work)


def _take_members(
    every: Iterator[ListedMember], found: list[ListedMember], notes: list[str], is_given_up: Callable[[], bool]
) -> None:
    left = _MOST_NAMES
    for one in every:
        left -= len(one.name) + len(one.link)
        if len(found) == MOST_MEMBERS or left < 0 or is_given_up():
            notes.append(f"the first {len(found)} are shown")
            return
        found.append(one)


@dataclass
class VerifyProgress:
    """How far a verification has come, in bytes."""

    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Verdict:
    """What a verification came to: the bundle is what it was when it was sealed only where there are no problems."""

    problems: tuple[str, ...]
    files: int
    bytes: int
    records: int


def verifying(setting: Setting, bundle: Path) -> tuple[Look[Verdict], VerifyProgress]:
    """Check a bundle; it can be given up."""
    progress = VerifyProgress()

    def work(look: Look[Verdict]) -> Verdict:
        from irkit.core.errors import Refusal

        def told(done: int, total: int) -> None:
            progress.done, progress.total = done, total
            if look.cancel_switch.is_set:
                raise TargetError("given up", Refusal.CANCELLED)

        report = verify_bundle(setting, str(bundle), told)
        return Verdict(tuple(one.text for one in report.problems), report.files, report.bytes, report.records)

    return Look(work), progress


def hex_lines(data: bytes, offset: int = 0) -> Iterator[str]:
    """Bytes as hexadecimal, sixteen a line, with what of them can be printed."""
    for at in range(0, len(data), 16):
        piece = data[at : at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)  # noqa: PLR2004 - printable ASCII
        yield f"{offset + at:08x}  {piece[:8].hex(' '):<23}  {piece[8:].hex(' '):<23}  {shown}"


def looks_like_text(data: bytes) -> bool:
    """Whether it is shown as lines first: no NUL, and hardly anything that is not UTF-8."""
    if b"\0" in data:
        return False
    try:
        data[:65536].decode()
    except UnicodeDecodeError as error:
        return error.start > len(data[:65536]) - 4
    return True
