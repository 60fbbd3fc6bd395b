"""The evidence folder as it was last read: a log is read anew only where it was written to, however many there are.

For front ends that look at it again and again. What a run decides by is read from the disk each time, by `bundles`.
"""

from __future__ import annotations  # see the imports for types only, below

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from irkit.app.case import CaseLine, lines_of_case, telling
from irkit.app.evidence_look import BundleSeen
from irkit.core.errors import IrkitError

if TYPE_CHECKING:
    from irkit.app.setting import Setting
    from irkit.core.events import Record
    from irkit.core.run import Run

_State = tuple[int, ...]


@dataclass(frozen=True)
class _Read:
    """What a bundle held when its files were as `state` says; `run` is None where its log cannot be believed."""

    path: Path
    state: _State
    run: Run | None = None
    is_sealed: bool = False
    records: tuple[Record, ...] = ()

    @property
    def undoes(self) -> str:
        return self.run.started.undoes if self.run is not None and self.run.started is not None else ""


class EvidenceSeen:
    """The bundles of the evidence folder. Its methods read files: for threads, of which several may call at a time."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._lock = threading.Lock()
        self._known: dict[Path, _Read] = {}
        self.logs_read = 0

    def bundles(self) -> list[BundleSeen]:
        """The bundles there are, the newest first; those that cannot be read before all. Raises StorageError."""
        every = self._read_all()
        undoing = _by_undone(every)
        broken = [BundleSeen(one.path) for one in every if one.run is None]
        found = [
            BundleSeen(one.path, one.run, one.is_sealed, len(_left(one.run, undoing)))
            for one in every
            if one.run is not None and one.run.started is not None
        ]
        return broken + sorted(found, key=lambda one: one.run.started_at if one.run else "", reverse=True)

    def left_of(self, run: Run) -> int:
        """How many operations of a run are still to be taken back. Raises StorageError."""
        return len(_left(run, _by_undone(self._read_all())))

    def case_lines(self, case: str) -> tuple[list[CaseLine], list[str]]:
        """What happened in a case, first to last, and what could not be read of it. Raises StorageError."""
        every = self._read_all()
        mine = [one for one in every if one.run and one.run.started and one.run.started.case == case]
        lines, problems = lines_of_case(self._setting, case, [(one.path.name, one.records) for one in mine])
        problems += [
            f"{one.path.name}: its log cannot be believed, nor of which case it is" for one in every if not one.run
        ]
        return lines, problems

    def cases(self) -> dict[str, int]:
        """The cases there are, by name, with the number of their runs; an empty name for runs of no case."""
        from irkit.adapters.case_notes import cases_with_notes

        found: dict[str, int] = {}
        runs = [one.run for one in self._read_all() if one.run is not None and one.run.started is not None]
        for run in sorted(runs, key=lambda one: one.started_at):
            case = run.started.case if run.started else ""
            found[case] = found.get(case, 0) + 1
        return found | {name: 0 for name in cases_with_notes(self._setting.folder) if name not in found}

    def _read_all(self) -> list[_Read]:
        from irkit.adapters.bundle_reading import bundles_in

        paths = bundles_in(self._setting.folder) if self._setting.folder.is_dir() else []
        with self._lock:
            self._known = {path: self._read(path) for path in paths}
            return list(self._known.values())

    def _read(self, path: Path) -> _Read:
        from irkit.adapters.bundle_reading import is_sealed, read_run_and_records, state_of

        state, known = state_of(path), self._known.get(path)
        if known is not None and known.state == state:
            return known
        self.logs_read += 1
        try:
            run, records = read_run_and_records(path)
        except IrkitError:
            return _Read(path, state)
        return _Read(path, state, run, is_sealed(path), tuple(telling(records)))


def _by_undone(every: Sequence[_Read]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for one in every:
        if one.run is not None and one.undoes:
            found.setdefault(one.undoes, []).append(one.run)
    return found


def _left(run: Run | None, undoing: dict[str, list[Run]]) -> list[object]:
    from irkit.engine.undo import outstanding

    if run is None or run.started is None or run.started.undoes:
        return []
    return list(outstanding(run, undoing.get(run.started.run, ())))
