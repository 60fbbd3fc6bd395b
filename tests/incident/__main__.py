"""`python -m tests.incident [--small] [--page]`: seed it, collect it both ways, keep what was found."""

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from tests.acceptance.command import connect
from tests.lab.engine import start_engine
from tests.lab.setup import ensure_packages
from tests.lab.suspects import Lab

from .items import Level
from .recall import PAGE, RESULTS, compare, page_table, read_results, with_table
from .seeds import SMALL, WHOLE, make_incident


def main() -> int:
    """1 where irkit did not find everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.incident")
    parser.add_argument("--small", action="store_true", help="Sizes of every day's tests; nothing is kept.")
    parser.add_argument("--page", action="store_true", help="Only make docs/recall.md from what was found.")
    options = parser.parse_args()
    if options.page:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), read_results()), encoding="utf-8")
        return 0
    ensure_packages()
    sizes = SMALL if options.small else WHOLE
    with start_engine() as engine, Lab(engine) as lab, tempfile.TemporaryDirectory() as folder:
        incident = make_incident(lab, sizes)
        recall, _, summary = compare(incident, connect(engine, Path(folder) / "evidence"))
    cost = {who: dataclasses.asdict(one) for who, one in recall.cost.items()}
    kept = {"sizes": dataclasses.asdict(sizes), "cost": cost, "rows": recall.rows()}
    if not options.small:
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    sys.stderr.write(f"{page_table(kept)}\n{json.dumps(cost)}\n{json.dumps(summary.get('failures'))}\n")
    return int(any(one.level is not Level.FOUND for one in recall.irkit.values()))


if __name__ == "__main__":
    sys.exit(main())
