"""The containers of one host in the live list, and whose facts are fetched next: no threads, no engine."""

import gc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from irkit.adapters.memory_changes import full_id
from irkit.app.findings import judge
from irkit.app.live_board import Board
from irkit.app.live_rows import HostRows
from irkit.app.live_state import LivePace, LiveRow
from irkit.core.container import Container, Summary
from irkit.core.finding import Severity
from tests.engine.world import container

PACE = LivePace(most_facts=3, problem_pause=15.0)


def summary(name: str, state: str = "running", created: str = "", **facts: Any) -> Summary:
    known = {"host": "h", "image": "app:1", "created_at": created, **facts}
    return Summary(id=full_id(name), name=name, state=state, **known)


class World:
    """Rows of one host, with a board to look at them on."""

    def __init__(self, *listed: Summary) -> None:
        self.board = Board(dict)
        self.rows = HostRows("h", self.board, judge, PACE)
        self.now = 0.0
        if listed:
            self.look(*listed)

    def look(self, *listed: Summary) -> None:
        self.now += 1
        self.rows.take_list(listed, self.now)

    def names(self) -> list[str]:
        """What is to be fetched now, in order, and is fetched."""
        found = []
        while (one := self.rows.next_to_fetch()) is not None:
            found.append(one)
        for one in found:
            self.rows.succeed(one, container("x"))
        return [self.row_of(one).summary.name for one in found]

    def row_of(self, identifier: str) -> LiveRow:
        return self.board.rows[f"h/{identifier}"]

    def row(self, name: str) -> LiveRow:
        return self.row_of(full_id(name))


def facts(name: str, **known: Any) -> Container:
    return container(name, host="h", **known)


def test_rows_are_there_before_their_facts() -> None:
    world = World(summary("web"))
    row = world.row("web")
    assert (row.facts, row.problem, row.findings, row.flags, row.risk) == (None, "", (), "", None)
    assert row.key == f"h/{full_id('web')}" and row.seen == 1 and world.rows.unread == 1
    world.rows.succeed(full_id("web"), facts("web", privileged=True))
    row = world.row("web")
    assert row.facts is not None and row.flags == "P....U" and row.risk is Severity.HIGH and world.rows.unread == 0
    assert [one.check for one in row.findings] == ["exposure.privileged", "exposure.root_user"]


def test_of_the_first_list_all_are_fetched_running_and_newest_first() -> None:
    old, new, later = "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00.5Z"
    world = World(
        summary("ended", "exited", later), summary("old", created=old), summary("odd", created="?"),
        summary("new", created=new), summary("newest", "paused", later),
    )  # fmt: skip
    assert world.names() == ["newest", "new", "old", "odd", "ended"]


def test_later_no_more_are_fetched_than_so_many_for_each_list() -> None:
    world = World(summary("first"))
    assert world.names() == ["first"]
    more = [summary(f"c{number}", created=f"2026-01-{number + 1:02}T00:00:00Z") for number in range(7)]
    world.look(summary("first"), *more)
    assert world.names() == ["c6", "c5", "c4"] and world.rows.is_behind
    world.look(summary("first"), *more)
    assert world.names() == ["c3", "c2", "c1"]
    world.look(summary("first"), *more)
    assert world.names() == ["c0"] and not world.rows.is_behind


def test_facts_are_fetched_again_where_a_list_shows_a_change_but_not_for_the_time_it_runs() -> None:
    world = World(summary("web", status="Up 1 second"))
    assert world.names() == ["web"]
    world.look(summary("web", status="Up 2 seconds"))
    assert world.names() == [] and world.row("web").summary.status == "Up 2 seconds"
    world.look(summary("web", "paused", status="Up 2 seconds (Paused)"))
    assert world.names() == ["web"]


