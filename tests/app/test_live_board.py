"""What is told of rows and hosts: all that changed since the last time, and nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from irkit.app.live_board import Board
from irkit.app.live_state import LiveHost, LiveRow, LiveState
from irkit.core.container import Summary


def row(key: str, state: str = "running", status: str = "", **more: Any) -> LiveRow:
    summary = Summary(id=key, name=key, host="h", image="app:1", state=state, status=status)
    return LiveRow(key=key, host="h", summary=summary, **more)


def test_a_row_is_told_of_once_and_again_when_it_changes() -> None:
    board = Board(dict)
    assert not board.take()
    board.put([row("a"), row("b")])
    assert set(board.take().rows) == {"a", "b"} and not board.take()
    board.put([row("a", "paused"), row("b")])
    (changed,) = board.take().rows.values()
    assert changed.summary.state == "paused" and not board.take()


def test_that_a_row_was_seen_once_more_is_nothing_to_tell_and_is_known_all_the_same() -> None:
    board = Board(dict)
    board.put([row("a", seen=1.0)])
    board.take()
    board.put([row("a", seen=2.0)])
    assert not board.take() and board.rows["a"].seen == 2.0
    board.put([row("a", seen=3.0, problem="inspect failed")])
    assert board.take().rows["a"].problem == "inspect failed"


def test_a_row_that_came_and_went_between_is_not_told_of_at_all() -> None:
    board = Board(dict)
    board.put([row("a")])
    board.drop(["a"])
    assert not board.take() and not board.rows


def test_a_row_that_went_and_came_back_is_not_told_of_as_gone() -> None:
    board = Board(dict)
    board.put([row("a")])
    board.take()
    board.drop(["a"])
    board.put([row("a")])
    changed = board.take()
    assert set(changed.rows) == {"a"} and not changed.gone


def test_a_row_of_which_the_status_alone_is_another_is_told_of_as_such() -> None:
    board = Board(dict)
    board.put([row("a"), row("b")])
    board.take()
    board.restate([row("a", status="Up 1 second"), row("b", status="Up 1 second")])
    board.put([row("b", "paused")])
    changed = board.take()
    assert set(changed.rows) == {"b"} and changed.restated == {"a"} and not board.take()
    assert board.rows["a"].summary.status == "Up 1 second"


def test_a_row_that_changed_otherwise_before_or_was_never_told_of_is_not_told_of_by_its_status_alone() -> None:
    board = Board(dict)
    board.put([row("a")])
    board.restate([row("a", status="Up 1 second")])
    changed = board.take()
    assert changed.rows["a"].summary.status == "Up 1 second" and not changed.restated
    board.restate([row("a", status="Up 2 seconds")])
    board.drop(["a"])
    changed = board.take()
    assert changed.gone == {"a"} and not changed.rows and not changed.restated


def test_of_rows_that_nobody_takes_nothing_heaps_up() -> None:
    board = Board(dict)
    for number in range(10_000):
        board.put([row(str(number))])
        board.restate([row(str(number), status="Up 1 second")])
        board.drop([str(number)])
    kept = (board._rows, board._changed, board._restated, board._gone, board._told)
    assert not any(kept)


def test_hosts_are_told_of_where_they_are_not_as_they_were() -> None:
    hosts = {"h": LiveHost("h")}
    board = Board(lambda: dict(hosts))
    assert board.take().hosts == hosts and not board.take()
    hosts["h"] = LiveHost("h", LiveState.UP)
    assert board.take().hosts == {"h": LiveHost("h", LiveState.UP)}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["running", "paused", "Up", "gone", "taken"]))))
def test_who_follows_what_is_told_has_what_there_is(steps: list[tuple[str, str]]) -> None:
    board, mine = Board(dict), dict[str, LiveRow]()
    for key, what in [*steps, ("a", "taken")]:
        if what == "taken":
            changed = board.take()
            assert not changed.gone & set(changed.rows) and changed.gone <= set(mine)
            assert changed.restated <= set(mine) and not changed.restated & {*changed.rows, *changed.gone}
            mine |= changed.rows
            for one in changed.restated:
                assert mine[one].summary.state == board.rows[one].summary.state, "nothing but its status is another"
                mine[one] = board.rows[one]
            for gone in changed.gone:
                del mine[gone]
            assert mine == board.rows
        elif what == "gone":
            board.drop([key] if key in board.rows else [])
        elif what == "Up":
            board.restate([row(key, board.rows[key].summary.state, what)] if key in board.rows else [])
        else:
            board.put([row(key, what)])
