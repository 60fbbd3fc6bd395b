"""Undo against a model: after it each container is as it was found, or the log of the undo names what differs.

Random containers, random playbooks of what contains, and somebody else who connects, disconnects, starts, stops,
pauses, removes, renames, sets policies, removes networks and takes addresses: between plan and run, between run and
undo, and between the plan of the undo and the undo.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irkit.adapters.fixed_clock import FixedClock
from irkit.adapters.memory import MemoryTarget
from irkit.core import operations as do
from irkit.core.container import Attachment, Container, Limits, RestartPolicy
from irkit.core.errors import Refusal, TargetError
from irkit.core.network import NetworkFacts
from irkit.core.plan import Plan
from irkit.core.playbook import Step
from irkit.core.run import Run
from irkit.engine.deadline import Cancel, OperationDeadline
from irkit.engine.runner import Limits as Parallel
from irkit.engine.undo import outstanding, plan_undo
from irkit.engine.way_back import Around
from tests.engine.world import World, attachment, container, step
from tests.soak import often

NETWORKS = ("front", "back", "spare")
POLICIES = (RestartPolicy(), RestartPolicy(name="always"))
ONE_AT_A_TIME = Parallel(1, 1)
STEPS: tuple[tuple[str, dict[str, object]], ...] = (
    ("contain.pause", {}),
    ("contain.unpause", {}),
    ("contain.stop", {}),
    ("contain.kill", {}),
    ("contain.restart_policy", {}),
    ("contain.limit", {"pids": 50}),
    ("isolate.disconnect", {}),
    ("isolate.disconnect", {"keep": ["back"]}),
    ("isolate.quarantine", {"reach": "nothing"}),
    ("isolate.quarantine", {"reach": "host"}),
    ("isolate.firewall", {}),
)
MADE = "irkit-"
"""What the names of networks begin with that irkit makes."""


# Somebody else ----------------------------------------------------------------------------------------------------

Meddle = Callable[[MemoryTarget, Container], None]


def act(make: Callable[[Container], do.Operation]) -> Meddle:
    def meddle(memory: MemoryTarget, one: Container) -> None:
        memory.act(make(one))

    return meddle


def connect(network: str) -> Meddle:
    def meddle(memory: MemoryTarget, one: Container) -> None:
        if network in memory.networks:
            memory.act(do.Connect(one.id, Attachment(network=network)))

    return meddle


def disconnect(network: str) -> Meddle:
    return act(lambda one: do.Disconnect(one.id, network))


def remove(memory: MemoryTarget, one: Container) -> None:
    memory.vanish(one.id)


def rename(memory: MemoryTarget, one: Container) -> None:
    memory.containers[one.id] = msgspec.structs.replace(one, name=f"{one.name}-renamed")


def remove_network(memory: MemoryTarget, one: Container) -> None:
    """The first that nobody is on: an engine refuses to remove others."""
    used = {place.network for other in memory.containers.values() for place in other.attachments}
    for name in sorted(set(NETWORKS) & memory.networks - used)[:1]:
        memory.networks.discard(name)


def take_addresses(memory: MemoryTarget, one: Container) -> None:
    """Newcomers have every address that containers ask for and nobody has at the moment."""
    for subnet, name in enumerate(NETWORKS):
        used = {place.fixed_ipv4 for other in memory.containers.values() for place in other.attachments}
        for address in (f"10.0.{subnet}.{number}" for number in (2, 3, 4)):
            if name in memory.networks and address not in used:
                memory.appear(container(f"thief-{address}", attachment(name, fixed_ipv4=address)))


MEDDLING: dict[str, Meddle] = {
    **{f"connect {name}": connect(name) for name in NETWORKS},
    **{f"disconnect {name}": disconnect(name) for name in NETWORKS},
    "start": act(lambda one: do.Start(one.id)),
    "stop": act(lambda one: do.Stop(one.id)),
    "pause": act(lambda one: do.Pause(one.id)),
    "unpause": act(lambda one: do.Unpause(one.id)),
    "policy": act(lambda one: do.SetRestartPolicy(one.id, RestartPolicy(name="on-failure", maximum_retries=2))),
    "limits": act(lambda one: do.SetLimits(one.id, Limits(pids=7))),
    "remove": remove,
    "rename": rename,
    "remove a network": remove_network,
    "take addresses": take_addresses,
}


def meddle(world: World, changes: list[tuple[int, str]]) -> None:
    """Have these done, each to the container of that number; what an engine refuses is not done."""
    memory = world.memory["local"]
    for number, name in changes:
        if now := [one for one in memory.containers.values() if one.name.startswith("c")]:
            with suppress(TargetError):
                MEDDLING[name](memory, now[number % len(now)])


# Random states and programs ---------------------------------------------------------------------------------------


@st.composite
def places(draw: st.DrawFn, number: int) -> list[Attachment]:
    chosen = draw(st.lists(st.sampled_from(NETWORKS), unique=True, max_size=3))
    return [
        attachment(
            one,
            fixed_ipv4=f"10.0.{NETWORKS.index(one)}.{number + 2}" if draw(st.booleans()) else "",
            aliases=("web",) if draw(st.booleans()) else (),
        )
        for one in chosen
    ]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    made = [
        container(
            f"c{number}",
            *draw(places(number)),
            state=draw(st.sampled_from(["running", "running", "paused", "exited"])),
            restart_policy=draw(st.sampled_from(POLICIES)),
            auto_remove=draw(st.sampled_from([False, False, False, True])),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    world = World(*made)
    world.memory["local"].networks |= set(NETWORKS)
    subnets = {name: (f"10.0.{number}.0/28",) for number, name in enumerate(NETWORKS)}
    world.memory["local"].isolation.subnets.update(subnets)
    return world


def steps() -> st.SearchStrategy[list[Step]]:
    chosen = st.lists(st.sampled_from(STEPS), min_size=1, max_size=4)
    return chosen.map(
        lambda many: [step(name, id=f"s{number}", accept_loss=True, **more) for number, (name, more) in enumerate(many)]
    )


def changes() -> st.SearchStrategy[list[tuple[int, str]]]:
    names = st.one_of(st.sampled_from(sorted(MEDDLING)), st.sampled_from(["take addresses", "remove a network"]))
    return st.lists(st.tuples(st.integers(0, 2), names), max_size=3)


# The model --------------------------------------------------------------------------------------------------------


def standing(one: Container | None) -> dict[str, object]:
    """What counts of a container, by the word that a log must say where it differs."""
    if one is None:
        return {"gone": True}
    state = {"restarting": "running", "created": "exited", "dead": "exited"}.get(one.state, one.state)
    facts: dict[str, object] = {"gone": False, "state": state, "policy": one.restart_policy, "limits": one.limits}
    facts["name"] = one.name
    for name in NETWORKS:
        place = one.attachment(name)
        facts[f"network {name}"] = (place.fixed_ipv4, place.aliases) if place else None
    made = [place.network for place in one.attachments if place.network.startswith(MADE)]
    return {**facts, f"network {MADE}": tuple(made)}


def differences(world: World, was: dict[str, Container], planned: dict[str, Container]) -> dict[str, list[str]]:
    """What differs from both the moment of the plan and the moment before the run: words by the container's key."""
    found = {}
    now = {one.key: one for one in world.containers.values()}
    for key, one in was.items():
        before, is_now, at_plan = standing(one), standing(now.get(key)), standing(planned[key])
        found[key] = [word for word in is_now if is_now[word] not in (before.get(word), at_plan.get(word))]
    return found


