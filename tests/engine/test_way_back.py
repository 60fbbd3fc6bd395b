"""The way back as things are by now: networks that are gone, addresses that are taken, connections that go on."""

from typing import Any

import msgspec
import pytest

from irkit.adapters.memory_changes import full_id
from irkit.core.container import Container
from irkit.core.finding import Finding, Severity
from irkit.core.kernel import Connection, KernelFacts
from irkit.core.network import Endpoint, NetworkFacts
from irkit.core.operations import Connect, Operation, ResetConnections, Touch
from irkit.core.plan import Plan
from irkit.core.run import Run
from irkit.engine.undo import outstanding, plan_undo
from irkit.engine.way_back import Around, in_order
from tests.engine.world import LOST, World, attachment, container, fail, hook, step

FRONT = attachment("front", fixed_ipv4="10.1.0.5", aliases=("web",), mac="02:42:0a:01:00:05")
CUT, PAUSE = step("isolate.disconnect"), step("contain.pause")
REMOTE = Connection(local="10.1.0.5:40000", remote="203.0.113.9:4444")


def cut_off(*steps: Any, places: tuple[Any, ...] = (FRONT,), **facts: Any) -> tuple[World, Run, Container]:
    """A world in which `web` was cut off; the run, and the container as the run's plan had it."""
    world = World(container("web", *places, **facts))
    before = world.containers["web"]
    return world, world.run(world.plan(*(steps or (CUT,)))), before


def undo_plan(world: World, run: Run, *undone: Run, before: Container | None = None, **more: Any) -> Plan:
    around = {name: more.pop(name) for name in ("networks", "kernels", "no_root") if name in more}
    planned = {before.key: before} if before else {}
    request = world.undo_request(run, *undone, around=Around(planned=planned, **around), **more)
    return plan_undo(request)


def facts(name: str = "front", *taken: str, network_id: str = "", subnet: str = "10.1.0.0/24") -> dict[Any, Any]:
    endpoints = tuple(Endpoint(container=full_id(one), name=f"at-{one}", ipv4=one) for one in taken)
    known = NetworkFacts(name=name, id=network_id or full_id(name), subnets=(subnet,), endpoints=endpoints)
    return {("local", name): known}


def findings(plan: Plan, check: str) -> list[Finding]:
    return [one for one in plan.findings if one.check == f"undo.{check}"]


def texts(plan: Plan) -> list[str]:
    return [operation.text() for task in plan.tasks for operation in task.operations]


def told(run: Run) -> str:
    return " ".join(one.summary for one in run.findings if one.check == "undo.differs")


# Networks ---------------------------------------------------------------------------------------------------------


def test_nothing_is_said_where_all_is_as_it_was() -> None:
    world, run, before = cut_off(CUT, PAUSE)
    plan = undo_plan(world, run, before=before, networks=facts(), kernels={before.key: KernelFacts(alive=True)})
    assert plan.findings == () and plan.refusals == ()
    assert world.run(plan).findings == [] and world.standing() == world.before


def test_a_network_that_is_gone_is_named_and_holds_nothing_for_ever() -> None:
    world, run, before = cut_off(CUT, PAUSE, places=(FRONT, "back"))
    world.memory["local"].networks.discard("front")
    plan = undo_plan(world, run, before=before, networks={("local", "front"): None, **facts("back")})
    assert sorted(texts(plan)) == ["connect to network back", "unpause"]
    (gone,) = findings(plan, "network-gone")
    assert gone.severity is Severity.HIGH and "network front is gone" in gone.summary and "10.1.0.5" in gone.remedy
    assert [one.reason for one in plan.refusals] == [gone.summary]
    undo = world.run(plan)
    assert not undo.is_clean and [one.reason for one in undo.refused] == [gone.summary]
    assert "it was on network front and is not" in told(undo)
    assert outstanding(run, [undo]) == [], "it is not contained any more"
    assert world.containers["web"].state == "running"


def test_a_container_all_of_whose_networks_are_gone_is_released() -> None:
    world, run, before = cut_off()
    plan = undo_plan(world, run, before=before, networks={("local", "front"): None})
    assert [task.operations for task in plan.tasks] == [()]
    assert outstanding(run, [world.run(plan)]) == []


