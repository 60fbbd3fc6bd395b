"""A container of the live list as a row of the triage screen: its cells, how it sorts, and what a filter asks of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from irkit.cli.table import age_text
from irkit.core.finding import Severity
from irkit.core.text import Safe, safe
from irkit.tui.live_table import Cell, Column, Row
from irkit.tui.row_filter import Facets, facets
from irkit.tui.themes import SEVERITY_SIGNS, UNKNOWN_SIGN

if TYPE_CHECKING:
    from irkit.app.live import LiveRow

COLUMNS: Final = (
    Column("risk", "R", 2),
    Column("expose", "EXPOSE", 6),
    Column("name", "NAME", 19, grow=2, max_width=40),
    Column("state", "STATE", 8),
    Column("image", "IMAGE", 17, grow=2, max_width=48),
    Column("age", "AGE", 4, align="right"),
    Column("host", "HOST", 7, grow=1, max_width=24),
    Column("status", "STATUS", 24, min_width=120),
    Column("networks", "NETWORKS", 16, min_width=120, grow=1, max_width=24),
    Column("ports", "PORTS", 16, min_width=140, grow=1, max_width=30),
    Column("finding", "FIRST FINDING", 30, min_width=160, grow=3),
)
_RANK: Final[Mapping[str, int]] = {name: number for number, name in enumerate(SEVERITY_SIGNS)}
_UNRANKED: Final = len(_RANK)
_LIVING: Final = ("running", "paused", "restarting")
_NO_FLAGS: Final = "......"


@dataclass(frozen=True, slots=True)
class Known:
    """What is made of a row once, for as long as it stays what it is."""

    row: LiveRow
    created: float
    cells: tuple[Cell, ...]
    facets: Facets


def known(row: LiveRow) -> Known:
    """All that follows from a row alone."""
    one = row.summary
    created = _moment(one.created_at)
    risk = str(row.risk) if row.risk is not None else ""
    is_examined = row.facts is not None
    sign = SEVERITY_SIGNS.get(risk, SEVERITY_SIGNS["info"] if is_examined else UNKNOWN_SIGN)
    state = _state(row)
    first = min(row.findings, key=lambda found: _RANK[str(found.severity)], default=None)
    texts: dict[str, Cell] = {
        "risk": Cell(safe(sign), risk or "none"),
        "expose": Cell(safe(row.flags or (_NO_FLAGS if is_examined else "??????"), 6), "" if is_examined else "dim"),
        "name": Cell(safe(one.name, 200), "strong"),
        "state": Cell(safe(state, 40), "good" if one.state in _LIVING else "dim"),
        "image": Cell(safe(one.image if is_examined or not row.problem else "(inspect failed)", 200)),
        "age": Cell(Safe("")),
        "host": Cell(safe(row.host, 100)),
        "status": Cell(safe(one.status, 100)),
        "networks": Cell(safe(", ".join(one.networks), 100)),
        "ports": Cell(safe(", ".join(f"{port.host_port}>{port.container_port}" for port in one.ports), 100)),
        "finding": Cell(safe(first.summary if first else row.problem, 200)),
    }
    asked = facets(
        name=one.name,
        image=one.image,
        id=one.id,
        host=row.host,
        state=f"{one.state} {state}",
        labels=one.labels,
        is_examined=is_examined,
        risk=row.risk,
        flags=row.flags,
        created=created or None,
    )
    return Known(row, created, tuple(texts[column.id] for column in COLUMNS), asked)


def _state(row: LiveRow) -> str:
    """The state, or what the engine's health check says where it is asked."""
    status = row.summary.status
    for word in ("unhealthy", "healthy"):
        if row.summary.state == "running" and f"({word})" in status:
            return word
    return row.summary.state


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


_AGE: Final = next(number for number, column in enumerate(COLUMNS) if column.id == "age")


def row_of(one: Known, now: float, *, is_stale: bool) -> Row:
    """The row as it looks now."""
    age = Cell(safe(age_text(now - one.created) if one.created else "?", 6))
    return Row((*one.cells[:_AGE], age, *one.cells[_AGE + 1 :]), is_stale)


ORDERS: Final[Mapping[str, Callable[[Known], tuple[object, ...]]]] = {
    "risk": lambda one: (_rank(one), one.row.summary.state not in _LIVING, -one.created, one.row.key),
    "newest": lambda one: (-one.created, one.row.key),
    "name": lambda one: (one.row.summary.name, one.row.key),
    "host": lambda one: (one.row.host, _rank(one), one.row.summary.name, one.row.key),
    "state": lambda one: (one.row.summary.state not in _LIVING, one.row.summary.state, _rank(one), one.row.key),
    "image": lambda one: (one.row.summary.image, one.row.summary.name, one.row.key),
}
"""How the list can be sorted; what is not known comes after what is grave, and before what is not."""


def _rank(one: Known) -> float:
    if one.row.risk is None:
        return _RANK[Severity.LOW] - 0.5 if one.row.facts is None else _UNRANKED
    return _RANK[str(one.row.risk)]