def test_a_list_tells_of_what_is_another_in_it_and_where_that_is_the_status_alone() -> None:
    world = World(*(summary(name, status="Up 1 second (healthy)") for name in ("same", "later", "ill", "renamed")))
    world.board.take()
    world.look(
        summary("same", status="Up 1 second (healthy)"),
        summary("later", status="Up 2 seconds (healthy)"),
        summary("ill", status="Up 2 seconds (unhealthy)"),
        replace(summary("renamed", status="Up 2 seconds (healthy)"), name="harmless"),
        summary("new"),
    )
    changed = world.board.take()
    assert {row.summary.name for row in changed.rows.values()} == {"ill", "harmless", "new"}
    assert changed.restated == {world.row("later").key}
    assert world.row("later").summary.status == "Up 2 seconds (healthy)"


def test_facts_that_are_known_already_are_not_judged_again() -> None:
    judged = []

    def count(found: Container) -> Any:
        judged.append(found.name)
        return judge(found)

    world = World()
    world.rows = HostRows("h", world.board, count, PACE)
    world.look(summary("web"))
    for privileged in (False, False, True):
        world.rows.succeed(full_id("web"), facts("web", privileged=privileged))
    assert judged == ["web", "web"] and world.row("web").flags == "P....U"


def test_facts_of_a_container_that_went_and_came_back_while_they_were_looked_at_are_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(summary("web"))
    knows = HostRows._knows

    def goes_and_comes(rows: HostRows, container: str, found: Container) -> bool:
        is_known = knows(rows, container, found)
        world.look()
        world.look(summary("web"))
        return is_known

    world.rows.succeed(full_id("web"), facts("web", privileged=True))
    monkeypatch.setattr(HostRows, "_knows", goes_and_comes)
    world.rows.succeed(full_id("web"), facts("web", privileged=True))
    assert world.row("web").flags == "P....U" and world.row("web").risk is Severity.HIGH


def test_rows_are_not_gone_through_for_garbage() -> None:
    world = World(summary("web", labels={"a": "b"}))
    world.rows.succeed(full_id("web"), facts("web", privileged=True))
    row = world.row("web")
    assert not any(map(gc.is_tracked, (row, row.summary, row.facts, *row.findings)))


def test_what_an_event_named_is_fetched_after_the_next_list_and_once() -> None:
    world = World(summary("web"), summary("db"))
    assert len(world.names()) == 2
    for _ in range(1000):
        world.rows.want([full_id("web"), full_id("never heard of")])
    assert world.names() == [], "not before a list shows it"
    world.look(summary("web"), summary("db"))
    assert world.names() == ["web"]
    world.look(summary("web"), summary("db"))
    assert world.names() == []


def test_a_renamed_container_keeps_its_key() -> None:
    world = World(summary("web"))
    world.look(replace(summary("web"), name="harmless"))
    assert list(world.board.rows) == [f"h/{full_id('web')}"] and world.row("web").summary.name == "harmless"


def test_what_is_gone_is_forgotten_whatever_comes_in_for_it_later() -> None:
    world = World(summary("web"), summary("db"))
    taken = world.rows.next_to_fetch()
    assert taken == full_id("web") or taken == full_id("db")
    world.look()
    world.rows.succeed(taken, facts("web"))
    world.rows.fail(full_id("db"), "too late", 0)
    assert not world.board.rows and world.rows.next_to_fetch() is None and world.rows.unread == 0


def test_a_container_is_never_fetched_twice_at_once_and_what_happens_meanwhile_is_not_lost() -> None:
    world = World(summary("web"))
    assert world.rows.next_to_fetch() == full_id("web")
    world.rows.want([full_id("web")])
    world.look(summary("web"))
    assert world.rows.next_to_fetch() is None, "it is being fetched"
    world.rows.succeed(full_id("web"), facts("web"))
    world.look(summary("web"))
    assert world.names() == ["web"]


