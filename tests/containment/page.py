"""docs/containment.md's matrix, made from what was tried: a table for each kind of network, and what it leaves out."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from .cells import KINDS, STATES, TITLES, WAYS

PAGE: Final = Path("docs/containment.md")
_ID: Final = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b")
BEGIN, END = "<!-- made by python -m tests.containment --page -->", "<!-- end of what is made -->"
_HEADS: Final = {"exited": "stopped", "rm": "running, `--rm`"}


class _Notes:
    """Reasons and differences, each told once, by number."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def mark(self, text: str) -> str:
        """The number of a text."""
        if text not in self.told:
            self.told.append(text)
        return f" ({self.told.index(text) + 1})"


def matrix(cells: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> str:
    """The tables for the cells that were tried."""
    notes = _Notes()
    parts = [_table(kind, cells, notes) for kind in KINDS]
    parts.append("\n".join(f"{number}. {text}" for number, text in enumerate(notes.told, start=1)))
    return "\n\n".join(part for part in parts if part)


def _table(kind: str, cells: Mapping[tuple[str, str, str], Mapping[str, Any]], notes: _Notes) -> str:
    rows = [["way", *(_HEADS.get(state, state) for state in STATES)], ["---"] * (len(STATES) + 1)]
    for way in WAYS:
        rows.append([f"`{way.name}`", *(_text(cells.get((kind, state, way.name)), notes) for state in STATES)])
    return f"### On {TITLES[kind]}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _text(cell: Mapping[str, Any] | None, notes: _Notes) -> str:
    """A cell in a few words."""
    if cell is None:
        return "not tried yet"
    outcome = "no, and said so" if cell["outcome"] == "FAILED" else str(cell["outcome"])
    if outcome != "contained":
        return outcome + (notes.mark(_general(cell["reason"])) if cell.get("reason") else "")
    faults, differs = cell.get("faults", []), cell.get("differs", [])
    text = f"**{'; '.join(faults)}**" if faults else f"yes, {_proof(cell)}"
    return text + "".join(notes.mark(_general(one)) for one in differs)


def _proof(cell: Mapping[str, Any]) -> str:
    return "asserted" if str(cell.get("proof", "")).startswith("asserted") else str(cell.get("proof") or "asserted")


def _general(text: str) -> str:
    """A reason without the ids of the container it was seen with."""
    return _ID.sub("ID", text).replace("|", "\\|")


def with_matrix(page: str, cells: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> str:
    """A page with its matrix made anew. Raises ValueError where it has no place for it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for the matrix: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{matrix(cells)}\n\n{END}{after}"


def faults(cells: Iterable[Mapping[str, Any]]) -> list[str]:
    """What must not be, of all cells."""
    return [
        f"{cell['kind']}, {cell['state']}, {cell['way']}: {one}" for cell in cells for one in cell.get("faults", [])
    ]
