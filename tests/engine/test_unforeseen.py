"""A bug in one piece of work: that piece fails with a reason, it is on record where, and all others go on."""

from collections.abc import Iterator
from typing import Any

import pytest

from irkit.core.container import Container, Summary
from irkit.core.engine_event import EngineEvent
from irkit.core.errors import StorageError
from irkit.core.events import BugMet
from irkit.core.finding import Hold
from irkit.core.kernel import KernelFacts
from irkit.core.operations import Disconnect, Inspect, Operation, Pause, Unpause
from irkit.core.plan import Task
from irkit.core.ports import Deadline
from irkit.core.run import IN_DOUBT, Run
from irkit.engine.comparison import Comparison
from irkit.engine.runner import Limits
from irkit.engine.schedule import Schedule
from irkit.engine.unforeseen import bug_met, reason_of, shield
from tests.engine.holding import HeldRun, Unsteady, holding
from tests.engine.world import CONTAIN, Hooked, World, container, events_of, fail, hook, step

SECRET = "hunter2"
FREEZE = step("contain.pause")
WEB, DB = container(), container("db")


def raise_it(error: Exception) -> Any:
    raise error


def test_an_exception_becomes_what_is_made_of_it_and_a_full_disk_stays_one() -> None:
    assert shield(lambda: 1, lambda _: 2) == 1
    assert shield(lambda: raise_it(IndexError()), lambda _: 2) == 2
    with pytest.raises(StorageError):
        shield(lambda: raise_it(StorageError("no space left")), lambda _: 2)
    with pytest.raises(KeyboardInterrupt):
        shield(lambda: raise_it(KeyboardInterrupt()), lambda _: 2)  # type: ignore[arg-type]


def test_what_is_told_of_it_says_where_in_the_code_and_no_value() -> None:
    try:
        try:
            dict[str, str]()[SECRET]
        except KeyError as error:
            raise ValueError(SECRET) from error
    except ValueError as error:
        told, reason = bug_met(error, "look at it", host="h", container="h/c"), reason_of(error)
    assert (told.error, told.host, told.container) == ("ValueError", "h", "h/c")
    assert [line for line in told.trace if "line" not in line] == ["builtins.ValueError", "builtins.KeyError"]
    assert any(line.startswith("engine/test_unforeseen.py, line ") for line in told.trace)
    assert SECRET not in str(told) + reason and "ValueError" in reason and "\n" not in reason


def test_what_recurses_without_end_is_told_of_in_a_few_lines() -> None:
    def recurse() -> None:
        recurse()

    try:
        recurse()
    except RecursionError as error:
        assert len(bug_met(error, "look", host="h").trace) <= 40


# In an operation --------------------------------------------------------------------------------------------------


class Blind(Hooked):
    """A target of which the looks that are named break off, for one container."""

    def __init__(self, world: World, *which: str, name: str = "web", after: int = 0) -> None:
        super().__init__(world.memory["local"])
        self.which, self.subject, self.after_so_many = which, container(name).id, after
        self.looks = 0

    def _look(self, which: str, subject: str) -> None:
        if which in self.which and subject == self.subject:
            self.looks += 1
            if self.looks > self.after_so_many:
                raise IndexError(SECRET)

    def examine(self, container: str, deadline: Deadline) -> Container:
        self._look("examine", container)
        return super().examine(container, deadline)

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        self._look("see_kernel", container.id)
        return super().see_kernel(container, deadline)


def bugs(world: World) -> list[BugMet]:
    return [one for one in events_of(world.store, BugMet) if isinstance(one, BugMet)]


def failed(run: Run) -> list[tuple[str, str, str]]:
    return [(type(one.started.operation).__name__, one.took_hold, one.reason) for one in run.failures]


def test_a_bug_in_a_change_fails_that_change_alone_and_the_run_comes_to_its_end() -> None:
    world = World(WEB, DB)
    hook(world, fail(Disconnect, ZeroDivisionError(SECRET), "web"))
    run = world.run(world.plan(*CONTAIN), limits=Limits(parallel=2, bulk=1))
    assert world.containers["db"].state == "paused"
    assert world.containers["web"].state == "running", "what comes after a step that failed is not done"
    assert failed(run) == [("Disconnect", IN_DOUBT, "a bug in irkit (ZeroDivisionError): the run log says where")]
    assert run.finished and run.finished.outcome == "done" and not run.is_clean
    (bug,) = bugs(world)
    assert (bug.error, bug.container) == ("ZeroDivisionError", WEB.key)
    assert any("engine/operation_run.py" in line for line in bug.trace) and SECRET not in str(world.store.records)
    world.undo(run)
    assert world.standing() == world.before


