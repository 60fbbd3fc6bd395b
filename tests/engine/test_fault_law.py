"""The law: whatever call fails, however, the log alone is enough to put everything back as it was.

In the manner of SQLite's ioerr tests: for call n = 1, 2, 3 ... the fault comes before the call took hold, and after.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irkit.adapters.faulty_target import FaultyTarget
from irkit.adapters.memory_store import MemoryStore
from irkit.core.container import Attachment, RestartPolicy
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import Disconnect, Operation
from irkit.core.ports import Deadline
from irkit.core.run import Run
from irkit.engine.runner import Limits
from irkit.engine.undo import outstanding
from tests.engine.guard import within
from tests.engine.world import PATIENCE, Hooked, World, attachment, container, step
from tests.soak import often

ALWAYS = RestartPolicy(name="always")
STEPS = (
    step("collect.processes"),
    step("contain.restart_policy"),
    step("isolate.disconnect"),
    step("contain.pause"),
    step("collect.logs"),
    step("contain.stop"),
)
ONE_AT_A_TIME = Limits(1, 1)
WORKS_OUT = tuple(kind for kind in Refusal if not TargetError("", kind).is_final)
"""What leaves open whether a request took hold; the others say that it did not, and are not believed after it did."""


class Crash(BaseException):
    """The process is killed within the call."""


def suspects() -> World:
    fixed = attachment("front", fixed_ipv4="10.1.0.5", aliases=("web",))
    web = container("web", fixed, "back", network_mode="front", restart_policy=ALWAYS)
    return World(web, container("cold", "back", state="paused"))


def run_through(world: World, plan: Any, faults: dict[int, tuple[BaseException, str]]) -> tuple[Run, int]:
    """Run a plan with faults, to its end or its crash; what the log says, and how many calls there were."""
    faulty = FaultyTarget(world.memory["local"], faults)
    world.targets["local"] = faulty
    runner = world.runner(limits=ONE_AT_A_TIME)
    try:
        within(PATIENCE, lambda: list(runner.execute(plan)))
    except Crash:
        assert any(isinstance(error, Crash) for error, _ in faults.values())
    world.targets["local"] = world.memory["local"]
    return world.logged(), faulty.calls


def calls_of(world: World, plan: Any) -> int:
    return run_through(world, plan, {})[1]


CALLS = calls_of(suspects(), suspects().plan(*STEPS))
UNDO_CALLS = 9
FAULTS: list[tuple[BaseException, str]] = [(TargetError("made to fail", kind), "before") for kind in Refusal]
FAULTS += [(TargetError("made to fail", kind), "after") for kind in WORKS_OUT]
FAULTS += [(Crash(), "before"), (Crash(), "after")]


def some(whole: int, fault: tuple[BaseException, str]) -> range:
    """The calls, of that many, at which a fault is tried: all, else every other, and the rest with the next fault."""
    apart = often(1, 2)
    return range(1 + FAULTS.index(fault) % apart, whole + 1, apart)


def named(fault: tuple[BaseException, str]) -> str:
    error, when = fault
    return f"{error.kind if isinstance(error, TargetError) else 'crash'} {when}"


@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_whatever_call_fails_the_log_is_enough_to_put_everything_back(fault: tuple[BaseException, str]) -> None:
    for number in some(CALLS, fault):
        world = suspects()
        run, _ = run_through(world, world.plan(*STEPS), {number: fault})
        undo = world.undo(run)
        assert undo.is_clean, f"call {number}"
        assert world.standing() == world.before, f"call {number}"
        assert world.plan_undo(run, undo).tasks == (), f"call {number}"


@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_an_undo_that_fails_at_any_call_can_be_repeated(fault: tuple[BaseException, str]) -> None:
    for number in some(UNDO_CALLS, fault):
        world = suspects()
        run, _ = run_through(world, world.plan(*STEPS), {})
        broken, calls = run_through(world, world.plan_undo(run, name="u1"), {number: fault})
        assert calls <= UNDO_CALLS
        again = world.undo(run, broken, name="u2")
        assert world.standing() == world.before, f"call {number}"
        assert outstanding(run, [broken, again]) == [], f"call {number}"


def test_every_call_of_an_undo_is_tried() -> None:
    world = suspects()
    run, _ = run_through(world, world.plan(*STEPS), {})
    assert run_through(world, world.plan_undo(run), {})[1] == UNDO_CALLS


CERTAIN = [fault for fault in FAULTS if isinstance(fault[0], TargetError) and fault[0].is_final]


@pytest.mark.parametrize("fault", CERTAIN, ids=named)
def test_what_certainly_did_not_take_hold_is_not_taken_back(fault: tuple[BaseException, str]) -> None:
    for number in some(CALLS, fault):
        world = suspects()
        run, _ = run_through(world, world.plan(*STEPS), {number: fault})
        finished = [one.started.undo for one in reversed(run.operations) if one.state == "finished"]
        assert [one for _, _, one in run.undo_operations()] == [one for undo in finished for one in undo]


# Any containers, any order of steps, any faults ------------------------------------------------------------------

NETWORKS = ("front", "back", "spare")
ACTIONS = (
    "contain.pause",
    "contain.unpause",
    "contain.stop",
    "contain.kill",
    "contain.restart_policy",
    "isolate.disconnect",
    "collect.processes",
)


@st.composite
def places(draw: st.DrawFn, number: int) -> list[Attachment]:
    chosen = draw(st.lists(st.sampled_from(NETWORKS), unique=True, max_size=3))
    return [
        attachment(one, fixed_ipv4=f"10.0.{NETWORKS.index(one)}.{number + 2}" if draw(st.booleans()) else "")
        for one in chosen
    ]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    made = [
        container(
            f"c{number}",
            *draw(places(number)),
            state=draw(st.sampled_from(["running", "paused", "exited", "created"])),
            restart_policy=draw(st.sampled_from([RestartPolicy(), ALWAYS])),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    return World(*made)


def faults() -> st.SearchStrategy[dict[int, tuple[BaseException, str]]]:
    return st.dictionaries(st.integers(1, 25), st.sampled_from(FAULTS), max_size=4)


STEP = st.builds(
    lambda action, on_error: (action, on_error), st.sampled_from(ACTIONS), st.sampled_from(["", "stop", "continue"])
)


@settings(max_examples=often(100, 33), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.lists(STEP, min_size=1, max_size=6), faults(), faults())
def test_any_run_with_any_faults_can_be_taken_back(
    world: World,
    chosen: list[tuple[str, str]],
    in_run: dict[int, tuple[BaseException, str]],
    in_undo: dict[int, tuple[BaseException, str]],
) -> None:
    steps = [
        step(action, id=f"s{number}", on_error=on_error, accept_loss=True)
        for number, (action, on_error) in enumerate(chosen)
    ]
    run, _ = run_through(world, world.plan(*steps), in_run)
    contained = world.standing()
    broken, _ = run_through(world, world.plan_undo(run, name="u1"), in_undo)
    undo = world.undo(run, broken, name="u2")
    last = world.undo(run, broken, undo, name="u3")
    assert world.standing() == world.before, (run.undo_operations(), contained)
    assert outstanding(run, [broken, undo, last]) == []


@settings(max_examples=often(40, 20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.lists(STEP, min_size=1, max_size=5))
def test_any_undo_can_be_taken_back_too_and_that_again(world: World, chosen: list[tuple[str, str]]) -> None:
    steps = [step(action, id=f"s{number}", accept_loss=True) for number, (action, _) in enumerate(chosen)]
    run = world.run(world.plan(*steps))
    contained = world.standing()
    undo = world.undo(run, name="u")
    assert world.standing() == world.before
    again = world.undo(undo, name="v")
    assert world.standing() == contained
    last = world.undo(run, undo, again, name="w")
    assert world.standing() == world.before
    assert outstanding(run, [undo, again, last]) == []


@pytest.mark.parametrize("victim", ["web", "cold"])
def test_what_somebody_else_changed_between_look_and_request_is_theirs(victim: str) -> None:
    world = suspects()
    memory = world.memory["local"]
    theirs = world.containers[victim].id

    def meddle(operation: Operation, deadline: Deadline) -> None:
        """Somebody does the very same a moment before."""
        if operation.subject == theirs and isinstance(operation, Disconnect):
            memory.apply(
                operation, MemoryStore().intake(host="", container=None, operation=operation, task=0), deadline
            )

    world.targets["local"] = Hooked(memory, meddle)
    run = world.run(world.plan(step("isolate.disconnect")))
    assert {one.took_hold for one in run.failures} == {"no"}
    world.targets["local"] = memory
    world.undo(run)
    places = [place.network for place in world.containers[victim].attachments]
    assert places == [place.network for place in world.before[victim].attachments][1:]
