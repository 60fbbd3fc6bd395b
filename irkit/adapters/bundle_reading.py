"""What can be read of a bundle, sealed or not, whether its run goes on or has ended: its run and its plan.

Whether a sealed bundle is still what it was is `verify`'s concern.
"""

from pathlib import Path
from typing import Any, Final

from irkit.adapters import bag
from irkit.adapters.run_log import read_log
from irkit.adapters.storage import read_regular, storing
from irkit.core import codec
from irkit.core.errors import VerificationError
from irkit.core.events import Record
from irkit.core.plan import Plan
from irkit.core.run import Run

PARTIAL: Final = ".partial-"
"""What the folder's name begins with until it is sealed."""
PREFIX: Final = "irb-"
_PLAN_LIMIT: Final = 1 << 28


def read_run(path: Path) -> Run:
    """The state of a bundle's run, sealed or not, going on or not. Raises VerificationError, StorageError."""
    return read_run_and_records(path)[0]


def read_run_and_records(path: Path) -> tuple[Run, list[Record]]:
    """The state of a bundle's run, and the records that say so. Raises VerificationError, StorageError."""
    records, _ = read_log(path / bag.LOG)
    if is_sealed(path):
        _check_head(path, records)
    run = Run()
    for record in records:
        fold(run, record, path / bag.LOG)
    return run, records


def _check_head(path: Path, records: list[Record]) -> None:
    """A log cut at the end of a line is a chain still: a sealed bundle says where it ended."""
    head = codec.line_digest(codec.encode_record(records[-1])) if records else codec.FIRST_PREVIOUS
    try:
        lines = read_regular(path / bag.INFO, _PLAN_LIMIT).decode().splitlines()
    except (OSError, ValueError):
        lines = []
    if f"Irkit-Log-Head: {head}" not in lines:
        raise VerificationError(f"{path.name}: the run log does not end where it was sealed: irkit verify tells more")


def is_sealed(path: Path) -> bool:
    """Whether the folder is a bundle that was sealed, by its name and its last file. Says nothing of its contents."""
    return not path.resolve().name.startswith(PARTIAL) and (path / bag.TAG_MANIFESTS[-1]).is_file()


def state_of(path: Path) -> tuple[int, ...]:
    """What is another after each writing to a bundle's log and after its sealing."""
    found: list[int] = []
    for one in (path / bag.LOG, path / bag.INFO, path / bag.TAG_MANIFESTS[-1]):
        try:
            status = one.lstat()
        except OSError:
            found.append(-1)
        else:
            found += [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    return tuple(found)


def bundles_in(folder: Path) -> list[Path]:
    """The bundles in a folder, sealed or not, oldest first."""
    with storing(folder):
        found = [path for path in folder.iterdir() if path.name.removeprefix(PARTIAL).startswith(PREFIX)]
        return sorted((path for path in found if path.is_dir()), key=lambda path: path.name.removeprefix(PARTIAL))


def fold(run: Run, record: Record, path: Path) -> None:
    """Take a record of the log at `path` into the run. Raises VerificationError where it does not fit."""
    try:
        run.add(record)
    except KeyError:
        raise VerificationError(f"{path}, line {record.seq}: ends an operation that was not started") from None


def read_approved_plan(path: Path, digest: str) -> Plan | None:
    """The plan that lies in a bundle, if it is the one of that digest, which its run's log names."""
    try:
        content = read_regular(path / bag.PLAN, _PLAN_LIMIT)
        if codec.line_digest(codec.canonical(codec.decode(content, dict[str, Any]))) != digest:
            return None
        return codec.decode(content, Plan)
    except (OSError, ValueError, RecursionError):
        return None


def read_plan(root: Path) -> Plan | None:
    """The plan as approved. A run that can't be described by its plan can still be sealed by its log."""
    try:
        return codec.decode(read_regular(root / bag.PLAN, _PLAN_LIMIT), Plan)
    except (OSError, ValueError):
        return None