def test_a_bug_in_every_operation_does_not_leave_the_run_hanging() -> None:
    world = World(*(container(f"c{number}") for number in range(10)))
    hook(world, fail(Operation, ZeroDivisionError("a bug")))
    run = world.run(world.plan(*CONTAIN), limits=Limits(parallel=1, bulk=1))
    assert run.finished and not run.is_clean
    assert {one.reason for one in run.failures} == {reason_of(ZeroDivisionError())}


def test_a_bug_in_the_look_at_the_kernel_before_a_change_does_not_keep_it_from_being_made() -> None:
    world = World(WEB)
    world.targets["local"] = Blind(world, "see_kernel")
    run = world.run(world.plan(step("isolate.disconnect")))
    assert world.containers["web"].attachments == ()
    assert [name for name, _, _ in failed(run)] == ["Disconnect"], "that it took hold could not be seen"
    assert len(bugs(world)) == 2 and not run.is_clean
    world.undo(run)
    assert world.standing() == world.before


def test_a_bug_in_the_look_at_the_kernel_after_a_change_is_a_change_that_is_in_doubt() -> None:
    world = World(WEB, DB)
    world.targets["local"] = Blind(world, "see_kernel", after=1)
    run = world.run(world.plan(step("isolate.disconnect")))
    assert failed(run) == [("Disconnect", IN_DOUBT, reason_of(IndexError()))]
    assert world.containers["db"].attachments == ()


def test_a_bug_before_anything_is_sent_is_a_change_that_did_not_take_hold() -> None:
    world = World(WEB, DB)
    world.targets["local"] = Blind(world, "examine")
    run = world.run(world.plan(FREEZE))
    assert failed(run) == [("Pause", "no", reason_of(IndexError()))]
    assert world.containers["db"].state == "paused"
    assert run.undo_operations() == [("local", DB.id, Unpause(DB.id))]


def test_evidence_that_was_taken_in_by_then_is_kept_as_partial() -> None:
    world = World(WEB)

    class Garbling(Hooked):
        def apply(self, operation: Operation, intake: Any, deadline: Deadline) -> Any:
            if isinstance(operation, Inspect):
                intake.open("half.json", source="x").write(b"{")
                raise IndexError
            return super().apply(operation, intake, deadline)

    world.targets["local"] = Garbling(world.memory["local"])
    run = world.run(world.plan(step("collect.inspect")))
    (half,) = [one for one in run.evidence if one.partial]
    assert half.partial == reason_of(IndexError())


def test_a_bug_beside_the_operations_of_a_step_ends_that_step_alone() -> None:
    world = World(WEB, DB)
    plan = world.plan(FREEZE, step("contain.kill"))

    class Odd(dict[str, Any]):
        is_odd = True

        def __getitem__(self, name: str) -> Any:
            if self.is_odd and any(one.state == "paused" for one in world.containers.values()):
                self.is_odd = False
                raise LookupError(SECRET)
            return super().__getitem__(name)

    world.targets = Odd(world.targets)
    run = world.run(plan, limits=Limits(parallel=1, bulk=1))
    (bug,) = bugs(world)
    assert "carry out step" in bug.work and run.finished and not run.is_clean
    ended = [one.key for one in world.containers.values() if one.state == "exited"]
    assert len(ended) == 1 and bug.container not in ended


def test_a_bug_in_handing_out_the_tasks_of_a_host_leaves_the_other_hosts_work_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(WEB, container("far", host="far"))
    whole = Schedule.take

    def take(self: Schedule) -> Task | None:
        if any(task.host == "far" for _, _, task in self._quick):
            raise LookupError(SECRET)
        return whole(self)

    monkeypatch.setattr(Schedule, "take", take)
    run = world.run(world.plan(FREEZE))
    assert world.containers["web"].state == "paused"
    assert run.finished and {one.host for one in run.bugs} == {"far"} and not run.is_clean


