"""One operation: facts before it, the way back, the request, the proof, and trying again."""

import threading

import msgspec
import pytest

from irkit.adapters.faulty_target import FaultyTarget
from irkit.core.container import Container, RestartPolicy
from irkit.core.container import Limits as Allowance
from irkit.core.containment import containments
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import FindingRaised, OperationFailed, OperationFinished, OperationStarted
from irkit.core.finding import Compared, Finding, Severity
from irkit.core.kernel import KernelFacts
from irkit.core.operations import (
    BlockTraffic,
    Disconnect,
    ListProcesses,
    Operation,
    Pause,
    ReadLogs,
    SeeIsolated,
    UnblockTraffic,
)
from irkit.core.playbook import Step
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.core.proof import Proof
from irkit.core.run import Run
from irkit.engine.runner import Limits
from irkit.engine.undo import outstanding
from tests.engine.guard import within
from tests.engine.world import (
    CONTAIN,
    LOST,
    PATIENCE,
    Hooked,
    World,
    container,
    events_of,
    fail,
    failures,
    hook,
    skips,
    step,
    wait_for,
)


def test_the_way_back_is_worked_out_from_facts_of_that_moment_and_logged_before_the_act() -> None:
    world = World(container("web", "front"))
    plan = world.plan(step("contain.restart_policy"))
    later = container("web", "front", restart_policy=RestartPolicy(name="always"))
    world.memory["local"].containers[later.id] = later
    (change,) = world.run(plan).changes
    assert [operation.text() for operation in change.started.undo] == ["set restart policy always"]


def test_every_change_is_proven_by_facts_and_a_read_is_not() -> None:
    world = World(container())
    run = world.run(world.plan(*CONTAIN))
    proofs = {one.started.operation.text(): one.proof for one in run.operations if one.started.container}
    assert proofs == {
        "read processes from the host's /proc": "",
        "list processes": "",
        "disconnect from network bridge": "proven",
        "pause": "proven",
    }


def test_a_change_that_was_answered_and_did_not_happen_is_a_failure() -> None:
    world = World(container("web", "front"))
    memory = world.memory["local"]
    before = dict(memory.containers)
    hook(world, after=lambda operation, _: memory.containers.update(before))
    run = world.run(world.plan(*CONTAIN))
    (failure,) = run.failures
    assert failure.reason == "NOT isolated: it is still attached to network front"
    assert failure.took_hold == "in doubt"
    assert skips(world) == {"pause": "not done, as step 'disconnect' failed"}


def test_a_change_that_cannot_be_verified_is_in_doubt() -> None:
    class Blind(Hooked):
        looks = 0

        def examine(self, container: str, deadline: Deadline) -> Container:
            self.looks += 1
            if self.looks == 2:
                raise LOST
            return super().examine(container, deadline)

    world = World(container())
    world.targets["local"] = Blind(world.memory["local"])
    run = world.run(world.plan(step("contain.pause")))
    (failure,) = run.failures
    assert failure.reason == "it could not be verified: the connection ended"
    assert failure.is_change


def test_what_does_not_apply_any_more_is_skipped_and_no_failure() -> None:
    world = World(container("web", "front"))
    plan = world.plan(*CONTAIN)
    world.run(plan)
    run = world.run(plan)
    assert run.is_clean
    assert run.changes == []
    assert [one.reason for one in run.inapplicable] == ["it is not attached to network front", "it is paused"]


def test_a_cut_that_somebody_else_made_is_no_isolation_where_they_attached_another_network() -> None:
    world = World(container("web", "front"))
    plan = world.plan(*CONTAIN)
    memory = world.memory["local"]
    web = world.containers["web"]
    memory.networks.add("back")
    moved = msgspec.structs.replace(web, attachments=(msgspec.structs.replace(web.attachments[0], network="back"),))
    memory.containers[web.id] = moved
    run = world.run(plan)
    (failure,) = run.failures
    assert failure.reason == "NOT isolated: it was attached to back since the plan was made"
    assert failure.took_hold == "no" and outstanding(run, []) == []
    assert skips(world) == {"pause": "not done, as step 'disconnect' failed"}


# Tried again -----------------------------------------------------------------------------------------------------


