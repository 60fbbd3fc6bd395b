"""What is held by a run's log, when it does not hold any more, and what repeating it is undone by."""

from typing import Any

import msgspec
import pytest

from irkit.core.container import Container, Limits
from irkit.core.engine_event import EngineEvent
from irkit.core.operations import (
    AnyOperation,
    BlockTraffic,
    Connect,
    Disconnect,
    Inspect,
    Kill,
    MakeNetwork,
    Pause,
    SetLimits,
    Start,
    UnblockTraffic,
    Unpause,
)
from irkit.engine.held import Held, held_of, mark_of
from tests.engine.world import World, attachment, container, step

WEB = container("web", "shop", started_at="1")
ID = WEB.id
QUARANTINE = attachment("irkit-q")
ALONE = Connect(ID, QUARANTINE, alone=True)


def held(*wanted: AnyOperation, found: Container = WEB, **more: Any) -> Held:
    return Held(found, found, "", wanted=list(wanted), **more)


def changed(**facts: Any) -> Container:
    return msgspec.structs.replace(WEB, **facts)


def rules(where: Any = "namespace") -> BlockTraffic:
    return BlockTraffic(ID, "irkit_1_2", where)


def happened(action: str, network: str = "") -> EngineEvent:
    return EngineEvent(at="t", kind="network" if network else "container", action=action, container=ID, network=network)


@pytest.mark.parametrize(
    ("operation", "now", "holds"),
    [
        (Pause(ID), changed(state="paused"), True),
        (Pause(ID), changed(state="running"), False),
        (Pause(ID), changed(state="exited"), True),
        (Kill(ID), changed(state="exited"), True),
        (Kill(ID), changed(state="running"), False),
        (Disconnect(ID, "shop"), changed(attachments=()), True),
        (Disconnect(ID, "shop"), WEB, False),
        (Disconnect(ID, "shop"), changed(state="exited"), False),
        (Disconnect(ID, "shop", leaves=()), changed(attachments=(attachment("other"),)), False),
        (SetLimits(ID, Limits(pids=10)), changed(limits=Limits(pids=10)), True),
        (SetLimits(ID, Limits(pids=10)), changed(limits=Limits(pids=99)), False),
        (rules(), WEB, True),
        (rules(), changed(started_at="2"), False),
        (rules(), changed(started_at="2", state="exited"), True),
        (rules("bridge"), changed(started_at="2"), True),
        (rules("cgroup"), changed(started_at="2"), False),
        (rules("namespace"), changed(attachments=(attachment("shop", mac="02:00"),)), True),
        (rules("veth"), changed(attachments=(attachment("shop", mac="02:00"),)), False),
        (ALONE, changed(attachments=(QUARANTINE,)), True),
        (ALONE, changed(attachments=(QUARANTINE, attachment("shop"))), False),
        (ALONE, changed(attachments=()), True),
    ],
)
def test_whether_it_holds_is_told_by_the_facts(operation: AnyOperation, now: Container, holds: bool) -> None:
    assert (held(operation).breaks(now) == []) is holds


def test_the_network_of_a_quarantine_is_none_that_it_should_not_be_on() -> None:
    one = held(Disconnect(ID, "shop", leaves=()), ALONE)
    assert one.breaks(changed(attachments=(QUARANTINE,))) == []
    assert one.breaks(changed(attachments=(QUARANTINE, attachment("other"))))


@pytest.mark.parametrize(
    ("event", "wanted", "is_somebodys"),
    [
        (happened("start"), Pause(ID), True),
        (happened("unpause"), Disconnect(ID, "shop"), True),
        (happened("connect", "shop"), Pause(ID), True),
        (happened("connect", "irkit-q"), ALONE, False),
        (happened("die"), Pause(ID), True),
        (happened("die"), Kill(ID), False),
        (happened("update"), Pause(ID), False),
        (happened("rename"), Pause(ID), False),
        (happened("pause"), Pause(ID), False),
    ],
)
def test_what_the_run_does_itself_is_told_apart_from_what_others_do(
    event: EngineEvent, wanted: AnyOperation, is_somebodys: bool
) -> None:
    assert bool(held(wanted).acts([event])) is is_somebodys


@pytest.mark.parametrize(
    ("operation", "now", "is_needed"),
    [
        (Pause(ID), WEB, True),
        (Pause(ID), changed(state="paused"), False),
        (Pause(ID), changed(state="exited"), False),
        (Unpause(ID), changed(state="paused"), False),
        (Start(ID), changed(state="exited"), False),
        (Inspect(ID), WEB, False),
        (Disconnect(ID, "shop"), WEB, True),
        (Disconnect(ID, "irkit-q"), changed(attachments=(QUARANTINE,)), False),
        (rules(), WEB, False),
        (rules(), changed(started_at="2"), True),
        (rules("veth"), WEB, True),
        (MakeNetwork(ID, "irkit-q", "irk1"), WEB, True),
    ],
)
def test_only_what_is_not_so_is_done_again(operation: AnyOperation, now: Container, is_needed: bool) -> None:
    assert held(ALONE, rules()).needs(operation, now) is is_needed


def test_what_the_log_has_a_way_back_of_is_not_taken_back_twice() -> None:
    one = held(Pause(ID), done={mark_of(Pause(ID))})
    assert one.way_back(Pause(ID), WEB) == ()
    assert one.way_back(Kill(ID), WEB) == (Start(ID),)
    one.keep(Kill(ID))
    assert one.way_back(Kill(ID), WEB) == ()


def test_a_network_that_it_was_not_found_on_is_not_given_back() -> None:
    one = held()
    place = attachment("elsewhere")
    assert one.way_back(Disconnect(ID, "elsewhere"), changed(attachments=(place,))) == ()
    assert one.way_back(Disconnect(ID, "shop"), WEB) == (Connect(ID, WEB.attachments[0]),)


def test_rules_that_stand_elsewhere_than_before_are_taken_back_too() -> None:
    one = held(rules(), done={mark_of(rules())})
    assert one.way_back(rules(), WEB) == ()
    assert isinstance(one.way_back(rules("veth"), WEB)[0], UnblockTraffic)


def names_held(world: World, *steps: Any) -> dict[str, list[str]]:
    """What a run of these steps holds, by name: the kinds of operations."""
    plan = world.plan(*steps)
    run = world.run(plan)
    found = {one.key: one for one in plan.targets}
    last = {one.key: one for one in world.containers.values()}
    every = frozenset(one.id for one in steps)
    return {
        one.facts.name: [type(wanted).__name__ for wanted in one.wanted]
        for one in held_of(run, every, found, last, {}, "now")
    }


def test_what_a_run_did_and_did_not_let_go_of_is_held() -> None:
    world = World(container("web", "shop"), container("db"))
    steps = step("contain.pause"), step("isolate.disconnect"), step("contain.unpause")
    assert names_held(world, *steps) == {"web": ["Disconnect"], "db": ["Disconnect"]}


def test_what_was_so_already_is_held_and_what_could_not_be_done_is_not() -> None:
    world = World(container("web", state="paused"), container("db", state="exited"))
    assert names_held(world, step("contain.pause")) == {"web": ["Pause"]}


def test_steps_that_do_not_contain_hold_nothing() -> None:
    world = World(container())
    plan = world.plan(step("snapshot.commit"))
    run = world.run(plan)
    found = {one.key: one for one in plan.targets}
    assert list(held_of(run, frozenset({"commit"}), found, found, {}, "now")) == []
