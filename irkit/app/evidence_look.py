"""The evidence folder for a screen: which bundles there are, what an item holds, whether a bundle is whole."""

from __future__ import annotations  # see the imports for types only, below

import contextlib
import io
import itertools
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from irkit.app.bundles import verify_bundle
from irkit.app.one_look import Look
from irkit.core.errors import TargetError, VerificationError

if TYPE_CHECKING:
    from pathlib import Path

    from irkit.app.setting import Setting
    from irkit.core.run import Run

PREVIEW = 1 << 20
"""Bytes of an item that a preview reads at most."""
MOST_MEMBERS = 5000
_MOST_TAR = 256 << 20


@dataclass(frozen=True)
class BundleSeen:
    """A bundle of the evidence folder; `run` is None where its log cannot be believed. `left` is still to be undone."""

    path: Path
    run: Run | None = None
    is_sealed: bool = False
    left: int = 0


@dataclass(frozen=True)
class Item:
    """A file of a bundle's payload, by its path below the bundle, and its size as it is stored."""

    path: str
    size: int


@dataclass(frozen=True)
class Preview:
    """The beginning of an item as it came from the host; `is_cut` where there is more."""

    data: bytes
    is_cut: bool


def bundles_seen(setting: Setting) -> list[BundleSeen]:
    """The bundles there are, the newest first; those that cannot be read before all."""
    from irkit.app.evidence_seen import EvidenceSeen

    return EvidenceSeen(setting).bundles()


def items_of(bundle: Path) -> Iterator[Item]:
    """The files of its payload, in order. Links and what is no file are left out."""
    for path in sorted((bundle / "data").rglob("*")):
        with contextlib.suppress(OSError):  # what a run has just renamed is there under its other name
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                yield Item(str(path.relative_to(bundle)), status.st_size)


def preview(bundle: Path, item: str) -> Look[Preview]:
    """The beginning of an item, unpacked."""

    def work(look: Look[Preview]) -> Preview:
        from irkit.adapters.evidence_reader import open_stored

        with open_stored(bundle / item) as stream:
            data = stream.read(PREVIEW + 1)
        return Preview(data[:PREVIEW], len(data) > PREVIEW)

    return Look(work)


def members(bundle: Path, item: str) -> Look[list[str]]:
    """What is in a tar, a line each: from the index beside it where there is one, else by going through its headers.

    Nothing is extracted.
    """

    def work(look: Look[list[str]]) -> list[str]:
        index = _index_of(bundle, item)
        lines = _indexed(bundle / index) if index else _headers(bundle / item)
        found = list(itertools.islice(lines, MOST_MEMBERS + 1))
        if len(found) > MOST_MEMBERS:
            found[-1] = f"and more: the first {MOST_MEMBERS} are shown"
        look.source = "its index" if index else "its headers"
        return found

    return Look(work)


def _index_of(bundle: Path, item: str) -> str:
    stem = item.removesuffix(".zst").removesuffix(".tar")
    return next((name for end in (".zst", "") if (bundle / (name := f"{stem}.index.jsonl{end}")).is_file()), "")


def _indexed(path: Path) -> Iterator[str]:
    from irkit.adapters.evidence_reader import open_stored

    with open_stored(path) as stream:
        for line in stream:
            try:
                one = msgspec.json.decode(line)
            except ValueError as error:
                raise VerificationError(f"{path.name}: a line of the index is no JSON") from error
            if isinstance(one, dict):
                yield " ".join(str(one.get(key, "")) for key in ("kind", "mode", "size", "path", "link")).rstrip()


def _headers(path: Path) -> Iterator[str]:
    from irkit.adapters.evidence_reader import open_stored

    with open_stored(path) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for one in tar:
                    kind = one.type.decode("ascii", "replace")
                    yield f"{kind} {one.mode:o} {one.size} {one.name} {one.linkname}".rstrip()
                    if one.offset_data > _MOST_TAR:
                        yield f"and more: the first {_MOST_TAR >> 20} MiB were gone through"
                        return
        except (tarfile.TarError, EOFError) as error:
            raise VerificationError(f"{path.name}: {error}") from error


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


def text_lines(data: bytes) -> Iterator[str]:
    """Bytes as lines of text, with U+FFFD for what is no UTF-8; none is made before it is asked for."""
    for line in io.BytesIO(data):
        yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