def test_a_read_that_failed_is_tried_again_as_often_as_the_step_says() -> None:
    world = World(container())
    hook(world, fail(ReadLogs, LOST))
    run = world.run(world.plan(step("collect.logs", retries=2)))
    failed = [one for one in events_of(world.store, OperationFailed) if isinstance(one, OperationFailed)]
    assert [(one.attempt, one.final) for one in failed] == [(1, False), (2, False), (3, True)]
    assert len(run.failures) == 1


def test_a_read_that_works_the_second_time_is_no_failure() -> None:
    world = World(container())
    world.targets["local"] = FaultyTarget(world.memory["local"], dict.fromkeys((1, 3, 5, 7), (LOST, "before")))
    run = world.run(world.plan(step("collect.logs", retries=5)), limits=Limits(parallel=1, bulk=1))
    assert [one for one in run.failures if one.started.step == "logs"] == []


def test_a_change_whose_answer_was_lost_counts_as_done_where_the_facts_say_so() -> None:
    world = World(container())
    hook(world, after=fail(Pause, LOST))
    run = world.run(world.plan(step("contain.pause", retries=3)))
    assert run.is_clean
    (change,) = run.changes
    assert (change.state, change.proof, change.started.attempt) == ("finished", "proven", 1)
    assert "its answer was lost" in change.detail


def test_a_change_that_may_still_take_hold_is_not_tried_again() -> None:
    world = World(container())
    hook(world, fail(Pause, LOST))
    run = world.run(world.plan(step("contain.pause", retries=3)))
    (failure,) = run.failures
    assert (failure.started.attempt, failure.took_hold) == (1, "in doubt")


def test_a_change_that_certainly_did_nothing_is_tried_again() -> None:
    world = World(container())
    tries: list[int] = []

    def refuse_once(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Pause):
            tries.append(1)
            if len(tries) == 1:
                raise TargetError("busy", Refusal.REFUSED)

    hook(world, refuse_once)
    run = world.run(world.plan(step("contain.pause", retries=1)))
    assert run.is_clean
    assert world.containers["web"].state == "paused"


@pytest.mark.parametrize("kind", [Refusal.UNSUPPORTED, Refusal.CANCELLED])
def test_what_cannot_work_is_not_tried_again(kind: Refusal) -> None:
    world = World(container())
    hook(world, fail(ReadLogs, TargetError("no", kind)))
    run = world.run(world.plan(step("collect.logs", retries=3)))
    assert [one.started.attempt for one in run.failures] == [1]


def test_an_interrupt_at_once_gives_up_on_changes_and_leaves_them_in_doubt() -> None:
    world = World(container())
    changing = threading.Event()

    def block(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, Pause):
            changing.set()
            wait_for(threading.Event(), deadline)

    hook(world, block)
    runner = world.runner()

    def run() -> None:
        for record in runner.execute(world.plan(step("contain.pause"))):
            if isinstance(record.event, OperationStarted) and isinstance(record.event.operation, Pause):
                assert changing.wait(PATIENCE)
                runner.interrupt(at_once=True)

    within(PATIENCE, run)
    (failure,) = failures(world.logged())
    assert failure.took_hold == "in doubt"


def test_an_attempt_that_the_end_of_the_run_forestalls_leaves_the_failure_standing() -> None:
    world = World(container())
    runner = world.runner()

    def fail_and_interrupt(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, ReadLogs):
            runner.interrupt()
            raise LOST

    hook(world, fail_and_interrupt)
    within(PATIENCE, lambda: list(runner.execute(world.plan(step("collect.logs", retries=2)))))
    assert [one.started.operation for one in failures(world.logged())] == [ReadLogs(container().id)]


# How sure it is ---------------------------------------------------------------------------------------------------


class Kernel(Hooked):
    """A target whose host's kernel shows what the test says, or cannot be asked."""

    shows: KernelFacts | TargetError | None = None

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        if isinstance(self.shows, TargetError):
            raise self.shows
        return self.shows


def looked_at(shows: KernelFacts | TargetError | None, *steps: Step) -> Run:
    """A run on a container on network front, where the kernel shows this."""
    world = World(container("web", "front"))
    target = Kernel(world.memory["local"])
    target.shows = shows
    world.targets["local"] = target
    return world.run(world.plan(*steps or (step("isolate.disconnect"),)))


