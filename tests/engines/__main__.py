"""`python -m tests.engines [KIND ...]`: try container engines, and write docs/engines.json and the page made from it.

Without a name, all of them are tried in turn. Fetches systems (3 GB, kept in build/engines or where IRKIT_ENGINES or
`--folder` says) and takes about three minutes an engine; what was found of an engine stays until it is tried again.
Exit status 1 where an engine could not be had, or where one fails in a way that is not known.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from tests.lab.setup import ensure_packages
from tests.lab.tools import LabError

from . import suites
from .kinds import BY_NAME, KINDS, Kind
from .page import write_page
from .probing import PROBES
from .record import Tried, keep, keep_reason, read
from .trying import try_engine, try_probes


def say(text: str) -> None:
    print(f"engines: {text}", file=sys.stderr, flush=True)


def say_of(name: str, text: str) -> None:
    say(f"{name}: {text}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="an engine to try (--list names them)")
    parser.add_argument(
        "--folder", type=Path, help=f"where systems are kept (else {suites.FOLDER}, else build/engines)"
    )
    parser.add_argument(
        "--probe", action="append", choices=PROBES, metavar="PROBE", help="of engines tried before, only this again"
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--list", action="store_true", help="name the engines and what is known of them, and do no more")
    only.add_argument("--page", action="store_true", help="make the page from the record, and do no more")
    only.add_argument("--remove", action="store_true", help="remove the systems that were fetched, and do no more")
    given = parser.parse_args()
    if wrong := set(given.kinds) - BY_NAME.keys():
        parser.error(f"no such engine: {', '.join(sorted(wrong))} (--list names them)")
    return given


def listed() -> Iterator[str]:
    """A line for each kind."""
    record = read()
    tried = {one.name: f"{one.title}, tried {one.on}" for one in record.engines}
    for kind in KINDS:
        yield f"{kind.name:22} {tried.get(kind.name) or record.untried.get(kind.name) or 'not tried yet'}"


def try_one(kind: Kind, only: Sequence[str]) -> Tried:
    """That engine, or only some probes of it where it is known already."""
    tell = partial(say_of, kind.name)
    known = next((one for one in read().engines if one.name == kind.name), None)
    return try_probes(known, kind, only, tell) if only and known else try_engine(kind, tell)


def try_all(kinds: Sequence[Kind], only: Sequence[str]) -> list[str]:
    """Try these, and record each as soon as it is through; what should not be."""
    faults = []
    for kind in kinds:
        try:
            tried = try_one(kind, only)
        except LabError as error:
            faults.append(f"{kind.name} could not be tried: {error}")
            keep_reason(kind, str(error))
            continue
        keep(tried)
        write_page()
        faults += [f"{kind.name}: {fault}" for fault in (*tried.job.wrong, *tried.contract.faults)]
    return faults


def _leave(_signum: int, _frame: FrameType | None) -> None:
    # As by Ctrl-C, since pytest takes every other exception for a test that failed.
    raise KeyboardInterrupt


def main() -> int:
    given = arguments()
    if given.folder:
        os.environ[suites.FOLDER] = str(given.folder.absolute())
    if given.list:
        print("\n".join(listed()))
        return 0
    if given.page:
        write_page()
        return 0
    if given.remove:
        suites.remove_systems()
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    ensure_packages()
    faults = try_all([BY_NAME[name] for name in given.kinds or BY_NAME], given.probe or ())
    for fault in faults:
        say(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("ended early: what is through is recorded")
        sys.exit(130)
    except LabError as problem:
        say(str(problem))
        sys.exit(1)
