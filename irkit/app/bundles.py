"""The bundles of the evidence folder: which runs there are, what they hold contained, sealing and verifying."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from irkit.adapters.clock import SystemClock
from irkit.app.setting import TOOL
from irkit.core.errors import IrkitError, UsageError

if TYPE_CHECKING:
    from irkit.adapters.report import Report
    from irkit.app.setting import Setting
    from irkit.core.events import Record
    from irkit.core.host import Host
    from irkit.core.operations import AnyOperation
    from irkit.core.run import Run


def known_runs(setting: Setting) -> Iterator[tuple[Path, Run]]:
    """The runs whose bundles lie in the evidence folder; `unreadable` tells which are left out."""
    for path, run in _bundles_of(setting.folder):
        if run is not None and run.started is not None:
            yield path, run


def unreadable(setting: Setting) -> list[Path]:
    """The bundles of the evidence folder whose log cannot be believed: what they changed is not known."""
    return [path for path, run in _bundles_of(setting.folder) if run is None]


def _bundles_of(folder: Path) -> Iterator[tuple[Path, Run | None]]:
    from irkit.adapters.bundle_reading import bundles_in, read_run

    for path in bundles_in(folder) if _is_folder(folder) else ():
        try:
            yield path, read_run(path)
        except IrkitError:
            yield path, None


def _is_folder(path: Path) -> bool:
    """Whether it is a folder that can be looked into; a name that is none at all is not."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def contained(setting: Setting, hosts: Sequence[Host] = ()) -> dict[str, str]:
    """The containers that a run changed and no undo has released: key to the run's bundle.

    What such a run did on the engine of one of these hosts counts for that host too, whatever it was called then.
    """
    from irkit.engine.undo import outstanding

    runs = list(known_runs(setting))
    found: dict[str, str] = {}
    for path, run in runs:
        if run.started and run.started.undoes:
            continue  # taking back contains nothing
        for host, container, _ in outstanding(run, undo_runs(runs, run)):
            for name in names_of(host, run, hosts):
                found[f"{name}/{container}"] = path.name
    return found


def names_of(host: str, run: Run, hosts: Sequence[Host]) -> set[str]:
    """The names of a run's host: its own, and those among these hosts whose engine is the same."""
    engine = run.started.engines.get(host, "") if run.started else ""
    return {host, *(one.name for one in hosts if engine and one.engine_id == engine)}


def undo_runs(runs: Sequence[tuple[Path, Run]], of: Run) -> list[Run]:
    """The runs among these that take `of` back."""
    wanted = of.started.run if of.started else ""
    return [run for _, run in runs if run.started and run.started.undoes == wanted]


def find_bundle(setting: Setting, name: str) -> Path:
    """A bundle by path, name (with or without `.partial-`) or the start of its run's id. Raises UsageError."""
    path = Path(name)
    if _is_folder(path / "data"):
        return path
    for candidate in (setting.folder / name, setting.folder / f".partial-{name}"):
        if "/" not in name and _is_folder(candidate / "data"):
            return candidate
    found = [path for path, run in known_runs(setting) if name and run.started and run.started.run.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{name!r} may mean {len(found)} runs: {', '.join(path.name for path in found[:10])}")
    raise UsageError(f"no bundle or run {name!r}: give a bundle's folder, its name in {setting.folder}, or a run's id")


def read_records(path: Path) -> list[Record]:
    """The records of a bundle's log. Raises VerificationError where the chain is broken."""
    from irkit.adapters.run_log import read_log

    return read_log(path / "data" / "log" / "run.jsonl")[0]


def left_to_undo(setting: Setting, run: Run) -> list[tuple[str, str, AnyOperation]]:
    """What of a run is still to be taken back, as far as the evidence folder tells."""
    from irkit.engine.undo import outstanding

    if run.started and run.started.undoes:
        return []
    return outstanding(run, undo_runs(list(known_runs(setting)), run))


def _check_unfinished(path: Path) -> None:
    """See that a sealed bundle is whole, and that its seal was ended before all was read-only. Raises IrkitError."""
    from irkit.adapters.verify import verify
    from irkit.core.errors import VerificationError

    if not any(one.lstat().st_mode & 0o222 for one in path.rglob("*")):
        raise UsageError(f"{path.name} is sealed already")
    if problems := verify(path).problems:
        raise VerificationError(f"{path.name} is sealed and does not verify: {problems[0].text}")


def seal_partial(setting: Setting, name: str) -> tuple[Path, str]:
    """Seal the bundle of a run that was killed; where it lies, and what became of the run. Raises IrkitError."""
    from irkit.adapters.bundle import Bundle
    from irkit.adapters.bundle_reading import is_sealed
    from irkit.core.events import RunFinished

    path = find_bundle(setting, name)
    if is_sealed(path):
        _check_unfinished(path)
    bundle = Bundle.open_partial(path, clock=SystemClock(), tool=TOOL)
    run = bundle.run
    outcome = run.finished.outcome if run.finished else "killed"
    if run.finished is None:
        bundle.append(RunFinished(outcome="killed", reason="the run ended without a word; sealed afterwards"))
    return bundle.seal(), outcome


def verify_bundle(setting: Setting, name: str, progress: Callable[[int, int], None] | None = None) -> Report:
    """Check a bundle against itself. Raises UsageError where there is none."""
    from irkit.adapters.verify import verify

    return verify(find_bundle(setting, name), progress)