def test_facts_that_cannot_be_had_are_a_problem_and_tried_again_after_growing_pauses() -> None:
    world = World(summary("web"))
    tried = []
    for second in range(1, 100):
        world.now = second - 1
        world.look(summary("web"))
        if (one := world.rows.next_to_fetch()) is not None:
            tried.append(second)
            world.rows.fail(one, "inspect failed", second)
    assert tried == [1, 16, 46, 91]
    assert world.row("web").problem == "inspect failed" and world.row("web").facts is None
    assert world.rows.unread == 0, "what is known is that there are none"


def test_facts_that_were_had_stay_beside_the_problem_and_it_goes_with_the_next_ones() -> None:
    world = World(summary("web"))
    world.rows.succeed(full_id("web"), facts("web", privileged=True))
    world.rows.fail(full_id("web"), "the engine hangs", 1)
    row = world.row("web")
    assert row.problem == "the engine hangs" and row.facts is not None and row.flags == "P....U"
    world.rows.succeed(full_id("web"), facts("web"))
    assert world.row("web").problem == "" and world.row("web").flags == ".....U"


def test_a_failure_that_is_borne_with_is_not_shown_and_the_facts_are_wanted_still() -> None:
    world = World(summary("web"))
    for problem in ("", "", "gone"):
        taken = world.rows.next_to_fetch()
        assert taken is not None
        world.rows.fail(taken, "gone", 0, patience=2)
        assert world.row("web").problem == problem
        world.look(summary("web"))


def test_all_are_wanted_again_but_no_more_at_once_than_may_be() -> None:
    listed: Sequence[Summary] = [summary(f"c{number}") for number in range(5)]
    world = World(*listed)
    assert len(world.names()) == 5
    world.rows.want_all()
    world.look(*listed)
    assert len(world.names()) == 3
    world.look(*listed)
    assert len(world.names()) == 2


class Changing(World):
    """A world in which containers change, and answers come in any order, each as things were when it was asked."""

    def __init__(self) -> None:
        super().__init__(summary("a"))
        self.there, self.versions = {"a"}, dict.fromkeys("abc", 0)
        self.flying: list[tuple[str, int]] = []

    def show(self, names: set[str]) -> None:
        self.there = names
        self.look(*map(summary, sorted(names)))

    def change(self, name: str) -> None:
        self.versions[name] += 1
        self.rows.want([full_id(name)])

    def fetch(self, _: int = 0) -> bool:
        taken = self.rows.next_to_fetch()
        for name in "abc":
            if full_id(name) == taken:
                assert name not in [one for one, _ in self.flying], "it is being fetched already"
                self.flying.append((name, self.versions[name]))
        return taken is not None

    def land(self, number: int) -> None:
        if self.flying:
            name, version = self.flying.pop(number % len(self.flying))
            self.rows.succeed(full_id(name), facts(name, labels={"version": str(version)}))

    def fail(self, number: int, patience: int = 0) -> None:
        if self.flying:
            name, _ = self.flying.pop(number % len(self.flying))
            self.rows.fail(full_id(name), "no", self.now, patience=patience)

    def bear(self, number: int) -> None:
        self.fail(number, patience=1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just(Changing.show), st.sets(st.sampled_from("abc"))),
        st.tuples(st.just(Changing.change), st.sampled_from("abc")),
        st.tuples(st.sampled_from([Changing.fetch, Changing.land, Changing.fail, Changing.bear]), st.integers(0, 5)),
    ),
    min_size=15,
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_meanwhile_the_facts_shown_in_the_end_are_the_newest(steps: list[tuple[Any, Any]]) -> None:
    world = Changing()
    for do, about in steps:
        do(world, about)
        assert {row.summary.name for row in world.board.rows.values()} == world.there
    for _ in range(10):
        while world.flying:
            world.land(0)
        world.now += 100
        world.show(world.there)
        while world.fetch():
            pass
    for name in world.there:
        shown = world.row(name)
        assert shown.facts is not None and shown.facts.labels == {"version": str(world.versions[name])}
        assert not shown.problem
    assert not world.rows.unread and not world.rows.is_behind and not world.flying
