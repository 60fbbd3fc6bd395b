"""The live list over several hosts: what is there when, and what a host that fails does to the others."""

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from irkit.adapters.memory_changes import full_id
from irkit.app import Live, Setting
from irkit.app.live_state import LivePace, LiveState
from irkit.core import operations as do
from irkit.core.errors import HostState, NoTargetError, Refusal, TargetError, UnreachableError, UsageError
from irkit.core.finding import Severity
from irkit.core.host import Host
from irkit.core.ports import Deadline
from tests.app.hosts_in_memory import Place, Silent
from tests.app.live_hosts import QUICK, Seen, Watching, seen, watching
from tests.engine.guard import within
from tests.engine.world import container

DOWN = UnreachableError("nobody answers")
ASKED = ("connect", "ping", "list", "examine", "watch", "check_engine")


def paced(**changed: Any) -> LivePace:
    return dataclasses.replace(QUICK, **changed)


def test_a_list_is_there_before_the_facts_that_belong_to_it() -> None:
    def shut(host: Host) -> Seen:
        target = Seen(host)
        target.is_open.clear()
        return target

    with watching(seen(a=shut), "a", pace=paced(examine_time=30.0)) as found:
        found.until(lambda now: len(now.rows) == 3)
        assert all(row.facts is None and row.problem == "" for row in found.rows.values())
        assert found.live.hosts["a"].unread == 3 and found.state("a") is LiveState.UP
        found.target("a").is_open.set()
        found.until(lambda now: now.is_whole("a") and now.hosts["a"].unread == 0)
    assert {row.flags for row in found.rows.values()} == {".....U"}
    assert {row.risk for row in found.rows.values()} == {Severity.LOW}


def test_what_happens_on_a_host_is_seen_by_its_events_long_before_the_next_list() -> None:
    with watching(seen("a"), "a", pace=paced(list_every=600.0)) as found:
        found.until(lambda now: now.is_whole("a") and now.target("a").events.is_watched)
        target = found.target("a")
        target.appear(container("new", host="a", privileged=True))
        found.until(lambda now: now.is_whole("a", 4) and now.of("a")["new"].flags == "P....U")
        target.vanish(full_id("new"))
        found.until(lambda now: now.is_whole("a", 3))
        target.act(do.Pause(full_id("a-0")))
        found.until(lambda now: now.of("a")["a-0"].summary.state == "paused")
        found.until(lambda now: (facts := now.of("a")["a-0"].facts) and facts.state == "paused")


def test_a_renamed_container_keeps_its_key() -> None:
    with watching(seen("a"), "a") as found:
        found.until(lambda now: now.is_whole("a"))
        target, before = found.target("a"), set(found.rows)
        target.containers[full_id("a-0")] = renamed = replace(target.containers[full_id("a-0")], name="harmless")
        target.events.add(renamed, "rename")
        found.until(lambda now: now.of("a").get("harmless"))
        assert set(found.rows) == before == set(found.live.rows)
        found.until(lambda now: (facts := now.of("a")["harmless"].facts) and facts.name == "harmless")


def test_a_host_that_hangs_delays_none_of_the_others_and_is_shown_as_down() -> None:
    place = seen(*"abc", deaf=lambda host: Silent(host, heeds=False), mute=Silent)
    with watching(place, "deaf", "a", "mute", "b", "c", pace=paced(reach_time=0.3)) as found:
        found.until(lambda now: all(now.is_whole(name) for name in "abc"))
        assert list(found.live.hosts) == ["deaf", "a", "mute", "b", "c"], "in the order given"
        found.until(lambda now: now.state("deaf") is now.state("mute") is LiveState.DOWN)
        assert found.hosts["deaf"].reason == "it does not answer"
        found.until(lambda now: "longer than 0.3 s" in now.hosts["mute"].reason)  # it may not have been noted yet


