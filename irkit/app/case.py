"""A case over all its runs: what was done and noted, in the order in which it happened."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from irkit.adapters.clock import SystemClock
from irkit.core.case_note import copied_note, parse_copied
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
    from irkit.app.setting import Setting
    from irkit.core.events import Record

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
    found = [Note(text=text, by=by) for text, by in map(copied_note, records[-MOST_NOTES:])]
    if len(records) > MOST_NOTES:
        found.insert(0, Note(text=f"{len(records) - MOST_NOTES} older notes of the case are in its file alone"))
    return found


def case_lines(setting: Setting, case: str) -> tuple[list[CaseLine], list[str]]:
    """What happened in a case, first to last, and what could not be read of it."""
    from irkit.app.evidence_seen import EvidenceSeen

    return EvidenceSeen(setting).case_lines(case)


def lines_of_case(
    setting: Setting, case: str, runs: Iterable[tuple[str, Sequence[Record]]]
) -> tuple[list[CaseLine], list[str]]:
    """What happened in a case, of whose bundles these are the records that tell; and what could not be read of it.

    A note that a run has from between the runs is told once, as of when it was made: by the case's own file, or by the
    first log that has it where that is not so there. The last note of a chain could be altered but for that.
    """
    from irkit.adapters.case_notes import read_notes

    lines, problems = [], []
    try:
        lines = [CaseLine(one.at, "", one) for one in read_notes(setting.folder, case)]
    except IrkitError as error:
        problems.append(str(error))
    told = {copied_note(one.record) for one in lines}
    for bundle, records in runs:
        for record in records:
            if isinstance(record.event, Note) and (copied := parse_copied(record.event.text)):
                if (record.event.text, record.event.by) in told:
                    continue
                told.add((record.event.text, record.event.by))
                problems.append(
                    f"note {copied.number} of the case is not what {bundle} took into its log: the notes were altered"
                )
            lines.append(CaseLine(record.at, bundle, record))
    return sorted(lines, key=lambda line: line.at), problems


def telling(records: Iterable[Record]) -> Iterator[Record]:
    """The records that a timeline of a case needs: changes and what came of them, and what was said."""
    changes: set[tuple[int, int]] = set()
    for record in records:
        match record.event:
            case OperationStarted() as event if event.operation.touch is not Touch.READ:
                changes.add((event.task, event.number))
                yield record
            case OperationFinished() as event if (event.task, event.number) in changes:
                yield record
            case (
                RunStarted() | RunFinished() | OperationFailed() | TargetRefused() | FindingRaised() | BugMet() | Note()
            ):
                yield record
            case _:
                pass