GIVEN = KernelFacts(alive=True, interfaces=("evil0",), addresses=("192.0.2.9",), places={"192.0.2.9": "evil0"})


def test_what_the_kernel_shows_against_the_engine_fails_the_operation_and_what_follows() -> None:
    run = looked_at(GIVEN, *CONTAIN)
    (failure,) = run.failures
    said = "its network namespace has 192.0.2.9 on evil0, which the engine does not know of"
    assert failure.reason == f"NOT isolated: {said}"
    assert (failure.took_hold, failure.proof) == ("in doubt", "")
    assert [one.operation.text() for one in run.left_out] == ["pause"]
    assert not run.is_clean
    assert [operation.text() for _, _, operation in run.undo_operations()] == ["connect to network front"]


def test_one_that_was_disconnected_meanwhile_is_looked_at_all_the_same() -> None:
    world = World(container("web", "front"))
    plan = world.plan(step("isolate.disconnect"))
    target = Kernel(world.memory["local"])
    target.shows = KernelFacts(alive=True, interfaces=("x0",))
    world.targets["local"] = target
    web = next(iter(world.memory["local"].containers))
    world.memory["local"].act(Disconnect(web, "front"))
    (failure,) = world.run(plan).failures
    assert failure.reason == "NOT isolated: its network namespace has interface x0, which the engine does not know of"


@pytest.mark.parametrize("place", ["none", "front"])
def test_one_that_the_engine_has_on_no_network_is_looked_at_and_not_changed(place: str) -> None:
    found = container("web", place)
    world = World(found if place == "none" else msgspec.structs.replace(found, attachments=()))
    plan = world.plan(step("isolate.disconnect"))
    target = Kernel(world.memory["local"])
    world.targets["local"] = target
    target.shows = KernelFacts(alive=True, interfaces=("x0",))
    run = world.run(plan)
    (failure,) = run.failures
    assert failure.reason == "NOT isolated: its network namespace has interface x0, which the engine does not know of"
    assert (failure.took_hold, run.changes, run.undo_operations(), run.is_clean) == ("no", [], [], False)
    (told,) = containments(run)
    assert told.not_isolated == "its network namespace has interface x0, which the engine does not know of"
    for shows, level in ((KernelFacts(alive=True), "proven"), (None, "asserted by the engine only")):
        target.shows = shows
        run = world.run(plan)
        assert run.is_clean and not run.changes
        assert [one.proof for one in run.operations if isinstance(one.started.operation, SeeIsolated)] == [level]


@pytest.mark.parametrize("shows", [None, KernelFacts(alive=False), LOST, TargetError("no", Refusal.UNSUPPORTED)])
def test_a_kernel_that_cannot_be_looked_at_proves_nothing_and_ends_nothing(
    shows: KernelFacts | TargetError | None,
) -> None:
    run = looked_at(shows)
    assert run.is_clean
    assert [one.proof for one in run.changes] == ["asserted by the engine only"]


def test_the_facts_that_a_proof_rests_on_are_logged() -> None:
    world = World(container("web", "front"))
    (change,) = world.run(world.plan(step("isolate.disconnect"))).changes
    assert (change.proof, change.because) == ("proven", "its network namespace has no interface but the loopback")


class Answering(Hooked):
    """A target that says of what it carries out how sure it is."""

    proof = Proof.wrong("NOT isolated: the rules are not there")

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        super().apply(operation, intake, deadline)
        return Outcome(proof=self.proof)


def test_what_a_target_has_read_back_fails_an_operation_too() -> None:
    world = World(container("web", "front"))
    target = Answering(world.memory["local"])
    world.targets["local"] = target
    run = world.run(world.plan(step("isolate.quarantine", reach="nothing")))
    (failure,) = run.failures
    assert failure.started.operation.text().startswith("make internal network")
    assert failure.reason == "NOT isolated: the rules are not there"
    assert world.containers["web"].attachment("front") is not None


def test_what_only_the_target_can_read_back_is_logged_as_its_proof() -> None:
    world = World(container("web", "front"))
    (change,) = world.run(world.plan(step("isolate.firewall"))).changes
    assert (change.proof, change.because) == ("proven", "the rules were listed back")