def test_a_network_that_was_made_again_is_told_and_used() -> None:
    world, run, before = cut_off()
    plan = undo_plan(world, run, before=before, networks=facts(network_id=full_id("new")))
    (anew,) = findings(plan, "network-anew")
    assert "removed and made again" in anew.summary and texts(plan) == ["connect to network front as 10.1.0.5, web"]


# Addresses --------------------------------------------------------------------------------------------------------


def test_whoever_has_the_address_is_named_and_the_nearest_is_offered() -> None:
    world, run, before = cut_off()
    plan = undo_plan(world, run, before=before, networks=facts("front", "10.1.0.5", "10.1.0.6"))
    (taken,) = findings(plan, "address")
    assert taken.severity is Severity.HIGH and "container at-10.1.0.5 has it by now" in taken.summary
    assert "10.1.0.4" in taken.remedy and "--new-address" in taken.remedy
    assert texts(plan) == ["connect to network front as 10.1.0.5, web"], "nothing else is done unasked"


def test_with_a_new_address_the_nearest_is_planned_and_the_run_is_taken_back() -> None:
    world, run, before = cut_off()
    plan = undo_plan(world, run, before=before, networks=facts("front", "10.1.0.5"), new_address=True)
    (taken,) = findings(plan, "address")
    assert "It is given 10.1.0.6" in taken.summary
    undo = world.run(plan)
    assert undo.is_clean and world.containers["web"].attachments[0].fixed_ipv4 == "10.1.0.6"
    assert outstanding(run, [undo]) == []
    assert "IPv4 address asked for was 10.1.0.5 and is 10.1.0.6" in told(undo)


def test_two_containers_are_not_given_the_same_address_nor_one_that_another_gets_back() -> None:
    places = [attachment("front", fixed_ipv4=f"10.1.0.{number}") for number in (5, 6, 7)]
    world = World(*(container(f"c{number}", place) for number, place in enumerate(places)))
    run = world.run(world.plan(CUT))
    plan = undo_plan(world, run, networks=facts("front", "10.1.0.5", "10.1.0.6"), new_address=True)
    given = [one.attachment.fixed_ipv4 for task in plan.tasks for one in task.operations if isinstance(one, Connect)]
    assert sorted(given) == ["10.1.0.4", "10.1.0.7", "10.1.0.8"]


def test_an_address_that_the_network_does_not_have_any_more_is_told() -> None:
    world, run, before = cut_off()
    plan = undo_plan(world, run, before=before, networks=facts(network_id="n", subnet="10.9.0.0/24"), new_address=True)
    (taken,) = findings(plan, "address")
    assert "its subnets are 10.9.0.0/24" in taken.summary and "It is given 10.9.0.2" in taken.summary


def test_where_no_address_is_free_that_is_said() -> None:
    world, run, before = cut_off()
    full = facts("front", "10.1.0.5", "10.1.0.6", subnet="10.1.0.4/30")
    plan = undo_plan(world, run, before=before, networks=full, new_address=True)
    assert "no other one is free" in findings(plan, "address")[0].remedy
    assert texts(plan) == ["connect to network front as 10.1.0.5, web"]


# Connections ------------------------------------------------------------------------------------------------------


def kernel(*connections: Connection) -> KernelFacts:
    return KernelFacts(alive=True, connections=connections)


def test_connections_that_go_on_are_named() -> None:
    world, run, before = cut_off(CUT, PAUSE)
    plan = undo_plan(world, run, before=before, kernels={before.key: kernel(REMOTE)})
    (going_on,) = findings(plan, "connections")
    assert going_on.severity is Severity.HIGH and "--reset-connections" in going_on.remedy
    assert going_on.summary == "1 connection goes on when it is back: 10.1.0.5:40000 to 203.0.113.9:4444"
    many = tuple(msgspec.structs.replace(REMOTE, local=f"10.1.0.5:{port}") for port in range(30))
    (going_on,) = findings(undo_plan(world, run, kernels={before.key: kernel(*many)}), "connections")
    assert "30 connections go on" in going_on.summary and "and 10 more" in going_on.summary


def test_where_the_kernel_cannot_be_read_they_may_go_on() -> None:
    world, run, before = cut_off()
    for kernels in ({}, {before.key: None}):
        (may,) = findings(undo_plan(world, run, kernels=kernels), "connections")
        assert may.severity is Severity.MEDIUM and "may go on" in may.summary


