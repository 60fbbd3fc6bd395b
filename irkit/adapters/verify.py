"""Whether a bundle is still what it was when it was sealed, from its own files alone and trusting none of them.

The order of the checks is here; the checks are in `verify_files` and `verify_records`. Who sealed it is not told
by a bundle's files: signatures are.
"""

from collections.abc import Callable
from pathlib import Path

from irkit.adapters import bag
from irkit.adapters.bundle_reading import PARTIAL
from irkit.adapters.report import Check, Report
from irkit.adapters.storage import read_regular
from irkit.adapters.verify_files import check_manifests, find_files
from irkit.adapters.verify_records import check_description, check_evidence, check_items, check_log, check_sources

Verified = Callable[[int, int], None]


def verify(path: Path, progress: Verified | None = None) -> Report:
    """Check a sealed bundle; `progress` is told bytes read and bytes in all. Raises nothing for what it finds."""
    path = path.resolve()
    check = Check(path)
    if path.name.startswith(PARTIAL):
        check.wrong(".", "not sealed: its run goes on, or ended without a seal (irkit seal)")
        return Report(bundle=path.name, problems=tuple(check.problems))
    files = find_files(check)
    _check_declaration(check, files)
    found = check_manifests(check, files, _counter(progress, sum(files.values())))
    log = check_log(check, found)
    check_evidence(check, log, found)
    check_items(check, log, found)
    check_sources(check, log, found)
    name = check_description(check, log, found)
    if log.whole and not log.outcome:
        check.notes.append("the run log has no end")
    return Report(
        bundle=name or path.name,
        problems=tuple(check.problems),
        files=len(files),
        bytes=sum(files.values()),
        records=log.records,
        log_head=log.head,
        outcome=log.outcome,
        notes=tuple(check.notes),
    )


def _check_declaration(check: Check, files: dict[str, int]) -> None:
    if "bagit.txt" not in files:
        return
    try:
        text = read_regular(check.root / "bagit.txt", len(bag.DECLARATION))
    except OSError:
        text = b""
    if text != bag.DECLARATION:
        check.wrong("bagit.txt", "is not the declaration of a BagIt 1.0 bag")


def _counter(progress: Verified | None, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return count
