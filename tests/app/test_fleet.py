"""Many hosts at once: who waits for whom, and what is told of each."""

import re
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.memory import MemoryTarget
from irkit.app import Fleet, Setting
from irkit.app.asking import PatientAsk, StillClock
from irkit.app.reach import HostTarget
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError, UsageError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.app.hosts_in_memory import Place, Silent, fails, hosts
from tests.engine.guard import within
from tests.lab.counting import wait_until

TEN = tuple(f"h{number}" for number in range(10))


def name_of(target: HostTarget, deadline: Deadline) -> str:
    return target.host.name


def results(fleet: Fleet, function: Callable[[HostTarget, OperationDeadline], Any] = name_of, **how: Any) -> Any:
    """What each host gave, by name."""
    with fleet:
        return {host.name: result for host, result in fleet.each(function, **how)}


def little_for(name: str) -> Callable[[Host], float]:
    """A tenth of a second for that host, and more than enough for all others, whatever else the machine has to do."""
    return lambda host: 0.1 if host.name == name else 60


def test_each_host_is_asked_and_told_of_once() -> None:
    assert results(Place().fleet(*TEN)) == {name: name for name in TEN}


def test_a_silent_host_delays_none_of_the_others() -> None:
    place = Place(special={"h3": Silent})
    seen = []
    with place.fleet(*TEN) as fleet:
        for host, result in fleet.each(name_of, seconds=60):
            seen.append(host.name)
            assert not isinstance(result, TargetError)
            if len(seen) == len(TEN) - 1:
                break  # all but the one that still says nothing
        assert wait_until(lambda: "h3" in place.opened, 60)
        silent = place.opened["h3"]
        assert isinstance(silent, Silent) and silent.is_waiting.wait(60)
    assert set(seen) == set(TEN) - {"h3"}
    assert silent.is_closed.is_set(), "leaving lets go of it"


def test_a_host_that_is_silent_to_the_end_of_its_time_is_a_failure() -> None:
    found = results(Place(special={"dead": Silent}).fleet("dead", "well"), seconds=little_for("dead"))
    assert found["well"] == "well"
    assert found["dead"].kind is Refusal.TIMEOUT and "longer than 0.1 s" in found["dead"].reason


def test_a_host_whose_adapter_forgets_the_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irkit.app.fleet._GRACE", 0.1)
    place = Place(special={"deaf": lambda host: Silent(host, heeds=False)})
    found = within(60, lambda: results(place.fleet("deaf", "well"), seconds=little_for("deaf")))
    assert found["well"] == "well" and "does not end" in found["deaf"].reason


def test_it_is_said_who_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(special=dict.fromkeys(TEN[3:9], Silent))
    fleet, told = place.fleet(*TEN), list[str]()
    line = re.compile(r"waiting for hosts h3 \(\d+ s\), h4 \(\d+ s\), .* and 1 more")

    def hear(text: str) -> None:
        told.append(text)
        if sum(line.fullmatch(one) is not None for one in told) >= 2:  # and again
            for silent in place.opened.values():
                silent.close()  # now they answer

    fleet.tell = hear
    with monkeypatch.context() as patched:
        patched.setattr("irkit.app.waiting._FIRST", 0.05)
        patched.setattr("irkit.app.waiting._AGAIN", 0.1)
        assert results(fleet, seconds=60) == {name: name for name in TEN}
    told.clear()
    monkeypatch.setattr("irkit.app.waiting._FIRST", 600)
    fleet = Place().fleet(*TEN)
    fleet.tell = told.append
    results(fleet)
    assert told == []


def test_hosts_have_their_own_time() -> None:
    place = Place(special={"h1": Silent, "h2": Silent})
    found = results(place.fleet("h1", "h2"), seconds=lambda host: 0.1 if host.name == "h1" else 0.2)
    assert "longer than 0.1 s" in found["h1"].reason and "longer than 0.2 s" in found["h2"].reason


def test_results_come_in_the_order_in_which_hosts_answer() -> None:
    turns = {name: threading.Event() for name in ("a", "b", "c")}

    def wait(target: HostTarget, deadline: Deadline) -> None:
        assert turns[target.host.name].wait(20)

    seen = []
    turns["c"].set()
    with Place().fleet("a", "b", "c") as fleet:
        for host, _ in fleet.each(wait):
            seen.append(host.name)
            if seen[-1] == "c":
                turns["a"].set()
            if seen[-1] == "a":
                turns["b"].set()
    assert seen == ["c", "a", "b"]


@pytest.mark.parametrize("jobs", [1, 3, 16])
def test_no_more_hosts_are_worked_on_at_once_than_there_are_jobs(jobs: int) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def work(target: HostTarget, deadline: Deadline) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1

    assert len(results(Place().fleet(*TEN, jobs=jobs), work)) == len(TEN)
    assert most[0] <= jobs


