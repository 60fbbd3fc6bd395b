"""How a host stands, and how that wears out; changes that add up."""

import pytest

from irkit.app.live_standing import Standing
from irkit.app.live_state import Changed, LiveHost, LivePace, LiveRow, LiveState, host_state, state_after
from irkit.core.container import Summary
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError

PACE = LivePace(stale_after=10.0)


def shown(standing: Standing, now: float, busy_now: float = 0.0) -> tuple[LiveState, str]:
    host = standing.show(now, busy_now, PACE, 0)
    return host.state, host.reason


@pytest.mark.parametrize("state", [LiveState.UP, LiveState.SLOW])
def test_a_host_that_says_nothing_any_more_is_stale(state: LiveState) -> None:
    standing = Standing("h", state, "", seen=100.0)
    assert shown(standing, 110.0) == (state, "")
    assert shown(standing, 110.1) == (LiveState.STALE, "it does not answer")


def test_a_host_that_is_looked_at_seldom_is_not_stale_before_it_should_have_been() -> None:
    standing = Standing("h", LiveState.UP, "", seen=100.0, pause=60.0)
    assert shown(standing, 170.0)[0] is LiveState.UP and shown(standing, 170.1)[0] is LiveState.STALE


def test_a_host_whose_first_look_does_not_end_in_its_time_is_down() -> None:
    standing = Standing("h", busy_until=30.0)
    assert shown(standing, 1000.0, 30.0) == (LiveState.CONNECTING, ""), "the responder may be typing a secret"
    assert shown(standing, 1000.0, 30.1) == (LiveState.DOWN, "it does not answer")


def test_what_is_to_be_known_of_a_host_is_said_while_there_is_nothing_worse() -> None:
    standing = Standing("h", LiveState.UP, note="its engine is that of host a too", seen=0.0)
    assert shown(standing, 1.0) == (LiveState.UP, "its engine is that of host a too")
    assert shown(standing, 11.0) == (LiveState.STALE, "it does not answer")


@pytest.mark.parametrize(
    ("error", "before", "after"),
    [
        (UnreachableError("x"), LiveState.DOWN, LiveState.STALE),
        (TargetError("x", Refusal.TIMEOUT), LiveState.DOWN, LiveState.STALE),
        (TargetError("x", Refusal.UNSUPPORTED), LiveState.API_TOO_OLD, LiveState.API_TOO_OLD),
        (UnreachableError("x", HostState.AUTH), LiveState.AUTH, LiveState.AUTH),
        (UnreachableError("x", HostState.KEY_CHANGED), LiveState.KEY_CHANGED, LiveState.KEY_CHANGED),
        (UnreachableError("x", HostState.NO_ENGINE), LiveState.NO_ENGINE, LiveState.NO_ENGINE),
        (UnreachableError("x", HostState.LEFT_OUT), LiveState.LEFT_OUT, LiveState.LEFT_OUT),
    ],
)
def test_a_failure_says_how_a_host_stands(error: TargetError, before: LiveState, after: LiveState) -> None:
    assert state_after(error, was_seen=False) is before
    assert state_after(error, was_seen=True) is after


@pytest.mark.parametrize("state", [one for one in HostState if one is not HostState.UP])
def test_each_state_of_a_host_has_one_here_and_leads_back(state: HostState) -> None:
    assert host_state(state_after(UnreachableError("x", state), was_seen=False)) is state


def test_a_person_is_waited_for_where_only_a_person_can_help() -> None:
    waiting = {one for one in LiveState if one.waits_for_responder}
    assert waiting == {
        LiveState.AUTH, LiveState.KEY_UNKNOWN, LiveState.KEY_CHANGED, LiveState.KEY_REVOKED, LiveState.LEFT_OUT
    }  # fmt: skip
    assert {one for one in LiveState if one.is_up} == {LiveState.UP, LiveState.SLOW}


def test_changes_add_up_to_what_is_so_in_the_end() -> None:
    def row(key: str, name: str = "x") -> LiveRow:
        return LiveRow(key=key, host="h", summary=Summary(id=key, name=name, host="h", image="a", state="running"))

    sum_of = Changed({"a": row("a"), "b": row("b")}, {"c"}, {"h": LiveHost("h")})
    sum_of.add(Changed({"c": row("c"), "b": row("b", "y")}, {"a"}, {"i": LiveHost("i")}))
    assert {key: one.summary.name for key, one in sum_of.rows.items()} == {"b": "y", "c": "x"}
    assert sum_of.gone == {"a"} and set(sum_of.hosts) == {"h", "i"}


def test_rows_with_another_status_add_up_to_those_that_have_another_since_they_were_told_of() -> None:
    def told(rows: str = "", restated: str = "", gone: str = "") -> Changed:
        named = {
            key: LiveRow(key=key, host="h", summary=Summary(id=key, name=key, host="h", image="a", state="running"))
            for key in rows
        }
        return Changed(named, set(gone), {}, set(restated))

    sum_of = told("de", restated="abc")
    assert sum_of and told(restated="a")
    sum_of.add(told("bf", restated="ad"))
    assert sum_of.restated == {"a", "c", "d"} and set(sum_of.rows) == set("bdef")
    sum_of.add(told("c", restated="f", gone="ad"))
    assert sum_of.restated == {"f"} and set(sum_of.rows) == set("bcef") and sum_of.gone == {"a", "d"}
