"""The recall table: every item, what irkit and the engine's commands found of it, and what that cost."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.acceptance.command import Irkit

from .contents import Contents
from .items import Item, Verdict
from .items_files import FILES
from .items_live import LIVE
from .peers import ask_peers
from .seeds import SIDECAR, SUSPECT, Incident

RESULTS: Final = Path("docs/recall.json")
PAGE: Final = Path("docs/recall.md")
BEGIN, END = "<!-- made by python -m tests.incident --page -->", "<!-- end of what is made -->"
ITEMS: Final[tuple[Item, ...]] = (*FILES, *LIVE)
TITLES: Final = {"irkit": "irkit", "ssh": "irkit over SSH", "commands": "the engine's commands"}
PLAYBOOK: Final = "acquire-everything"


@dataclass
class Cost:
    """Seconds, and bytes that were read or kept."""

    seconds: float
    bytes: int


Found = dict[str, Verdict]


def rows_of(found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """The table as it is kept: of each item, what each of TITLES found."""
    return [
        {
            "item": item.name,
            "needed": item.needed,
            **{who: _told(verdicts[item.name]) for who, verdicts in found.items()},
        }
        for item in ITEMS
    ]


def _told(verdict: Verdict) -> dict[str, str]:
    return {"found": str(verdict.level), "by": verdict.by}


def acquire(incident: Incident, irkit: Irkit, *more: str) -> tuple[Contents, dict[str, Any]]:
    """The bundle of the playbook that takes everything, and the run's summary."""
    names = (incident.lab.name(SUSPECT), incident.lab.name(SIDECAR))
    summary = irkit.run(PLAYBOOK, *names, status=None, more=more)
    return Contents(Path(summary["bundle"])), summary


def find(incident: Incident, irkit: Irkit, *more: str) -> tuple[Found, Cost, Contents, dict[str, Any]]:
    """What irkit finds of the incident, at what cost."""
    began = time.monotonic()
    contents, summary = acquire(incident, irkit, *more)
    seconds = time.monotonic() - began
    stored = sum(path.stat().st_size for path in contents.bundle.rglob("*") if path.is_file())
    return {item.name: item.irkit(incident, contents) for item in ITEMS}, Cost(seconds, stored), contents, summary


def find_by_commands(incident: Incident) -> tuple[Found, Cost]:
    """What the engine's own commands find of it, at what cost."""
    peers = ask_peers(incident)
    return {item.name: item.peers(incident, peers) for item in ITEMS}, Cost(peers.seconds, peers.bytes)


def page_table(kept: dict[str, Any]) -> str:
    """The table as the page shows it."""
    heads = ("what was seeded", "what is needed of it", "irkit", "irkit, over SSH", "the engine's commands")
    rows = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    rows += [
        f"| {row['item']} | {row['needed']} | {_cell(row['irkit'])} | {_yes(row['ssh'])} | {_cell(row['commands'])} |"
        for row in kept["rows"]
    ]
    counts = {who: sum(row[who]["found"] == "found" for row in kept["rows"]) for who in TITLES}
    told = ", ".join(f"{TITLES[who]} {count}" for who, count in counts.items())
    rows += ["", f"Found of {len(kept['rows'])}: {told}."]
    rows += ["", "| | seconds | bytes that were stored or sent |", "| --- | --- | --- |"]
    rows += [f"| {TITLES[who]} | {cost['seconds']:.0f} | {cost['bytes']:,} |" for who, cost in kept["cost"].items()]
    return "\n".join(rows)


def _yes(verdict: dict[str, str]) -> str:
    return "**yes**" if verdict["found"] == "found" else "no"


def _cell(verdict: dict[str, str]) -> str:
    by = verdict["by"]
    match verdict["found"]:
        case "found":
            return f"**yes**: {by}" if "." not in by else f"**yes**: `{by}`"
        case "partly":
            return f"partly: {by}"
    return "no"


def with_table(page: str, kept: dict[str, Any]) -> str:
    """A page with its table made anew. Raises ValueError where it has no place for it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for the table")
    return f"{before}{BEGIN}\n\n{page_table(kept)}\n\n{END}{after}"


def read_results() -> dict[str, Any]:
    """What the last whole run found."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found