def test_dead_hosts_lose_their_place_to_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irkit.app.fleet._PATIENCE", 0.05)
    place = Place(special=dict.fromkeys(TEN[:4], Silent))
    seen = []
    with place.fleet(*TEN, jobs=2) as fleet:
        for host, _ in fleet.each(name_of, seconds=60):
            seen.append(host.name)
            if len(seen) == len(TEN) - 4:
                break
    assert set(seen) == set(TEN[4:])


def test_failures_are_told_as_they_are_and_nonsense_as_a_failure_of_its_host() -> None:
    refused = UnreachableError("no route", HostState.AUTH)
    place = Place(special={"a": fails(refused), "b": lambda host: _raise(UsageError("hops go in circles"))})
    found = results(place.fleet("a", "b", "c"))
    assert found["a"] is refused and found["c"] == "c"
    assert isinstance(found["b"], UnreachableError) and found["b"].reason == "hops go in circles"


def _raise(error: Exception) -> Any:
    raise error


def test_a_bug_is_raised_where_it_is_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        results(Place().fleet("a"), lambda target, deadline: 1 // 0)
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_ends_the_waiting_at_once_and_lets_go_of_every_host() -> None:
    place = Place(special=dict.fromkeys(TEN, Silent))

    main = threading.get_ident()

    def interrupt() -> None:
        while len(place.opened) < len(TEN):
            time.sleep(0.01)
        signal.pthread_kill(main, signal.SIGINT)

    responder = threading.Thread(target=interrupt)
    with pytest.raises(KeyboardInterrupt), place.fleet(*TEN) as fleet:
        responder.start()
        next(fleet.each(name_of, seconds=600))
    responder.join()
    for target in place.opened.values():
        assert isinstance(target, Silent) and target.is_closed.wait(60)


def test_a_host_is_connected_once_and_closed_at_the_end() -> None:
    place = Place()
    with place.fleet("a") as fleet:
        for _ in range(3):
            assert [host.name for host, _ in fleet.each(name_of)] == ["a"]
        assert list(fleet.targets) == ["a"]
    assert fleet.targets == {}
    with pytest.raises(UnreachableError, match="ending"):
        fleet.reach(hosts("a")[0], OperationDeadline(SystemClock(), 1, 1, Cancel()))


# The responder's time ---------------------------------------------------------------------------------------------


class HandClock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> Any:
        return SystemClock().now()

    def monotonic(self) -> float:
        return self.time


def test_time_stands_still_for_as_long_as_anybody_holds_the_clock() -> None:
    hand = HandClock()
    clock = StillClock(hand)
    assert clock.monotonic() == 100
    with clock.held():
        hand.time += 30
        assert clock.monotonic() == 100
        with clock.held():
            hand.time += 10
        assert clock.monotonic() == 100
    hand.time += 2
    assert clock.monotonic() == 102


def test_what_the_responder_takes_to_answer_is_not_taken_from_the_host() -> None:
    hand = HandClock()
    clock = StillClock(hand)
    deadline = OperationDeadline(clock, 30, 30, Cancel())

    def slow(prompt: str) -> str:
        hand.time += 3600
        return f"answer to {prompt}"

    assert PatientAsk(slow, clock)("who?") == "answer to who?"
    assert deadline.remaining() == 30


def test_once_asking_is_over_nobody_is_asked() -> None:
    asked = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "yes"

    fleet = Fleet(Setting(environment={}, ask=ask), [])
    assert fleet._ask is not None and fleet._ask("first") == "yes"
    fleet.stop_asking()
    assert fleet._ask("second") is None and asked == ["first"]


def reach(fleet: Fleet, number: int = 0) -> HostTarget:
    return fleet.reach(fleet.hosts[number], OperationDeadline(fleet.clock, 5, 5, Cancel()))


def test_a_host_that_is_forgotten_is_let_go_of_and_reached_anew() -> None:
    closed: list[HostTarget] = []

    class Closing(MemoryTarget):
        def close(self) -> None:
            closed.append(self)

    fleet = Fleet(Setting(environment={}), hosts("a"), opener=lambda host: Closing([], host))
    first = reach(fleet)
    assert reach(fleet) is first
    fleet.forget("a")
    fleet.forget("a")
    fleet.forget("b")
    second = reach(fleet)
    assert second is not first and closed == [first]
    fleet.close()
    assert closed == [first, second]
    with pytest.raises(UnreachableError, match="irkit is ending"):
        reach(fleet)


def test_a_fleet_takes_in_the_hosts_of_another_and_why_they_are_left_out() -> None:
    place = Place()
    with place.fleet("a") as fleet:
        more = Fleet(place.setting(), hosts("a", "b", "c"), left_out={"c": "it has no address"})
        fleet.widen(more)
        assert [host.name for host in fleet.hosts] == ["a", "b", "c"] and reach(fleet, 1).host.name == "b"
        with pytest.raises(UnreachableError, match="it has no address") as caught:
            reach(fleet, 2)
        assert caught.value.state is HostState.LEFT_OUT
