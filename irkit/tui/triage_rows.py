"""A container of the live list as a row of the triage screen: its cells, how it sorts, and what a filter asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from irkit.cli.table import age_text, size_text
from irkit.core.container import health
from irkit.core.finding import Severity
from irkit.core.text import Safe, safe
from irkit.tui.live_table import Cell, Column, Row
from irkit.tui.row_filter import Facets, facets
from irkit.tui.themes import SEVERITY_SIGNS, UNKNOWN_SIGN

if TYPE_CHECKING:
    from irkit.app.live import LiveRow
    from irkit.app.live_use import Use

USE_WIDTH: Final = 170
"""Columns of a terminal from which on it is shown, and asked of engines, what containers use."""
RESTARTS_WIDTH: Final = 200
"""Columns of a terminal from which on it is shown how often containers were restarted."""
COLUMNS: Final = (
    Column("risk", "R", 2),
    Column("expose", "EXPOSE", 6),
    Column("name", "NAME", 19, grow=2, max_width=40),
    Column("state", "STATE", 8),
    Column("image", "IMAGE", 17, grow=2, max_width=48),
    Column("age", "AGE", 4, align="right"),
    Column("host", "HOST", 7, grow=1, max_width=24),
    Column("cpu", "CPU", 5, align="right", min_width=USE_WIDTH),
    Column("memory", "MEMORY", 8, align="right", min_width=USE_WIDTH),
    Column("network", "NET/s", 8, align="right", min_width=USE_WIDTH),
    Column("restarts", "RESTARTS", 8, align="right", min_width=RESTARTS_WIDTH),
    Column("status", "STATUS", 24, min_width=120),
    Column("networks", "NETWORKS", 16, min_width=120, grow=1, max_width=24),
    Column("ports", "PORTS", 16, min_width=140, grow=1, max_width=30),
    Column("finding", "FIRST FINDING", 30, min_width=160, grow=3),
)
_RANK: Final[Mapping[str, int]] = {name: number for number, name in enumerate(SEVERITY_SIGNS)}
_UNRANKED: Final = len(_RANK)
_LIVING: Final = ("running", "paused", "restarting")
_NO_FLAGS: Final = "......"
_NOT_KNOWN: Final = Cell(safe("-"), "dim")


class Known:
    """What is made of a row: once for as long as it stays what it is, and no sooner than it is asked for.

    `gist` is all of it that filters and orders ask after: it is the same object as before where none of that changed.
    Most changes are of a status ("Up 5 minutes"), and of most rows nothing is ever seen.
    """

    __slots__ = ("_cells", "_facets", "_place", "_place_in", "created", "gist", "row")

    def __init__(self, row: LiveRow, before: Known | None = None) -> None:
        self.row, self.gist = row, _gist(row)
        self._cells: tuple[Cell, ...] | None = None
        self._facets: Facets | None = None
        self._place: tuple[object, ...] = ()
        self._place_in = ""
        self.created: float
        if before is not None and before.gist == self.gist:
            self.gist, self.created, self._facets = before.gist, before.created, before._facets
            self._place, self._place_in = before._place, before._place_in
        else:
            self.created = _moment(row.summary.created_at)

    def restated(self, row: LiveRow) -> Known | None:
        """What is made of the row as it is later; None where more of it is another than the words of its status."""
        was = replace(row, summary=replace(row.summary, status=self.row.summary.status), seen=self.row.seen)
        if was != self.row or _state(row) != _state(self.row):
            return None
        one = Known(row, self)
        if self._cells is not None:
            at, cell = _PLACES["status"], _status(row)
            one._cells = (*self._cells[:at], cell, *self._cells[at + 1 :])
        return one

    def place(self, order: str) -> tuple[object, ...]:
        """What it sorts by in an order."""
        if self._place_in != order:
            self._place, self._place_in = ORDERS[order](self), order
        return self._place

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its cells, but for its age."""
        if self._cells is None:
            self._cells = _cells(self.row)
        return self._cells

    @property
    def facets(self) -> Facets:
        """What a filter asks of it."""
        if self._facets is None:
            self._facets = _facets(self.row, self.created)
        return self._facets


def _gist(row: LiveRow) -> tuple[object, ...]:
    one = row.summary
    return (
        one.name, one.image, one.state, _state(row), one.created_at, one.labels,
        row.facts is None, row.risk, row.flags, row.facts.restarts if row.facts is not None else None,
    )  # fmt: skip


def _cells(row: LiveRow) -> tuple[Cell, ...]:
    one = row.summary
    risk = str(row.risk) if row.risk is not None else ""
    is_examined = row.facts is not None
    sign = SEVERITY_SIGNS.get(risk, SEVERITY_SIGNS["info"] if is_examined else UNKNOWN_SIGN)
    first = min(row.findings, key=lambda found: _RANK[str(found.severity)], default=None)
    texts: dict[str, Cell] = {
        "risk": Cell(safe(sign), risk or "none"),
        "expose": Cell(safe(row.flags or (_NO_FLAGS if is_examined else "??????"), 6), "" if is_examined else "dim"),
        "name": Cell(safe(one.name, 200), "strong"),
        "state": Cell(safe(_state(row), 40), "good" if one.state in _LIVING else "dim"),
        "image": Cell(safe(one.image if is_examined or not row.problem else "(inspect failed)", 200)),
        "age": Cell(Safe("")),
        "cpu": _NOT_KNOWN,
        "memory": _NOT_KNOWN,
        "network": _NOT_KNOWN,
        "host": Cell(safe(row.host, 100)),
        "restarts": Cell(safe(row.facts.restarts, 8)) if row.facts is not None else _NOT_KNOWN,
        "status": _status(row),
        "networks": Cell(safe(", ".join(one.networks), 100)),
        "ports": Cell(safe(", ".join(f"{port.host_port}>{port.container_port}" for port in one.ports), 100)),
        "finding": Cell(safe(first.summary if first else row.problem, 200)),
    }
    return tuple(texts[column.id] for column in COLUMNS)


def _status(row: LiveRow) -> Cell:
    return Cell(safe(row.summary.status, 100))


def _facets(row: LiveRow, created: float) -> Facets:
    one = row.summary
    return facets(
        name=one.name,
        image=one.image,
        id=one.id,
        host=row.host,
        state=f"{one.state} {_state(row)}",
        labels=one.labels,
        is_examined=row.facts is not None,
        risk=row.risk,
        flags=row.flags,
        created=created or None,
        restarts=row.facts.restarts if row.facts is not None else None,
    )


def _state(row: LiveRow) -> str:
    """The state, or what the engine's health check says where it is asked."""
    state = row.summary.state
    return (health(row.summary.status) or state) if state == "running" else state


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


_PLACES: Final = {column.id: number for number, column in enumerate(COLUMNS)}


def row_of(one: Known, now: float, *, is_stale: bool, use: Use | None = None) -> Row:
    """The row as it looks now; `use` is what the container uses, as far as that is known."""
    cells = list(one.cells)
    cells[_PLACES["age"]] = Cell(safe(age_text(now - one.created) if one.created else "?", 6))
    for name, text in _use_texts(use) if use is not None else ():
        cells[_PLACES[name]] = Cell(safe(text, 8))
    return Row(tuple(cells), is_stale)


def _use_texts(use: Use) -> Iterator[tuple[str, str]]:
    """What is known of it; the CPU in hundredths of one."""
    if use.cpu is not None:
        yield "cpu", f"{use.cpu * 100:.0f}%"
    if use.memory is not None:
        yield "memory", size_text(use.memory)
    if use.network is not None:
        yield "network", size_text(use.network)


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
