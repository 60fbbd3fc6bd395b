"""The recall table: every item, what irkit and the engine's commands found of it, and what that cost."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
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
PLAYBOOK: Final = "acquire-everything"


@dataclass
class Cost:
    """Seconds, and bytes that were read or kept."""

    seconds: float
    bytes: int


@dataclass
class Recall:
    """What was found of each item, and at what cost."""

    irkit: dict[str, Verdict] = field(default_factory=dict)
    peers: dict[str, Verdict] = field(default_factory=dict)
    cost: dict[str, Cost] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """The table, as it is kept."""
        return [
            {
                "item": item.name,
                "needed": item.needed,
                "irkit": _told(self.irkit[item.name]),
                "commands": _told(self.peers[item.name]),
            }
            for item in ITEMS
        ]


def _told(verdict: Verdict) -> dict[str, str]:
    return {"found": str(verdict.level), "by": verdict.by}


def acquire(incident: Incident, irkit: Irkit) -> tuple[Contents, dict[str, Any]]:
    """The bundle of the playbook that takes everything, and the run's summary."""
    names = (incident.lab.name(SUSPECT), incident.lab.name(SIDECAR))
    summary = irkit.run(PLAYBOOK, *names, status=None)
    return Contents(Path(summary["bundle"])), summary


def compare(
    incident: Incident, irkit: Irkit, between: Callable[[], None] = lambda: None
) -> tuple[Recall, Contents, dict[str, Any]]:
    """Collect the incident both ways, irkit first as it is what may disturb nothing, and say what was found."""
    recall = Recall()
    began = time.monotonic()
    contents, summary = acquire(incident, irkit)
    stored = sum(path.stat().st_size for path in contents.bundle.rglob("*") if path.is_file())
    recall.cost["irkit"] = Cost(time.monotonic() - began, stored)
    between()
    peers = ask_peers(incident)
    recall.cost["commands"] = Cost(peers.seconds, peers.bytes)
    for item in ITEMS:
        recall.irkit[item.name] = item.irkit(incident, contents)
        recall.peers[item.name] = item.peers(incident, peers)
    return recall, contents, summary


def page_table(kept: dict[str, Any]) -> str:
    """The table as the page shows it."""
    rows = ["| what was seeded | what is needed of it | irkit | the engine's commands |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {row['item']} | {row['needed']} | {_cell(row['irkit'])} | {_cell(row['commands'])} |"
        for row in kept["rows"]
    ]
    both = ("irkit", "commands")
    counts = {who: sum(row[who]["found"] == "found" for row in kept["rows"]) for who in both}
    rows += ["", f"Found of {len(kept['rows'])}: irkit {counts['irkit']}, the engine's commands {counts['commands']}."]
    rows += ["", "| | seconds | bytes |", "| --- | --- | --- |"]
    told = {"irkit": "irkit, stored", "commands": "the engine's commands, sent"}
    rows += [f"| {told[who]} | {cost['seconds']:.0f} | {cost['bytes']:,} |" for who, cost in kept["cost"].items()]
    return "\n".join(rows)


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
