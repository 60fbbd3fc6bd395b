"""The rows that the triage screen knows: they are as they are, and in order, however little was done for it."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.app.live import Changed, LiveRow
from irkit.core.container import Summary
from irkit.core.finding import Severity
from irkit.tui.known_rows import KnownRows
from irkit.tui.triage_rows import ORDERS, Known


def row(number: int, status: str = "Up 1 second", **facts: Any) -> LiveRow:
    known = {"name": f"c{number}", "image": "app:1", "state": "running", **facts}
    summary = Summary(id=f"{number:064x}", host="h", status=status, **known)
    return LiveRow(key=f"h/{summary.id}", host="h", summary=summary)


def news(*rows: LiveRow, gone: Iterable[str] = (), restated: Iterable[LiveRow] = ()) -> Changed:
    return Changed({one.key: one for one in rows}, set(gone), {}, {one.key for one in restated})


def said(one: LiveRow, text: str) -> LiveRow:
    return msgspec.structs.replace(one, summary=msgspec.structs.replace(one.summary, status=text))


class World:
    """Rows that are known, and those that there are now."""

    def __init__(self, *rows: LiveRow) -> None:
        self.now = {one.key: one for one in rows}
        self.asked: list[str] = []
        self.known = KnownRows(self.newest)
        self.known.take(news(*rows))

    def newest(self, key: str) -> LiveRow | None:
        self.asked.append(key)
        return self.now.get(key)

    def restate(self, *rows: LiveRow) -> bool:
        self.now |= {one.key: one for one in rows}
        return self.known.take(news(restated=rows))

    def change(self, *rows: LiveRow, gone: Iterable[str] = ()) -> bool:
        self.now = {key: one for key, one in self.now.items() if key not in gone} | {one.key: one for one in rows}
        return self.known.take(news(*rows, gone=gone))

    def status(self, number: int) -> str:
        return self.known[row(number).key].row.summary.status


def test_a_row_with_another_status_is_not_looked_at_before_it_is_asked_for_and_then_once() -> None:
    world = World(*map(row, range(100)))
    assert world.known.in_order("name") and not world.restate(*(row(number, "Up 2 seconds") for number in range(100)))
    assert world.known.facets(world.known.in_order("risk")) and not world.asked
    assert world.status(7) == world.status(7) == "Up 2 seconds" and world.asked == [row(7).key]


def test_what_changed_after_its_status_did_is_what_is_shown() -> None:
    world = World(row(1))
    world.restate(row(1, "Up 2 seconds"))
    world.change(row(1, "Up 3 seconds", name="other"))
    assert world.status(1) == "Up 3 seconds" and world.known[row(1).key].row.summary.name == "other"
    assert not world.asked


def test_what_changed_and_then_had_another_status_before_it_was_taken_shows_that() -> None:
    world = World()
    both = news(row(1, name="new"))
    both.add(news(restated=[row(1)]))
    world.now = {row(1).key: row(1, "Up 2 seconds", name="new")}
    world.known.take(both)
    assert world.status(1) == "Up 2 seconds"


@pytest.mark.parametrize(
    "newer",
    [row(1, "Up 2 seconds", name="other"), row(1, "Up 2 seconds (unhealthy)"), row(1, "Exited", state="exited")],
)
def test_a_row_that_is_quite_another_by_now_is_shown_as_it_was_until_that_is_told_of(newer: LiveRow) -> None:
    """Its place, and what a filter found of it, go by what was told."""
    world = World(row(1), row(2))
    order = world.known.in_order("name")
    world.restate(row(1, "Up 2 seconds"))
    world.now[newer.key] = newer
    assert world.known[newer.key].row == row(1) and world.known.in_order("name") == order
    assert world.change(newer) and world.known[newer.key].row is newer


def test_a_row_that_is_gone_by_now_is_shown_as_it_was_until_that_is_told_of() -> None:
    world = World(row(1))
    world.restate(row(1, "Up 2 seconds"))
    world.now.clear()
    assert world.status(1) == "Up 1 second"


def test_a_row_that_is_gone_is_gone_at_once() -> None:
    world = World(row(1), row(2))
    known, key = world.known, row(1).key
    assert len(known.in_order("risk")) == 2
    world.restate(row(1, "Up 2 seconds"))
    assert world.change(gone=[key]) and key not in known and known.get(key) is None and len(known) == 1
    assert known.in_order("risk") == [row(2).key] and not known._aside


def test_another_status_moves_no_row_and_another_name_moves_its_row() -> None:
    world = World(row(1), row(2), row(3))
    order = world.known.in_order("name")
    assert not world.restate(row(1, "Up 2 seconds")) and world.known.in_order("name") == order
    assert world.change(row(1, name="z"))
    assert world.known.in_order("name") == [row(2).key, row(3).key, row(1).key]


@pytest.mark.parametrize("order", ORDERS)
def test_a_place_ends_with_the_key_of_its_row(order: str) -> None:
    assert Known(row(1)).place(order)[-1] == row(1).key


@given(st.lists(st.lists(st.tuples(st.integers(0, 220), st.sampled_from("abz-")), max_size=12), max_size=8))
def test_of_many_rows_the_few_that_change_come_come_back_and_go_get_their_places(
    steps: list[list[tuple[int, str]]],
) -> None:
    world = World(*(row(number) for number in range(200)))
    world.known.in_order("name")
    for step in steps:
        gone = {row(number).key for number, name in step if name == "-"} & world.now.keys()
        world.change(gone=gone)
        world.change(*(row(number, name=name) for number, name in step if name != "-"))
        wanted = sorted(world.now, key=lambda key: (world.now[key].summary.name, key))
        assert world.known.in_order("name") == wanted == [*world.known._keys]


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
    world, order = World(), "risk"
    known = world.known
    for number, (what, about) in enumerate(steps):
        there = {row(one).key for one in about if isinstance(one, int)} & world.now.keys()
        if what == "rows":
            world.change(*about)
        elif what == "status":
            later = [said(world.now[key], f"Up {number} seconds") for key in there]
            assert not world.restate(*later), "no row has another place for it"
        elif what == "gone":
            world.change(gone=there)
        elif what == "all":
            before, world.now = set(world.now), news(*about).rows
            assert known.take_all(world.now) == before - set(world.now)
        elif what == "look":
            assert all(known[key].row is world.now[key] for key in there)
        else:
            order = about
        if what != "look":
            assert known.in_order(order) == sorted(world.now, key=lambda key: Known(world.now[key]).place(order))
    assert len(known) == len(world.now) and all(known[key].row is one for key, one in world.now.items())
    assert all(known[key].cells == Known(one).cells for key, one in world.now.items())