def words_of(run: Run, key: str) -> str:
    """All that the log of an undo says of a container."""
    said = [" ".join((one.summary, *one.because)) for one in run.findings if one.container == key]
    said += [one.reason for one in run.refused if one.container == key]
    said += [f"{one.started.operation.text()} {one.reason}" for one in run.failures if one.key == key]
    return " ".join(said)


_STATE = re.compile("it was (left )?(running|paused|restarting|exited) and is (running|paused|restarting|exited)")


def is_said(word: str, text: str) -> bool:
    """Whether a log says what differs: by the word itself, and a state by what it was and is."""
    return bool(_STATE.search(text)) if word == "state" else word in text


# Undo as the app plans it -----------------------------------------------------------------------------------------


def around(world: World, plan: Plan, run: Run, undone: list[Run]) -> Around:
    memory, deadline = world.memory["local"], OperationDeadline(FixedClock(), 3600, 3600, Cancel())
    networks: dict[tuple[str, str], NetworkFacts | None] = {}
    for _, _, operation in outstanding(run, undone):
        if isinstance(operation, do.Connect):
            name = operation.attachment.network
            try:
                networks["local", name] = memory.examine_network(name, deadline)
            except TargetError as error:
                assert error.kind is Refusal.ABSENT
                networks["local", name] = None
    kernels = {one.key: memory.see_kernel(one, deadline) for one in world.containers.values()}
    return Around(planned={one.key: one for one in plan.targets}, networks=networks, kernels=kernels)


