"""The rows that the triage screen knows: they are as they are, and in order, however little was done for it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.app.live import Changed, LiveRow
from irkit.core.container import Summary
from irkit.core.finding import Severity
from irkit.tui import known_rows
from irkit.tui.known_rows import KnownRows
from irkit.tui.triage_rows import ORDERS, Known


def row(number: int, status: str = "Up 1 second", **facts: Any) -> LiveRow:
    known = {"name": f"c{number}", "image": "app:1", "state": "running", **facts}
    summary = Summary(id=f"{number:064x}", host="h", status=status, **known)
    return LiveRow(key=f"h/{summary.id}", host="h", summary=summary)


def news(*rows: LiveRow, gone: tuple[str, ...] = (), restated: tuple[LiveRow, ...] = ()) -> Changed:
    both = {one.key: one for one in (*rows, *restated)}
    return Changed(both, set(gone), {}, {one.key for one in restated})


def said(one: LiveRow, text: str) -> LiveRow:
    return msgspec.structs.replace(one, summary=msgspec.structs.replace(one.summary, status=text))


def status(known: KnownRows, key: str) -> str:
    return known[key].row.summary.status


def test_of_a_row_with_another_status_nothing_is_made_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def count(one: LiveRow, before: Known | None = None) -> Known:
        made.append(one.key)
        return Known(one, before)

    known = KnownRows()
    known.take(news(*map(row, range(100))))
    monkeypatch.setattr(known_rows, "Known", count)
    assert known.in_order("name") and not known.take(news(restated=tuple(row(nr, "Up 2 seconds") for nr in range(100))))
    assert known.in_order("name") and known.facets(known.in_order("risk")) and not made
    assert status(known, row(7).key) == "Up 2 seconds" and made == [row(7).key]
    assert status(known, row(7).key) == "Up 2 seconds" and len(made) == 1


def test_a_row_that_is_not_known_is_taken_in_whole_whatever_is_said_of_it() -> None:
    known = KnownRows()
    assert known.take(news(restated=(row(1),)))
    assert known.in_order("risk") == [row(1).key]


def test_what_changed_after_its_status_did_is_what_is_shown() -> None:
    known = KnownRows()
    known.take(news(row(1)))
    known.take(news(restated=(row(1, "Up 2 seconds"),)))
    known.take(news(row(1, "Up 3 seconds", name="other")))
    assert status(known, row(1).key) == "Up 3 seconds" and known[row(1).key].row.summary.name == "other"


def test_a_row_that_is_gone_is_gone_at_once() -> None:
    known = KnownRows()
    known.take(news(row(1), row(2)))
    known.in_order("risk")
    known.take(news(restated=(row(1, "Up 2 seconds"),)))
    assert known.take(news(gone=(row(1).key,)))
    assert row(1).key not in known and known.get(row(1).key) is None and len(known) == 1
    assert known.in_order("risk") == [row(2).key]


def test_another_status_moves_no_row_and_another_name_moves_its_row() -> None:
    known = KnownRows()
    known.take(news(row(1), row(2), row(3)))
    order = known.in_order("name")
    assert not known.take(news(restated=(row(1, "Up 2 seconds"),))) and known.in_order("name") == order
    assert known.take(news(row(1, name="z"))) and known.in_order("name") == [row(2).key, row(3).key, row(1).key]


@pytest.mark.parametrize("order", ORDERS)
def test_a_place_ends_with_the_key_of_its_row(order: str) -> None:
    assert Known(row(1)).place(order)[-1] == row(1).key


NAMES, STATES = st.sampled_from("ab"), st.sampled_from(["running", "exited"])
ROWS = st.builds(
    lambda number, name, state, risk: msgspec.structs.replace(row(number, name=name, state=state), risk=risk),
    st.integers(0, 8), NAMES, STATES, st.sampled_from([None, Severity.HIGH, Severity.LOW]),
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rows"), st.lists(ROWS, max_size=4)),
        st.tuples(st.just("status"), st.lists(st.integers(0, 8))),
        st.tuples(st.just("gone"), st.lists(st.integers(0, 8), max_size=3)),
        st.tuples(st.just("all"), st.lists(ROWS, max_size=6)),
        st.tuples(st.just("order"), st.sampled_from(list(ORDERS))),
        st.tuples(st.just("look"), st.lists(st.integers(0, 8), max_size=3)),
    )
)


@given(STEPS)
def test_whatever_comes_the_list_is_that_of_rows_sorted_anew(steps: list[tuple[str, Any]]) -> None:
    known, rows, order = KnownRows(), dict[str, LiveRow](), "risk"
    for number, (what, about) in enumerate(steps):
        if what == "rows":
            rows |= news(*about).rows
            known.take(news(*about))
        elif what == "status":
            there = [rows[key] for key in {row(one).key for one in about} if key in rows]
            later = tuple(said(one, f"Up {number} seconds") for one in there)
            rows |= news(*later).rows
            assert not known.take(news(restated=later)), "no row has another place for it"
        elif what == "gone":
            gone = tuple(key for key in {row(one).key for one in about} if key in rows)
            rows = {key: one for key, one in rows.items() if key not in gone}
            known.take(news(gone=gone))
        elif what == "all":
            before, rows = set(rows), news(*about).rows
            assert known.take_all(rows) == before - set(rows)
        elif what == "look":
            assert all((one := known.get(row(nr).key)) is None or one.row is rows[one.row.key] for nr in about)
        else:
            order = about
        if what != "look":
            wanted = sorted(rows, key=lambda key: Known(rows[key]).place(order))
            assert known.in_order(order) == wanted
    assert len(known) == len(rows) and all(known[key].row is one for key, one in rows.items())
