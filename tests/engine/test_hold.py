"""Holding what a run contained: what is noticed, what is contained again, what undo makes of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from irkit.core.container import Container, RestartPolicy
from irkit.core.engine_event import UNREADABLE, WATCHING, EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import (
    Note,
    OperationStarted,
    RunFinished,
    TargetJoined,
    TargetRefused,
)
from irkit.core.finding import Hold
from irkit.core.operations import Connect, Disconnect, Kill, Operation, Pause, SetRestartPolicy, Start, Touch, Unpause
from irkit.core.ports import Deadline
from irkit.core.run import Run
from irkit.engine import hold_inbox, pace
from irkit.engine.pace import Pace
from tests.engine.holding import HeldRun, Unsteady, holding
from tests.engine.test_storage import FULL, FullStore
from tests.engine.world import PATIENCE, World, attachment, container, events_of, fail, standing, step, wait_for

CUT, FREEZE, END = step("isolate.disconnect"), step("contain.pause"), step("contain.kill")
POLICY = step("contain.restart_policy")
WEB = container().id
PAUSE = 1000.0
"""Seconds of a pause that is not over while a test runs."""
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}


def checks(run: Run) -> list[str]:
    """The kinds of what was noticed while holding, in order."""
    return [one.check for one in run.findings if one.check.startswith("hold.")]


def outcome(run: Run) -> str:
    return run.finished.outcome if run.finished else ""


def changes(held: HeldRun) -> list[Any]:
    """The changes that were begun, in order."""
    found = events_of(held.world.store, OperationStarted)
    return [one for one in found if isinstance(one, OperationStarted) and one.operation.touch is not Touch.READ]


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """No event is so late that it tells of its change a second time: each change has one, which is waited for."""
    monkeypatch.setattr(hold_inbox, "_MOMENT", PATIENCE)


def test_a_run_that_holds_goes_on_until_it_is_told_to_end_which_is_its_ordinary_end() -> None:
    world = World(container())
    with holding(world, CUT, FREEZE) as held:
        assert held.told[0].names == ("web",)
        assert not held.logged().finished
    run = held.logged()
    assert outcome(run) == "done" and run.is_clean
    assert checks(run) == []


def test_it_ends_by_itself_where_a_time_was_given() -> None:
    world = World(container())
    with holding(world, FREEZE, seconds=0.2):
        pass
    assert outcome(world.logged()) == "done"


def test_what_the_run_itself_does_is_no_break() -> None:
    world = World(container("web", attachment("shop", fixed_ipv4="172.20.0.2"), "bridge"))
    with holding(world, CUT, step("snapshot.commit"), FREEZE, POLICY) as held:
        time.sleep(0.3)  # several looks
    assert checks(held.logged()) == []


@pytest.mark.usefixtures("prompt")
@pytest.mark.parametrize(
    ("steps", "act", "again"),
    [
        ([FREEZE], Unpause(WEB), Pause),
        ([CUT], Connect(WEB, attachment("bridge")), Disconnect),
        ([END], Start(WEB), Kill),
        ([POLICY], SetRestartPolicy(WEB, RestartPolicy(name="always")), SetRestartPolicy),
    ],
)
def test_what_somebody_breaks_is_told_contained_again_and_undo_goes_back_to_what_was_found(
    steps: list[Any], act: Any, again: type[Operation]
) -> None:
    world = World(container(restart_policy=RestartPolicy(name="unless-stopped")))
    with holding(world, *steps) as held:
        contained = standing(held.now())
        held.host.act(act)
        broken = held.finding(Hold.BROKEN)
        held.finding(Hold.AGAIN)
        assert standing(held.now()) == contained
    run = held.logged()
    assert broken.container == container().key and broken.because
    assert run.is_clean and checks(run) == [Hold.BROKEN, Hold.AGAIN]
    first, second = changes(held)
    assert isinstance(second.operation, again) and first.undo and not second.undo
    world.undo(run)
    assert world.standing() == world.before


@pytest.mark.usefixtures("prompt")
def test_where_breaks_are_only_to_be_told_nothing_is_changed_and_the_run_is_not_clean() -> None:
    world = World(container())
    with holding(world, FREEZE, again=False) as held:
        held.host.act(Unpause(WEB))
        held.finding(Hold.BROKEN)
        time.sleep(0.2)
    run = held.logged()
    assert held.now().state == "running"
    assert outcome(run) == "done" and not run.is_clean and list(run.unheld) == [container().key]
    assert checks(run) == [Hold.BROKEN], "it is told once"


def test_a_break_that_somebody_mends_is_told_as_mended() -> None:
    world = World(container())
    with holding(world, FREEZE, again=False) as held:
        held.host.act(Unpause(WEB))
        held.finding(Hold.BROKEN)
        held.host.act(Pause(WEB))
        held.finding(Hold.AGAIN)
    assert held.logged().is_clean


def test_a_change_of_which_no_event_came_is_found_by_looking() -> None:
    world = World(container())
    with holding(world, FREEZE) as held:
        lost = world.memory["local"].events
        lost.lose("nobody listens")
        held.host.act(Unpause(WEB))
        held.finding(Hold.AGAIN)
    assert held.now().state == "paused"


def test_what_happened_while_the_events_were_lost_is_told_by_them_afterwards() -> None:
    world = World(container())
    with holding(world, CUT, every=60) as held:
        events = world.memory["local"].events
        events.lose("the engine is being restarted")
        held.host.act(Kill(WEB))
        held.host.act(Start(WEB))
        events.lose()
        told = held.finding(Hold.TOUCHED)
    assert any("start" in one for one in told.because)
    assert held.logged().is_clean, "a restart gives no network back"


def test_a_network_that_somebody_else_attached_is_cut_and_not_given_back() -> None:
    world = World(container("web", "shop"), container("db", "backdoor"))
    with holding(world, CUT) as held:
        held.host.act(Connect(WEB, attachment("backdoor")))
        held.finding(Hold.AGAIN, "web")
    run = held.logged()
    assert [one.network for one in held.now().attachments] == []
    world.undo(run)
    assert [one.network for one in held.now().attachments] == ["shop"]


def test_undo_gives_the_address_back_that_was_found_and_not_what_somebody_else_asked_for() -> None:
    found = attachment("shop", fixed_ipv4="172.20.0.2", aliases=("shop-web",))
    world = World(container("web", found))
    with holding(world, CUT) as held:
        held.host.act(Connect(WEB, attachment("shop", fixed_ipv4="172.20.0.99")))
        held.finding(Hold.AGAIN)
    world.undo(held.logged())
    (place,) = held.now().attachments
    assert (place.fixed_ipv4, place.aliases) == ("172.20.0.2", ("shop-web",))


def test_what_was_found_so_already_is_held_too_and_left_so_by_undo() -> None:
    world = World(container(state="paused"))
    with holding(world, FREEZE, CUT) as held:
        held.host.act(Unpause(WEB))
        held.finding(Hold.AGAIN)
    world.undo(held.logged())
    assert world.standing() == world.before
    assert held.now().state == "paused"


def test_a_container_that_ends_while_it_is_frozen_is_told_of_and_nothing_is_tried() -> None:
    world = World(container())
    with holding(world, FREEZE) as held:
        held.host.act(Kill(WEB))
        told = held.finding(Hold.TOUCHED)
    assert "exited" in told.summary
    assert held.logged().is_clean
    assert len(changes(held)) == 1


def test_a_container_that_is_removed_is_told_of_once() -> None:
    world = World(container())
    with holding(world, FREEZE) as held:
        held.host.vanish(WEB)
        told = held.finding(Hold.TOUCHED)
        time.sleep(0.2)
    assert "gone" in told.summary
    assert checks(held.logged()) == [Hold.TOUCHED]


def replaced(name: str, labels: dict[str, str]) -> Container:
    made = container(f"{name} made anew", "shop", labels=labels)
    return Container(**{**{key: getattr(made, key) for key in made.__struct_fields__}, "name": name})


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (COMPOSE, "shop-web-2"),
        ({"com.docker.swarm.service.id": "svc1"}, "web.1.xyz"),
        (
            {"io.kubernetes.pod.name": "web-7d4b9c8f6-x7k2p", "io.kubernetes.container.name": "web"},
            "k8s_web_web-7d4b9c8f6-x7k2p",
        ),
    ],
)
def test_what_takes_the_place_of_a_target_is_contained_under_its_own_id(labels: dict[str, str], name: str) -> None:
    world = World(container("web", "shop", labels=labels))
    successor = replaced(name, {**labels, "another": "label"})
    with holding(world, CUT, FREEZE) as held:
        held.host.vanish(WEB)
        held.host.appear(successor)
        joined: TargetJoined = held.wait_for(lambda event: isinstance(event, TargetJoined))
        held.finding(Hold.AGAIN, name)
        assert held.now(name).state == "paused" and held.now(name).attachments == ()
    run = held.logged()
    assert (joined.container.key, joined.replaces) == (successor.key, container().key)
    assert run.names[successor.key] == name
    assert run.is_clean
    mine = [one for one in changes(held) if one.container == successor.id]
    assert mine and all(one.undo for one in mine), "of this one the log knew no way back"
    world.undo(run)
    assert standing(held.now(name)) == standing(successor)


def test_one_with_the_name_of_a_target_that_was_removed_is_contained_too() -> None:
    world = World(container("web", "shop"))
    with holding(world, CUT) as held:
        held.host.vanish(WEB)
        held.host.appear(replaced("web", {}))
        held.finding(Hold.REPLACED, "web")
        held.finding(Hold.AGAIN, "web")
        assert held.now().attachments == ()


def test_a_container_that_was_there_before_the_run_replaces_nothing() -> None:
    world = World(container("web", "shop", labels=COMPOSE), container("other", "shop", labels=COMPOSE))
    with holding(world, CUT, only=("web",)) as held:
        held.host.act(Kill(container("other").id))
        held.host.act(Start(container("other").id))
        time.sleep(0.2)
    assert checks(held.logged()) == []
    assert held.now("other").attachments


def test_a_replacement_is_told_of_where_breaks_are_only_to_be_told() -> None:
    world = World(container("web", "shop", labels=COMPOSE))
    with holding(world, CUT, again=False) as held:
        held.host.appear(replaced("shop-web-2", COMPOSE))
        found = held.finding(Hold.REPLACED)
        time.sleep(0.2)
    run = held.logged()
    assert "Compose service shop/web" in found.summary
    assert checks(run) == [Hold.REPLACED] and not run.is_clean
    assert held.now("shop-web-2").attachments


def test_a_replacement_that_another_run_is_at_is_left_to_it() -> None:
    world = World(container("web", "shop", labels=COMPOSE))
    with holding(world, CUT, claim=lambda one: "another run is changing it now") as held:
        held.host.appear(replaced("shop-web-2", COMPOSE))
        held.wait_for(lambda event: isinstance(event, Note) and "another run" in event.text)
    assert held.now("shop-web-2").attachments and not held.logged().is_clean


def test_a_replacement_of_a_replacement_is_found_too() -> None:
    world = World(container("web", "shop", labels=COMPOSE))
    with holding(world, CUT) as held:
        for name in ("shop-web-2", "shop-web-3"):
            held.host.appear(replaced(name, COMPOSE))
            held.finding(Hold.AGAIN, name)
    assert held.logged().is_clean
    assert len(held.logged().joined) == 2


def test_what_goes_beyond_what_was_approved_is_refused() -> None:
    world = World(container("web", "shop", labels=COMPOSE))
    with holding(world, CUT, step("contain.kill", when='container.name != "web"')) as held:
        held.host.appear(replaced("shop-web-2", COMPOSE))
        refused: TargetRefused = held.wait_for(lambda event: isinstance(event, TargetRefused))
        held.finding(Hold.AGAIN, "shop-web-2")
    assert "goes beyond change" in refused.reason
    assert held.now("shop-web-2").state == "running" and not held.now("shop-web-2").attachments


def test_a_war_is_told_of_loudly_and_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(container())
    taken, is_over = list[bool](), threading.Event()
    wait, take = Pace.wait, Pace.take

    def note_and_take(one: Pace, now: float) -> bool:
        is_too_often = take(one, now)
        taken.append(is_too_often)
        return is_too_often

    monkeypatch.setattr(pace, "_FIRST_PAUSE", PAUSE)
    monkeypatch.setattr(Pace, "wait", lambda self, now: wait(self, now + PAUSE if is_over.is_set() else now))
    monkeypatch.setattr(Pace, "take", note_and_take)
    with holding(world, FREEZE, every=1) as held:
        times = 0
        while not any(taken):
            before = len(taken)
            held.host.act(Unpause(WEB))
            times += 1
            held.wait_until(lambda: any(taken) or (len(taken) > before and held.now().state == "paused"))  # noqa: B023
        assert 10 <= times <= 20  # what is heard of late counts too
        held.finding(Hold.CONTEST)
        with suppress(TargetError):  # what came last may be free still
            held.host.act(Unpause(WEB))
        time.sleep(0.3)
        assert held.now().state == "running", "it waits before the next time"
        is_over.set()
        held.wait_until(lambda: held.now().state == "paused")
    run = held.logged()
    assert run.is_clean and checks(run).count(Hold.CONTEST) == 1


def test_a_host_that_does_not_answer_is_told_of_and_looked_at_again_when_it_does() -> None:
    world = World(container())
    with holding(world, FREEZE) as held:
        held.lose("no route to host")
        told = held.finding(Hold.UNSEEN)
        assert told.because == ("no route to host",)
        held.lose("")
        held.finding(Hold.SEEN)
        held.host.act(Unpause(WEB))
        held.finding(Hold.AGAIN)
    assert held.logged().is_clean


def test_a_host_that_is_not_back_at_the_end_leaves_the_run_unclean() -> None:
    world = World(container())
    with holding(world, FREEZE) as held:
        held.lose("no route to host")
        held.finding(Hold.UNSEEN)
    run = held.logged()
    assert outcome(run) == "done" and list(run.unheld) == ["local"] and not run.is_clean


def test_nothing_is_held_where_nothing_was_contained() -> None:
    world = World(container(state="exited"))
    with holding(world, FREEZE, holds=False):
        pass
    (note,) = [one for one in events_of(world.store, Note) if isinstance(one, Note)]
    assert "nothing is held" in note.text and outcome(world.logged()) == "done"


def test_a_second_interrupt_ends_it_at_once_and_says_so() -> None:
    world = World(container())
    with holding(world, FREEZE) as held:
        held.runner.interrupt("SIGINT", at_once=True)
    assert outcome(held.logged()) == "interrupted"


def test_numbers_of_tasks_are_used_once() -> None:
    world = World(container(), container("db"))
    with holding(world, CUT, FREEZE) as held:
        for name in ("web", "db"):
            held.host.act(Unpause(container(name).id))
            held.finding(Hold.AGAIN, name)
    places = [(one.task, one.number, one.attempt) for one in changes(held)]
    assert len(places) == len(set(places))


def test_a_disk_that_is_full_ends_the_hold_and_what_was_contained_is_taken_back_from_its_log() -> None:
    world, store = World(container()), FullStore()
    with holding(world, FREEZE, store=store) as held:
        store.room["records"] = 0
        held.host.act(Unpause(WEB))
        held.wait_for(lambda event: isinstance(event, RunFinished))
    run = held.logged()
    assert run.finished and (run.finished.outcome, run.finished.reason) == ("failed", FULL)
    world.undo(run)
    assert world.standing() == world.before


def test_two_that_are_broken_at_once_are_both_contained_again() -> None:
    names = [f"web-{number}" for number in range(12)]
    world = World(*(container(name) for name in names))
    with holding(world, FREEZE) as held:
        for name in names:
            held.host.act(Unpause(container(name).id))
        held.wait_until(lambda: all(one.state == "paused" for one in world.containers.values()))
    run = held.logged()
    assert run.is_clean and len([one for one in checks(run) if one == Hold.AGAIN]) == len(names)
    world.undo(run)
    assert world.standing() == world.before


def test_one_that_is_hard_to_contain_keeps_no_other_waiting() -> None:
    world = World(container(), container("db"))
    begun, go_on = threading.Event(), threading.Event()

    def wait(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Pause) and operation.subject == WEB and not go_on.is_set():
            begun.set()
            wait_for(go_on, deadline)

    with holding(world, FREEZE) as held:
        held.unsteady.before = wait
        held.host.act(Unpause(WEB))
        held.finding(Hold.BROKEN, "web")
        assert begun.wait(PATIENCE)
        held.host.act(Unpause(container("db").id))
        held.finding(Hold.AGAIN, "db")
        assert held.now().state == "running"
        go_on.set()
        held.finding(Hold.AGAIN, "web")
    assert held.logged().is_clean


def test_an_end_waits_for_a_containment_under_way_and_counts_it() -> None:
    world = World(container())
    begun, go_on = threading.Event(), threading.Event()

    def wait(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Pause) and operation.subject == WEB:
            begun.set()
            wait_for(go_on, deadline)

    with holding(world, FREEZE) as held:
        held.unsteady.before = wait
        held.host.act(Unpause(WEB))
        assert begun.wait(PATIENCE)
        held.runner.interrupt("Ctrl-C")
        go_on.set()
    run = held.logged()
    assert outcome(run) == "done" and run.is_clean and held.now().state == "paused"


def test_what_cannot_be_contained_again_is_told_and_tried_later() -> None:
    world = World(container())
    with holding(world, FREEZE) as held:
        held.unsteady.before = fail(Pause, TargetError("the engine says: not now", Refusal.REFUSED))
        held.host.act(Unpause(WEB))
        told = held.finding(Hold.BROKEN)
        told = held.finding(Hold.BROKEN)
        assert "could not be contained again" in told.summary
        held.unsteady.before = None
        held.finding(Hold.AGAIN)
    run = held.logged()
    assert not run.unheld and run.failures and not run.is_clean


class Mumbling(Unsteady):
    """A target whose engine tells of what happens in a way that cannot be read."""

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        for event in super().watch(since, deadline):
            is_plain = event.kind == WATCHING
            yield event if is_plain else EngineEvent(at=event.at, kind=UNREADABLE, action="it is no event")


def test_an_event_that_cannot_be_read_is_told_of_once_and_all_is_looked_at() -> None:
    world = World(container())
    with holding(world, FREEZE, every=60, target=Mumbling) as held:
        for _ in range(2):
            held.host.act(Unpause(WEB))
            held.finding(Hold.AGAIN)
    notes = [one for one in events_of(world.store, Note) if isinstance(one, Note) and "cannot be read" in one.text]
    assert len(notes) == 1 and held.logged().is_clean
