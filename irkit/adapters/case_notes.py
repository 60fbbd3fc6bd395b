"""The notes of a case between runs: a chain of records like a run's log, in a file of the evidence folder.

`notes/CASE.jsonl` below the evidence folder, with `%XX` for what a file name may not hold. Every line is a record whose
event is a note; the chain is checked at each reading and before each writing.
"""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from irkit.adapters.run_log import RunLog, read_log
from irkit.adapters.storage import storing, sync_folder
from irkit.core.errors import StorageError, UsageError, VerificationError
from irkit.core.events import Note, Record
from irkit.core.ports import Clock
from irkit.core.text import file_name

FOLDER: Final = "notes"
_NO_CASE: Final = "%no-case"
"""The name of no case there can be: a percent sign of another name is followed by two digits."""
_ENDING: Final = ".jsonl"
_LONGEST: Final = 200
_TRIES, _PAUSE = 50, 0.1


def notes_file(folder: Path, case: str) -> Path:
    """Where the notes of a case are kept, in an evidence folder."""
    name = quote(case, safe="", errors="surrogatepass") if case else _NO_CASE
    if len(name) > _LONGEST:
        name = file_name(case)
    return folder / FOLDER / f"{'%2E' + name[1:] if name.startswith('.') else name}{_ENDING}"


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
            return _reopened(path, clock) if path.exists() else _created(path, clock)
        except (UsageError, StorageError) as error:
            if isinstance(error, StorageError) and not isinstance(error.__cause__, FileExistsError):
                raise
            time.sleep(_PAUSE)
    raise UsageError(f"{path}: somebody else is writing notes of this case")


def _created(path: Path, clock: Clock) -> RunLog:
    """A new file, whose name is on disk before anything is told as written into it."""
    log = RunLog.create(path, clock)
    with ExitStack() as opened, storing(path):
        opened.callback(log.close)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)
        opened.pop_all()
    return log


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
    """The cases that have notes, by name; an empty one where there are notes of no case.

    One whose name is too long for a file is told by its file's name.
    """
    try:
        found = [path.name for path in (folder / FOLDER).iterdir() if path.name.endswith(_ENDING)]
    except OSError:
        return []
    names = (name.removesuffix(_ENDING) for name in found)
    return sorted("" if name == _NO_CASE else unquote(name, errors="surrogatepass") for name in names)