def test_a_change_that_facts_do_not_show_is_in_doubt_where_its_answer_was_lost() -> None:
    world = World(container("web", "front"))
    hook(world, after=fail(BlockTraffic, LOST))
    run = world.run(world.plan(step("isolate.firewall")))
    (failure,) = run.failures
    assert failure.took_hold == "in doubt"
    assert [type(operation) for _, _, operation in run.undo_operations()] == [UnblockTraffic]


def test_what_a_target_has_read_back_does_not_outweigh_what_the_engine_says() -> None:
    world = World(container("web", "front"))
    memory = world.memory["local"]
    before = dict(memory.containers)
    target = Answering(memory, after=lambda operation, _: memory.containers.update(before))
    target.proof = Proof.proven("it told me so")
    world.targets["local"] = target
    (failure,) = world.run(world.plan(step("isolate.disconnect"))).failures
    assert failure.reason == "NOT isolated: it is still attached to network front"


def test_a_quarantine_is_proven_and_taken_back_to_the_last_network() -> None:
    world = World(container("web", "back", "front"))
    run = world.run(world.plan(step("isolate.quarantine")))
    assert run.is_clean
    proofs = [(one.started.operation.text(), one.proof) for one in run.changes]
    name = f"irkit-run1-{container('web').id[:12]}"
    assert proofs == [
        (f"make internal network {name}", "asserted by the engine only"),
        ("drop all traffic between its network and the host (runs nft or iptables as root on the host)", "proven"),
        ("disconnect from network back", "proven"),
        ("disconnect from network front", "proven"),
        (f"connect to network {name}", "proven"),
    ]
    assert [one.network for one in world.containers["web"].attachments] == [name]
    assert world.undo(run).is_clean
    memory = world.memory["local"]
    assert world.standing() == world.before
    assert name not in memory.networks and not any(memory.isolation.tables.values())


def test_of_a_container_that_is_gone_nothing_is_left_on_its_host() -> None:
    world = World(container("web", "front"), container("db", "front"))
    run = world.run(world.plan(step("isolate.quarantine")))
    memory, gone = world.memory["local"], container("web").id
    assert len(memory.isolation.made) == 2
    del memory.containers[gone]
    undo = world.undo(run)
    assert [one.reason for one in undo.refused] == ["it is gone"]
    mine = [one for one in undo.operations if one.started.container == gone]
    assert [(one.started.operation.text().partition(" ")[0], one.state) for one in mine] == [
        ("let", "finished"),
        ("remove", "finished"),
    ]
    assert memory.isolation.made == {} and not any(memory.isolation.tables.values())
    assert world.standing()["db"] == world.before["db"]


def test_limits_are_set_and_taken_back() -> None:
    limits = Allowance(memory=200 << 20, memory_swap=400 << 20, cpu_quota=50_000)
    world = World(container("web", "front", limits=limits), container("db", "front"))
    run = world.run(world.plan(step("contain.limit", cpus="0.1", memory="64MiB", pids=20)))
    assert run.is_clean
    wanted = {"web": 400 << 20, "db": 128 << 20}
    for name, one in world.containers.items():
        assert one.limits == Allowance(cpu_quota=10_000, memory=64 << 20, memory_swap=wanted[name], pids=20)
    assert world.undo(run).is_clean
    assert world.standing() == world.before


class Noticing(Hooked):
    """A target that notices something while it answers."""

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        super().apply(operation, intake, deadline)
        finding = Finding(check=Compared.JOINED, severity=Severity.MEDIUM, summary="one joined", because=("9 (nc)",))
        return Outcome(findings=(finding,) if isinstance(operation, ListProcesses) else ())


def test_what_a_target_notices_is_logged_as_a_finding_of_its_container_once_the_operation_has_ended() -> None:
    world = World(container("web"))
    plan = world.plan(step("collect.processes"))
    world.targets["local"] = Noticing(world.targets["local"])
    run = world.run(plan)
    (found,) = [one for one in run.findings if one.check == Compared.JOINED]
    assert (found.host, found.container, found.because) == ("local", container("web").key, ("9 (nc)",))
    events = [one.event for one in world.store.records]
    before = events[events.index(FindingRaised(finding=found)) - 1]
    assert isinstance(before, OperationFinished) and before.container == container("web").id and run.is_clean