def undo_plan(world: World, plan: Plan, run: Run, undone: list[Run], *, new_address: bool) -> Plan:
    request = world.undo_request(
        run, *undone, name=f"u{len(undone)}", around=around(world, plan, run, undone), new_address=new_address
    )
    return plan_undo(request)


def rules_left(world: World) -> Iterator[str]:
    for key, tables in world.memory["local"].isolation.tables.items():
        if tables and key in world.memory["local"].containers:
            yield f"local/{key}"


@settings(max_examples=often(200, 60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), steps(), changes(), changes(), changes(), st.booleans())
def test_after_undo_each_container_is_as_found_or_the_log_names_what_differs(
    world: World,
    chosen: list[Step],
    before_run: list[tuple[int, str]],
    before_undo: list[tuple[int, str]],
    at_last: list[tuple[int, str]],
    new_address: bool,
) -> None:
    plan = world.plan(*chosen)
    meddle(world, before_run)
    was = {one.key: one for one in world.containers.values() if one.key in {target.key for target in plan.targets}}
    run = world.run(plan, limits=ONE_AT_A_TIME)
    meddle(world, before_undo)
    undoing = undo_plan(world, plan, run, [], new_address=new_address)
    meddle(world, at_last)
    left_alone = {key: standing(one) for key, one in by_key(world).items()}
    undo = world.run(undoing, limits=ONE_AT_A_TIME)

    touched = {key for task in undoing.tasks for key in task.containers}
    planned = {one.key: one for one in plan.targets}
    for key, words in differences(world, was, planned).items():
        for word in words if key in touched else ():
            assert is_said(word, words_of(undo, key)), (word, words_of(undo, key))
    for key, one in by_key(world).items():
        assert key in touched or standing(one) == left_alone[key], "undo takes back what the run changed, and no more"
    for key in rules_left(world):
        assert key not in touched or [one for one in undo.failures if one.key == key], "rules stay where that failed"
    check_again(world, plan, run, undo)


def by_key(world: World) -> dict[str, Container]:
    return {one.key: one for one in world.containers.values()}


def check_again(world: World, plan: Plan, run: Run, undo: Run) -> None:
    """What an undo has done is not done again, and where nothing stood in its way nothing is left."""
    if undo.is_clean:
        assert outstanding(run, [undo]) == []
    before = {key: standing(one) for key, one in by_key(world).items()}
    again = world.run(undo_plan(world, plan, run, [undo], new_address=False), limits=ONE_AT_A_TIME)
    after = {key: standing(one) for key, one in by_key(world).items()}
    changed = {one.key for one in again.changes if one.state == "finished"}
    assert {key for key in after if after[key] != before.get(key)} <= changed
    if undo.is_clean:
        assert changed == set()
