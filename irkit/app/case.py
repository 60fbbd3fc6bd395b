"""A case over all its runs: what was done and noted, in the order in which it happened."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from irkit.adapters.clock import SystemClock
from irkit.app.bundles import known_runs, read_records
from irkit.core.errors import IrkitError
from irkit.core.events import (
    BugMet,
    FindingRaised,
    Note,
    OperationFailed,
    OperationFinished,
    OperationStarted,
    RunFinished,
    RunStarted,
    TargetRefused,
)
from irkit.core.operations import Touch

if TYPE_CHECKING:
    from pathlib import Path

    from irkit.app.setting import Setting
    from irkit.core.events import Record
    from irkit.core.run import Run

MOST_NOTES = 1000
"""Notes of a case that go into the log of a run at most: the last ones."""


@dataclass(frozen=True)
class CaseLine:
    """One thing that happened: when (UTC), in which bundle (empty for a note between runs), and the record."""

    at: str
    bundle: str
    record: Record


def take_note(setting: Setting, case: str, text: str, by: str) -> None:
    """Write a note between runs into the case's file. Raises StorageError, VerificationError, UsageError."""
    from irkit.adapters.case_notes import add_note

    add_note(setting.folder, case, Note(text=text, by=by), SystemClock())


def notes_for_run(setting: Setting, case: str) -> list[Note]:
    """The notes of a case between runs, as its next run takes them into its log.

    What is wrong with the file of notes is a note of its own: no run fails for that.
    """
    from irkit.adapters.case_notes import read_notes

    try:
        records = read_notes(setting.folder, case)
    except IrkitError as error:
        return [Note(text=f"the notes of the case cannot be read: {error}")]
    found = [
        Note(text=f"noted at {one.at} (note {one.seq} of the case): {one.event.text}", by=one.event.by)
        for one in records[-MOST_NOTES:]
        if isinstance(one.event, Note)
    ]
    if len(records) > MOST_NOTES:
        found.insert(0, Note(text=f"{len(records) - MOST_NOTES} older notes of the case are in its file alone"))
    return found


def case_lines(setting: Setting, case: str) -> tuple[list[CaseLine], list[str]]:
    """What happened in a case, first to last, and what could not be read of it."""
    from irkit.adapters.case_notes import read_notes

    lines, problems = [], []
    try:
        lines = [CaseLine(one.at, "", one) for one in read_notes(setting.folder, case)]
    except IrkitError as error:
        problems.append(str(error))
    for path, run in known_runs(setting):
        if run.started is not None and run.started.case == case:
            try:
                lines += [CaseLine(one.at, path.name, one) for one in _telling(read_records(path))]
            except IrkitError as error:
                problems.append(str(error))
    return sorted(lines, key=lambda line: line.at), problems


def _telling(records: list[Record]) -> Iterator[Record]:
    """The records that a timeline of a case needs: changes and what came of them, and what was said."""
    changes: set[tuple[int, int]] = set()
    for record in records:
        match record.event:
            case OperationStarted() as event if event.operation.touch is not Touch.READ:
                changes.add((event.task, event.number))
                yield record
            case OperationFinished() as event if (event.task, event.number) in changes:
                yield record
            case RunStarted() | RunFinished() | OperationFailed() | TargetRefused() | FindingRaised() | BugMet():
                yield record
            case Note() as event if not event.text.startswith("noted at "):
                yield record
            case _:
                pass


def known_cases(setting: Setting) -> dict[str, list[tuple[Path, Run]]]:
    """The cases of the evidence folder with their runs, oldest first; an empty name for runs of no case."""
    found: dict[str, list[tuple[Path, Run]]] = {}
    for path, run in sorted(known_runs(setting), key=lambda one: one[1].started_at):
        if run.started is not None:
            found.setdefault(run.started.case, []).append((path, run))
    return found
