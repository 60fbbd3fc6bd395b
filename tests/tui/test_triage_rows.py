"""What is made of a row: only what is asked for, and once for as long as filters and orders would find it the same."""

from typing import Any

import msgspec
import pytest

from irkit.app.live import LiveRow
from irkit.core.container import Summary
from irkit.core.finding import Severity
from irkit.tui import triage_rows
from irkit.tui.row_filter import compile_filter
from irkit.tui.triage_rows import COLUMNS, ORDERS, Known
from tests.engine.world import container


def row(status: str = "Up 1 second", *, risk: Severity | None = None, **facts: Any) -> LiveRow:
    known = {"name": "web", "image": "app:1", "state": "running", "created_at": "2026-01-31T12:00:00Z", **facts}
    summary = Summary(id="a" * 64, host="h", status=status, **known)
    return LiveRow(key=f"h/{summary.id}", host="h", summary=summary, risk=risk)


def test_nothing_is_made_of_a_row_that_nobody_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Any:
        raise AssertionError("nobody asked for it")

    monkeypatch.setattr(triage_rows, "_cells", never)
    monkeypatch.setattr(triage_rows, "_facets", never)
    one = Known(row())
    assert all(Known(row("Up 2 seconds"), one).place(order) for order in ORDERS)


def test_cells_and_facets_are_made_once() -> None:
    one = Known(row())
    assert one.cells is one.cells and one.facets is one.facets


def test_what_filters_and_orders_ask_is_kept_while_only_the_status_changes() -> None:
    one = Known(row())
    asked, place = one.facets, one.place("risk")
    later = Known(row("Up 2 seconds"), one)
    assert later.gist is one.gist and later.facets is asked and later.place("risk") is place
    assert [str(cell.text) for cell in later.cells if "second" in cell.text] == ["Up 2 seconds"]


@pytest.mark.parametrize(
    "changed",
    [
        row(name="other"),
        row(image="app:2"),
        row(state="exited"),
        row("Up 1 second (healthy)"),
        row("Up 1 second (unhealthy)"),
        row(created_at="2026-01-31T13:00:00Z"),
        row(labels={"a": "b"}),
        row(risk=Severity.HIGH),
        msgspec.structs.replace(row(), flags="P....."),
        msgspec.structs.replace(row(), facts=container("web")),
        msgspec.structs.replace(row(), facts=container("web", restarts=1)),
    ],
)
def test_whatever_a_filter_or_an_order_asks_for_makes_it_another(changed: LiveRow) -> None:
    before = Known(row())
    now, fresh = Known(changed, before), Known(changed)
    assert now.gist is not before.gist
    assert now.facets == fresh.facets
    assert [now.place(order) for order in ORDERS] == [fresh.place(order) for order in ORDERS]


def test_with_another_status_alone_all_else_that_was_made_of_a_row_is_kept() -> None:
    one = Known(row(risk=Severity.HIGH))
    cells, facets, place = one.cells, one.facets, one.place("risk")
    later = one.restated(row("Up 2 seconds", risk=Severity.HIGH))
    assert later is not None and later.cells == Known(row("Up 2 seconds", risk=Severity.HIGH)).cells
    assert sum(old is not new for old, new in zip(cells, later.cells, strict=True)) == 1
    assert later.facets is facets and later.place("risk") is place
    assert one.restated(row("Up 2 seconds (healthy)", risk=Severity.HIGH)) is None
    assert one.restated(row("Up 2 seconds", risk=Severity.LOW)) is None
    assert one.restated(row("Up 2 seconds", risk=Severity.HIGH, networks=("bridge",))) is None


def test_restarts_are_shown_where_the_engine_was_asked_for_them() -> None:
    def shown(one: LiveRow) -> str:
        return str(Known(one).cells[[column.id for column in COLUMNS].index("restarts")].text)

    assert shown(row()) == "-"
    assert [shown(msgspec.structs.replace(row(), facts=container("web", restarts=count))) for count in (0, 41)] == [
        "0",
        "41",
    ]


def test_another_number_of_restarts_is_another_row_to_a_filter() -> None:
    first, again = (msgspec.structs.replace(row(), facts=container("web", restarts=count)) for count in (1, 2))
    before = Known(first)
    assert [compile_filter("restarts>=2").keeps(one.facets, 0) for one in (before, Known(again, before))] == [
        False,
        True,
    ]


def test_health_is_shown_in_the_place_of_running_and_of_nothing_else() -> None:
    def state(one: LiveRow) -> str:
        return str(Known(one).cells[3].text)

    told = [state(row(f"Up 1 second ({word})")) for word in ("healthy", "unhealthy", "health: starting")]
    assert told == ["healthy", "unhealthy", "running"]
    assert state(row("Exited (unhealthy)", state="exited")) == "exited"