def test_what_does_not_run_or_is_not_put_back_has_no_connections() -> None:
    world, run, before = cut_off(CUT, step("contain.stop"))
    assert findings(undo_plan(world, run, kernels={}), "connections") == []
    world, run, before = cut_off(PAUSE)
    assert findings(undo_plan(world, run, kernels={before.key: kernel(REMOTE)}), "connections") == []


def test_connections_are_ended_before_anything_lets_them_go_on() -> None:
    world, run, before = cut_off(CUT, PAUSE, places=(FRONT, "back"))
    plan = undo_plan(world, run, before=before, kernels={before.key: kernel(REMOTE)}, reset_connections=True)
    assert findings(plan, "connections") == [] and plan.touch is Touch.DESTROY
    kinds = [type(operation).__name__ for task in plan.tasks for operation in task.operations]
    assert kinds == ["Unpause", "ResetConnections", "Connect", "Connect"]


def test_nothing_goes_on_where_connections_could_not_be_ended() -> None:
    world, run, _ = cut_off()
    plan = undo_plan(world, run, reset_connections=True)
    hook(world, fail(ResetConnections, LOST))
    undo = world.run(plan)
    assert world.containers["web"].attachments == () and not undo.is_clean
    assert len(outstanding(run, [undo])) == 1, "it is still contained"


def test_without_root_nothing_is_released_where_connections_were_to_be_ended() -> None:
    world, run, _ = cut_off()
    plan = undo_plan(world, run, reset_connections=True, no_root={"local": "nobody is root here"})
    (refused,) = plan.refusals
    assert "nobody is root here" in refused.reason and texts(plan) == []
    assert len(outstanding(run, [world.run(plan)])) == 1


# What became of it meanwhile --------------------------------------------------------------------------------------


def change(world: World, **facts: Any) -> None:
    memory = world.memory["local"]
    now = world.containers["web"]
    memory.containers[now.id] = msgspec.structs.replace(now, **facts)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "other"}, "it was called web and is called other"),
        ({"state": "exited"}, "it was left paused and is exited"),
        ({"started_at": "2026-02-02T00:00:00Z"}, "it was started again at 2026-02-02T00:00:00Z"),
        ({"attachments": (FRONT,)}, "somebody else has put it on network front again"),
    ],
)
def test_what_became_of_it_since_the_run_is_said(changed: dict[str, Any], said: str) -> None:
    world, run, before = cut_off(CUT, PAUSE, started_at="2026-01-01T00:00:00Z")
    change(world, **changed)
    (since,) = findings(undo_plan(world, run, before=before, kernels={before.key: kernel()}), "changed-since")
    assert said in since.summary and since.severity is Severity.MEDIUM


def test_what_an_undo_has_done_already_is_nobody_else_s() -> None:
    world, run, before = cut_off(step("contain.stop"), CUT)
    hook(world, fail(Operation, LOST))
    broken = world.undo(run, name="u1")
    hook(world)
    undo = world.run(undo_plan(world, run, broken, before=before, kernels={}))
    plan = undo_plan(world, run, broken, undo, before=before)
    assert findings(plan, "changed-since") == [] and plan.tasks == ()


def test_a_container_that_is_renamed_is_compared_under_its_id() -> None:
    world, run, before = cut_off()
    change(world, name="renamed")
    undo = world.run(undo_plan(world, run, before=before))
    assert "its name was web and is renamed" in told(undo)


# Order ------------------------------------------------------------------------------------------------------------


def connect(network: str, interface: str) -> Connect:
    return Connect(full_id("web"), attachment(network, interface=interface))


def test_networks_are_attached_in_the_order_of_their_interfaces() -> None:
    ordered = in_order([connect("a", "eth10"), connect("b", "eth9"), connect("c", "eth1")])
    assert [one.attachment.network for one in ordered if isinstance(one, Connect)] == ["c", "b", "a"]


def test_where_one_interface_is_not_known_the_order_is_kept() -> None:
    operations = [connect("a", "eth1"), connect("b", ""), connect("c", "eth0")]
    assert in_order(operations) == operations


def test_the_way_back_holds_the_interface_that_the_kernel_showed() -> None:
    _, run, _ = cut_off()
    ((_, _, operation),) = outstanding(run, [])
    assert isinstance(operation, Connect) and operation.attachment.interface == "eth1", "after bridge"
