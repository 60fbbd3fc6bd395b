"""`python -m tests.containment [--kind K] [--state S] [--way W] [--again]`: try the cells, keep what was seen."""

import argparse
import contextlib
import fcntl
import json
import sys
from pathlib import Path
from typing import Final

from tests.lab.engine import LabError, start_engine
from tests.lab.setup import ensure_packages

from .cells import KINDS, STATES, WAYS, Way
from .page import PAGE, with_matrix
from .site import Outside
from .trial import Cell, read_cells, try_cells

RESULTS: Final = Path("docs/containment.json")


def main() -> int:
    """Try what is asked for and was not tried; 1 where something is not as it must be."""
    options = _options()
    if options.page:
        PAGE.write_text(with_matrix(PAGE.read_text(encoding="utf-8"), read_cells(RESULTS)), encoding="utf-8")
        return 0
    ensure_packages()
    known = read_cells(RESULTS)
    wrong = 0
    with start_engine() as engine, contextlib.ExitStack() as stack:
        outside = Outside(engine, stack)
        for kind, state in [(kind, state) for kind in options.kind or KINDS for state in options.state or STATES]:
            ways = [way for way in _ways(options) if options.again or (kind, state, way.name) not in known]
            try:
                for cell in try_cells(engine, outside, kind, state, ways):
                    _keep(cell)
                    wrong += bool(cell.faults)
            except LabError as error:  # what one suspect leaves behind shall not end the rest
                sys.stderr.write(f"{kind}, {state}: {error}\n")
                wrong += 1
    return int(bool(wrong))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.containment")
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--state", action="append", choices=STATES)
    parser.add_argument("--way", action="append", choices=[one.name for one in WAYS])
    parser.add_argument("--again", action="store_true", help="Also what was tried before.")
    parser.add_argument("--page", action="store_true", help="Only make docs/containment.md from what was tried.")
    return parser.parse_args()


def _ways(options: argparse.Namespace) -> list[Way]:
    return [way for way in WAYS if not options.way or way.name in options.way]


def _keep(cell: Cell) -> None:
    """Write it down beside what others write, and say it."""
    with RESULTS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = read_cells(RESULTS) | {(cell.kind, cell.state, cell.way): cell.values}
        RESULTS.write_text(json.dumps([known[key] for key in sorted(known)], indent=1) + "\n", encoding="utf-8")
    shown = "; ".join([*cell.faults, *(f"differs: {one}" for one in cell.differs)]) or cell.reason
    sys.stderr.write(f"{cell.kind}, {cell.state}, {cell.way}: {cell.outcome} {cell.proof} {shown}\n")


if __name__ == "__main__":
    sys.exit(main())
