"""The timeline of a bundle, in the form another tool reads."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from irkit.app.bundles import find_bundle, read_records
from irkit.core.run import replay

if TYPE_CHECKING:
    from irkit.app.setting import Setting
    from irkit.core.timeline import FileTimes, Moment


class _Out(Protocol):
    def write(self, data: bytes, /) -> object: ...


def export_timeline(
    setting: Setting, name: str, form: str, out: _Out, folder: Path, *, aligned: bool = False
) -> tuple[int, list[str]]:
    """Write a bundle's timeline; how many rows, and a line for each thing of which not all is in it.

    What is sorted and does not fit into memory is put aside below `folder` meanwhile. `aligned` has the times of hosts
    by the responder's clock, as far as the offset was measured. Raises UsageError, VerificationError, StorageError.
    """
    from irkit.adapters.timeline import clock_offsets, read_timeline
    from irkit.adapters.timeline_lines import Unread

    path = find_bundle(setting, name)
    unread = Unread()
    found = read_timeline(path, unread)
    started = replay(read_records(path)[:1]).started
    offsets = clock_offsets(path, started.hosts if started else ()) if aligned else {}
    rows = 0
    for line in _lines(found, form, offsets, folder):
        out.write(line + b"\n")
        rows += 1
    return rows, unread.lines()


def _lines(found: Iterator[FileTimes | Moment], form: str, offsets: dict[str, int], folder: Path) -> Iterator[bytes]:
    from irkit.adapters.timeline_formats import COLUMNS, body_lines, csv_line, csv_of, jsonl_of
    from irkit.adapters.timeline_sort import sorted_lines

    if form == "bodyfile":  # its readers sort it themselves
        yield from (line for one in found for line in body_lines(one.earlier(offsets.get(one.clock, 0))))
        return
    if form == "csv":
        yield csv_line(list(COLUMNS))
    make = csv_of() if form == "csv" else jsonl_of()
    moments = (moment.earlier(offsets.get(moment.clock, 0)) for one in found for moment in one.moments())
    yield from sorted_lines(((moment.at, make(moment)) for moment in moments), folder)
