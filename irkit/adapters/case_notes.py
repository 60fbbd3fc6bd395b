"""The notes of a case between runs: a chain of records like a run's log, in a file of the evidence folder.

`notes/CASE.jsonl` below the evidence folder. Every line is a record whose event is a note; the chain is checked at each
reading and before each writing.
"""

import time
from pathlib import Path
from typing import Final

from irkit.adapters.run_log import RunLog, read_log
from irkit.adapters.storage import storing
from irkit.core.errors import StorageError, UsageError, VerificationError
from irkit.core.events import Note, Record
from irkit.core.ports import Clock
from irkit.core.text import file_name

FOLDER: Final = "notes"
_NO_CASE: Final = "no-case"
_TRIES, _PAUSE = 50, 0.1


def notes_file(folder: Path, case: str) -> Path:
    """Where the notes of a case are kept, in an evidence folder."""
    return folder / FOLDER / f"{file_name(case) if case else _NO_CASE}.jsonl"


def add_note(folder: Path, case: str, note: Note, clock: Clock) -> Record:
    """Have a note on disk as the next record of the case.

    Raises StorageError, VerificationError where the chain does not hold, UsageError while somebody else keeps writing.
    """
    path = notes_file(folder, case)
    log = _open(path, clock)
    try:
        return log.append(note)
    finally:
        log.close()


def _open(path: Path, clock: Clock) -> RunLog:
    """The file, new or as it is; another irkit may be writing just now."""
    with storing(path):
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
    for _ in range(_TRIES):
        try:
            return _reopened(path, clock) if path.exists() else RunLog.create(path, clock)
        except (UsageError, StorageError) as error:
            if isinstance(error, StorageError) and not isinstance(error.__cause__, FileExistsError):
                raise
            time.sleep(_PAUSE)
    raise UsageError(f"{path}: somebody else is writing notes of this case")


def _reopened(path: Path, clock: Clock) -> RunLog:
    log, _, torn = RunLog.reopen(path, clock)
    if torn:
        log.cut()  # what was torn was never told as written
    return log


def read_notes(folder: Path, case: str) -> list[Record]:
    """The notes of a case so far; none where there is no file. Raises VerificationError, StorageError."""
    path = notes_file(folder, case)
    if not path.exists():
        return []
    records, _ = read_log(path)
    if wrong := next((one.seq for one in records if not isinstance(one.event, Note)), None):
        raise VerificationError(f"{path.name}: record {wrong} is no note")
    return records


def cases_with_notes(folder: Path) -> list[str]:
    """The names of the files of notes that there are, without their ending."""
    try:
        return sorted(one.stem for one in (folder / FOLDER).iterdir() if one.suffix == ".jsonl")
    except OSError:
        return []