def test_a_bug_at_the_end_of_an_undo_leaves_it_done(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(WEB)
    run = world.run(world.plan(FREEZE))
    monkeypatch.setattr(Comparison, "findings", lambda *_: raise_it(IndexError(SECRET)))
    undone = world.undo(run)
    assert world.containers["web"].state == "running"
    assert undone.finished and [one.work for one in undone.bugs] == ["compare what is with what was found"]


# While it holds ---------------------------------------------------------------------------------------------------


class Garbled(Unsteady):
    """A target of which one container, its list, or its events, cannot be read for a bug."""

    container = what = ""

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        if self.what == "list":
            raise IndexError(SECRET)
        return super().list_containers(deadline)

    def examine(self, container: str, deadline: Deadline) -> Container:
        if container == self.container:
            raise IndexError(SECRET)
        return super().examine(container, deadline)

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        if self.what == "events":
            raise IndexError(SECRET)
        return super().watch(since, deadline)


def garbled(held: HeldRun) -> Garbled:
    found = held.unsteady
    assert isinstance(found, Garbled)
    return found


def test_a_bug_in_the_look_at_one_container_that_is_held_leaves_the_others_held() -> None:
    world = World(WEB, DB)
    with holding(world, FREEZE, target=Garbled) as held:
        garbled(held).container = WEB.id
        told = held.finding(Hold.UNSEEN, "web")
        held.host.act(Unpause(DB.id))
        held.finding(Hold.AGAIN, "db")
        assert held.now("db").state == "paused"
    run = held.logged()
    assert run.finished and run.finished.outcome == "done" and not run.is_clean
    assert list(run.unheld) == [WEB.key] and "a bug in irkit (IndexError)" in told.summary
    (bug,) = bugs(world)
    assert (bug.error, bug.container) == ("IndexError", WEB.key)
    assert any("engine/keeper.py" in line for line in bug.trace) and SECRET not in str(world.store.records)


def test_a_container_that_can_be_looked_at_again_is_held_again_and_the_bug_stays_on_record() -> None:
    world = World(WEB)
    with holding(world, FREEZE, target=Garbled) as held:
        garbled(held).container = WEB.id
        held.finding(Hold.UNSEEN)
        held.host.act(Unpause(WEB.id))
        garbled(held).container = ""
        held.finding(Hold.AGAIN)
        held.finding(Hold.SEEN)
        assert held.now().state == "paused"
    run = held.logged()
    assert not run.unheld and run.bugs and not run.is_clean


def test_what_is_broken_still_when_it_can_be_looked_at_again_is_told_once_more() -> None:
    world = World(WEB)
    with holding(world, FREEZE, target=Garbled, again=False) as held:
        garbled(held).container = WEB.id
        held.finding(Hold.UNSEEN)
        held.host.act(Unpause(WEB.id))
        garbled(held).container = ""
        held.finding(Hold.SEEN)
        held.finding(Hold.BROKEN)
    assert held.logged().unheld[WEB.key].check == Hold.BROKEN


@pytest.mark.parametrize("what", ["list", "events"])
def test_a_bug_in_the_look_at_a_host_is_told_once_and_its_containers_are_held_on(what: str) -> None:
    world = World(WEB)
    with holding(world, FREEZE, target=Garbled) as held:
        garbled(held).what = what
        held.host.events.lose()
        held.wait_for(lambda event: isinstance(event, BugMet))
        for _ in range(2):
            held.host.act(Unpause(WEB.id))
            held.finding(Hold.AGAIN)
    run = held.logged()
    assert run.finished and run.finished.outcome == "done" and not run.is_clean
    assert len(run.bugs) == 1 and run.bugs[0].host == "local"


def test_a_bug_while_it_is_contained_again_is_tried_again_later() -> None:
    world = World(WEB)
    with holding(world, FREEZE) as held:
        held.unsteady.before = fail(Pause, IndexError())
        held.host.act(Unpause(WEB.id))
        held.finding(Hold.BROKEN)
        assert "could not be contained again" in held.finding(Hold.BROKEN).summary
        held.unsteady.before = None
        held.finding(Hold.AGAIN)
    assert held.logged().bugs