def test_a_host_that_stops_answering_is_stale_keeps_its_rows_and_comes_back_by_itself() -> None:
    with watching(seen("a", "b"), "a", "b") as found:
        found.until(lambda now: now.is_whole("a") and now.is_whole("b"))
        target = found.target("a")
        target.error = DOWN
        found.until(lambda now: now.state("a") is LiveState.STALE)
        last = found.hosts["a"]
        assert last.reason == "nobody answers" and found.is_whole("a") and last.seen is not None
        assert last.as_of is not None and last.containers == 3
        target.containers.pop(full_id("a-2"))
        lists = found.target("b").calls["list"]
        found.until(lambda now: now.target("b").calls["list"] > lists + 3)
        assert found.live.hosts["a"].seen == last.seen and found.is_whole("a"), "as it was seen last"
        target.error = None
        found.until(lambda now: now.state("a") is LiveState.UP and now.is_whole("a", 2))


def test_a_host_whose_list_hangs_goes_stale_while_nobody_knows_how_it_ends() -> None:
    with watching(seen("a"), "a", pace=paced(list_time=600.0, stale_after=0.3)) as found:
        found.until(lambda now: now.is_whole("a"))
        found.target("a").lists.clear()
        found.until(lambda now: now.state("a") is LiveState.STALE)
        assert found.hosts["a"].reason == "it does not answer" and found.is_whole("a")
        found.target("a").lists.set()
        found.until(lambda now: now.state("a") is LiveState.UP)


def test_a_lost_host_is_tried_again_after_growing_pauses_whatever_happens() -> None:
    pace = paced(pauses=(0.01, 0.02, 0.04, 600.0))
    with watching(seen("a"), "a", pace=pace) as found:
        found.until(lambda now: now.is_whole("a"))
        target = found.target("a")
        target.error = DOWN
        found.until(lambda now: now.state("a") is LiveState.STALE)
        found.until(lambda now: target.failures >= 4)
        for watch in found.live._watches.values():
            for _ in range(100):
                watch._poke()
        time.sleep(0.1)
        assert target.failures == 4
        target.error = None
        found.live.refresh("a")
        found.until(lambda now: now.state("a") is LiveState.UP)


def test_a_host_that_takes_long_to_answer_is_slow_and_says_how_long() -> None:
    with watching(seen("a"), "a", pace=paced(slow_ms=20.0)) as found:
        found.until(lambda now: now.hosts.get("a") and now.state("a") is LiveState.UP)
        found.target("a").latency = 0.05
        found.until(lambda now: now.state("a") is LiveState.SLOW)
        assert "ms to answer" in found.hosts["a"].reason and (found.hosts["a"].latency_ms or 0) > 20
        found.target("a").latency = 0.0
        found.until(lambda now: now.state("a") is LiveState.UP and now.hosts["a"].reason == "")


WAITING = (HostState.AUTH, HostState.KEY_UNKNOWN, HostState.KEY_CHANGED, HostState.KEY_REVOKED)


def test_trying_again_ends_an_attempt_that_hangs_and_waits_for_nothing() -> None:
    class Deaf(Seen):
        """Its first connection hangs until it is closed."""

        is_closed = threading.Event()

        def connect(self, deadline: Deadline) -> None:
            super().connect(deadline)
            if not self.is_closed.wait(60) or self.calls["connect"] == 1:
                raise UnreachableError("the connection was closed")

        def close(self) -> None:
            super().close()
            self.is_closed.set()

    with watching(seen(a=Deaf), "a", pace=paced(reach_time=600.0, pauses=(600.0,))) as found:
        found.until(lambda now: now.place.opened and now.target("a").calls["connect"])
        states: set[LiveState] = set()

        def is_whole(now: Watching) -> bool:
            states.add(now.state("a"))
            return now.is_whole("a")

        found.live.retry("a")
        found.until(is_whole)
    assert states <= {LiveState.CONNECTING, LiveState.UP}, "what ended the first is not told"


