"""`python -m tests.incident [--small] [--page]`: seed it, collect it both ways, keep what was found."""

import argparse
import contextlib
import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.acceptance import command
from tests.acceptance.command import Irkit, connect
from tests.lab.client_side import ClientSide
from tests.lab.engine import start_engine
from tests.lab.host_start import start_host
from tests.lab.setup import ensure_packages
from tests.lab.suspects import Lab

from .items import Level
from .recall import PAGE, RESULTS, Cost, Found, find, find_by_commands, page_table, read_results, rows_of, with_table
from .seeds import SMALL, WHOLE, make_incident

LONGEST: Final = 3600
"""Seconds for a collection: over SFTP every hole of a sparse file is read."""


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
    command.TIMEOUT = LONGEST
    sizes = SMALL if options.small else WHOLE
    found: dict[str, Found] = {}
    cost: dict[str, Cost] = {}
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(start_engine())
        lab = stack.enter_context(Lab(engine))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        host = stack.enter_context(start_host(name="web", engine=engine))
        client = ClientSide(folder / "home")
        client.add(host, "web")
        incident = make_incident(lab, sizes)
        found["irkit"], cost["irkit"], *_ = find(incident, connect(engine, folder / "evidence"))
        far = Irkit("", folder / "far", client)
        found["ssh"], cost["ssh"], *_ = find(incident, far, "--host", "web")
        found["commands"], cost["commands"] = find_by_commands(incident)
    told = {who: dataclasses.asdict(one) for who, one in cost.items()}
    kept = {"sizes": dataclasses.asdict(sizes), "cost": told, "rows": rows_of(found)}
    if not options.small:
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    sys.stderr.write(f"{page_table(kept)}\n")
    return int(any(one.level is not Level.FOUND for one in found["irkit"].values()))


if __name__ == "__main__":
    sys.exit(main())