@pytest.mark.parametrize("state", WAITING)
def test_a_host_that_a_person_must_see_to_is_left_alone_until_they_say_so(state: HostState) -> None:
    def refused(host: Host) -> Seen:
        target = Seen(host)
        target.error = UnreachableError("not like that", state)
        return target

    with watching(seen("b", a=refused), "a", "b") as found:
        found.until(lambda now: now.is_whole("b") and now.hosts["a"].reason == "not like that")
        assert found.state("a").waits_for_responder
        target = found.target("a")
        found.live.refresh()
        found.live.refresh("a")
        lists = found.target("b").calls["list"]
        found.until(lambda now: now.target("b").calls["list"] > lists + 5)
        assert target.calls["connect"] == 1, "neither by itself nor by looking anew"
        with pytest.raises(UnreachableError, match="not like that") as caught:
            found.live.target("a", found.live.deadline(1.0))
        assert caught.value.state is state and target.calls["connect"] == 1
        target.error = None
        found.live.retry("a")
        found.until(lambda now: now.is_whole("a") and now.state("a") is LiveState.UP)
        assert target.calls["close"] == 1, "what was refused for good is let go of"


def test_a_host_that_the_inventory_leaves_out_is_shown_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "hosts.ini"
    file.write_text('[web]\na\nodd ansible_host="{{ somewhere }}"\n', encoding="utf-8")
    place = seen("a")
    setting = place.setting()
    setting.inventory = file
    live = Live(setting, ["all"], pace=QUICK)
    live.start()
    found = Watching(live, place)
    try:
        found.until(lambda now: now.is_whole("a") and now.hosts["odd"].reason)
        assert found.state("odd") is LiveState.LEFT_OUT
        assert "the inventory leaves host odd out" in found.hosts["odd"].reason
        assert set(place.opened) == {"a"}
    finally:
        live.close()


def test_two_hosts_with_one_engine_are_both_shown_and_both_say_so() -> None:
    place = Place(special={name: lambda host: Seen(host, engine_id="AAAA:BBBB") for name in "ab"})
    with watching(place, "a", "b") as found:
        found.until(lambda now: now.is_whole("a") and now.is_whole("b"))
        found.until(lambda now: now.hosts["a"].reason and now.hosts["b"].reason)
        assert "its engine is that of host b too (ID AAAA:BBBB)" in found.hosts["a"].reason
        assert "its engine is that of host a too" in found.hosts["b"].reason
        assert found.state("a") is found.state("b") is LiveState.UP and found.hosts["a"].engine_id == "AAAA:BBBB"


def test_facts_that_cannot_be_had_are_the_problem_of_their_row_alone() -> None:
    with watching(seen("a"), "a") as found:
        found.until(lambda now: now.is_whole("a"))
        target = found.target("a")
        target.faulty, target.examine_error = {full_id("a-1")}, TargetError("inspect failed", Refusal.GARBLED)
        target.events.add(target.containers[full_id("a-1")], "update")
        found.until(lambda now: now.of("a")["a-1"].problem == "inspect failed")
        assert found.state("a") is LiveState.UP and not found.of("a")["a-0"].problem
        target.faulty = set()
        found.until(lambda now: not now.of("a")["a-1"].problem)


def test_a_bug_is_told_of_in_its_place_and_the_list_goes_on() -> None:
    with watching(seen("a", "b"), "a", "b") as found:
        found.until(lambda now: now.is_whole("a") and now.is_whole("b"))
        target = found.target("a")
        target.faulty, target.examine_error = {full_id("a-1")}, KeyError("secret")
        found.live.refresh("a")
        found.until(lambda now: now.of("a")["a-1"].problem == "a bug in irkit (KeyError)")
        target.error = ZeroDivisionError("secret")
        found.until(lambda now: now.hosts["a"].reason == "a bug in irkit (ZeroDivisionError)")
        assert found.state("a") is LiveState.STALE and found.state("b") is LiveState.UP
        target.error, target.faulty = None, set()
        found.until(lambda now: now.state("a") is LiveState.UP and not now.of("a")["a-1"].problem)


def test_after_lost_events_everything_is_looked_at_anew() -> None:
    with watching(seen("a"), "a", pace=paced(list_every=600.0)) as found:
        found.until(lambda now: now.is_whole("a") and now.target("a").events.is_watched)
        target = found.target("a")
        one = target.containers[full_id("a-0")]
        target.containers[one.id] = replace(one, privileged=True)  # which no list shows
        target.events.lose()
        found.until(lambda now: now.of("a")["a-0"].flags == "P....U")


def test_closing_waits_for_nothing_that_hangs() -> None:
    place = seen("a", deaf=lambda host: Silent(host, heeds=False))
    with watching(place, "a", "deaf", pace=paced(list_time=600.0, reach_time=600.0, stale_after=0.3)) as found:
        found.until(lambda now: now.is_whole("a"))
        target = found.target("a")
        stuck = threading.Event()
        target.close = stuck.wait  # type: ignore[method-assign, assignment]
        target.lists.clear()
        found.until(lambda now: now.state("a") is LiveState.STALE)
        try:
            within(60, found.live.close)
            within(60, found.live.close)
        finally:
            stuck.set()


def test_nothing_is_asked_of_a_host_but_what_costs_it_little() -> None:
    with watching(seen("a"), "a") as found:
        found.until(lambda now: now.is_whole("a") and now.hosts["a"].engine == "memory")
        lists = found.target("a").calls["list"]
        found.until(lambda now: now.target("a").calls["list"] > lists + 5)
        calls = dict(found.target("a").calls)
    assert set(calls) == set(ASKED)
    assert calls["examine"] == 3, "facts of what did not change are not fetched again"


def test_hosts_can_be_added_while_it_goes_on() -> None:
    with watching(seen("a", "b", "c"), "a") as found:
        found.until(lambda now: now.is_whole("a"))
        assert found.live.add("b,c") == ["b", "c"]
        found.until(lambda now: now.is_whole("b") and now.is_whole("c"))
        assert found.live.add("b") == [], "it is there already"
        with pytest.raises(NoTargetError):
            found.live.add("group:none")
        assert set(found.live.hosts) == {"a", "b", "c"}


def test_of_two_hosts_of_one_name_the_second_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yml"
    file.write_text("hosts:\n  - {name: b, user: ana}\n", encoding="utf-8")
    setting = seen("b").setting()
    setting.inventory = file
    live = Live(setting, ["ssh://b"])
    with pytest.raises(UsageError, match="another host called 'b'"):
        live.add("b")
    live.close()


def test_what_is_no_host_of_the_list_is_refused_in_words() -> None:
    with watching(seen("a"), "a") as found:
        for ask in (found.live.refresh, found.live.retry, found.live.host):
            with pytest.raises(UsageError, match="host 'x' is not in the list"):
                ask("x")
    with pytest.raises(NoTargetError):
        Live(Setting(environment={}, opener=seen()), ["group:none"])


class ByCommand(Seen):
    """A host on which each request starts a process."""

    def connect(self, deadline: Deadline) -> None:
        super().connect(deadline)
        self._host = replace(self._host, route="command docker system dial-stdio")


def test_a_host_on_which_each_request_starts_a_process_is_asked_seldom() -> None:
    with watching(seen("b", a=ByCommand), "a", "b", pace=paced(list_every_costly=600.0)) as found:
        found.until(lambda now: now.is_whole("a") and now.is_whole("b"))
        lists = found.target("a").calls["list"]
        found.until(lambda now: now.target("b").calls["list"] > 20)
        target = found.target("a")
        assert target.calls["ping"] == 0 and target.calls["list"] <= lists + 1
        assert found.live.hosts["a"].latency_ms is not None and found.state("a") is LiveState.UP
        target.appear(container("new", host="a"))
        found.until(lambda now: now.is_whole("a", 4))


def test_others_share_the_way_to_a_host() -> None:
    with watching(seen("a"), "a") as found:
        found.until(lambda now: now.is_whole("a"))
        assert found.live.target("a", found.live.deadline(5.0)) is found.target("a")
        assert found.live.row(f"a/{full_id('a-0')}") is not None and found.live.row("a/none") is None
        assert found.live.host("a").name == "a"
