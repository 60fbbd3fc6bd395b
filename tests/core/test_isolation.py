"""Holding a container where it is: the way back, when it applies, what is lost, and what facts say of it."""

from typing import Any

import pytest

from irkit.core.container import UNLIMITED, Attachment, Container, Limits
from irkit.core.kernel import KernelFacts
from irkit.core.operations import (
    BlockTraffic,
    MakeNetwork,
    RemoveNetwork,
    SeeIsolated,
    SetLimits,
    Touch,
    Trace,
    UnblockTraffic,
)
from irkit.core.proof import Proof, Seen

ID = "ab" * 32
MIB = 1 << 20
MADE_WITH = Limits(nano_cpus=500_000_000, memory=100 * MIB, memory_swap=200 * MIB, pids=50)


def web(limits: Limits | None = None, **facts: Any) -> Container:
    return Container(id=ID, name="web", host="local", image="app", limits=limits or Limits(), **facts)


# Limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "wish", "back"),
    [
        (Limits(), Limits(cpu_quota=10_000), Limits(cpu_quota=UNLIMITED)),
        (Limits(), Limits(memory=MIB, memory_swap=MIB), Limits(memory=UNLIMITED, memory_swap=UNLIMITED)),
        (Limits(), Limits(pids=5), Limits(pids=UNLIMITED)),
        (MADE_WITH, Limits(nano_cpus=10**8, memory=MIB, pids=5),
         Limits(nano_cpus=500_000_000, memory=100 * MIB, pids=50)),
        (Limits(cpu_quota=30_000, cpu_period=50_000), Limits(cpu_quota=5_000, cpu_period=50_000),
         Limits(cpu_quota=30_000, cpu_period=50_000)),
        (Limits(memory=100 * MIB, memory_swap=UNLIMITED), Limits(memory=MIB, memory_swap=UNLIMITED),
         Limits(memory=100 * MIB, memory_swap=UNLIMITED)),
    ],
)  # fmt: skip
def test_the_way_back_is_what_was_found_and_only_what_is_changed(found: Limits, wish: Limits, back: Limits) -> None:
    assert SetLimits(ID, wish).undo(web(found)) == (SetLimits(ID, back),)


@pytest.mark.parametrize(
    ("wish", "so", "not_so"),
    [
        (Limits(cpu_quota=10_000), Limits(cpu_quota=10_000, pids=7), Limits(cpu_quota=20_000)),
        (Limits(memory=MIB, memory_swap=2 * MIB), Limits(memory=MIB), Limits()),
        (Limits(memory=UNLIMITED, memory_swap=UNLIMITED), Limits(pids=7), Limits(memory=MIB)),
        (Limits(pids=UNLIMITED), Limits(), Limits(pids=7)),
        (Limits(nano_cpus=10**8, pids=7), Limits(nano_cpus=10**8, pids=7), Limits(nano_cpus=10**8)),
    ],
)
def test_facts_say_whether_a_wish_is_met(wish: Limits, so: Limits, not_so: Limits) -> None:
    operation = SetLimits(ID, wish)
    assert operation.verify(web(so)) == "" and operation.inapplicable(web(so)) == "its limits are so already"
    assert operation.verify(web(not_so)) and operation.inapplicable(web(not_so)) == ""


def test_limits_of_a_container_that_is_gone_are_not_met() -> None:
    assert SetLimits(ID, Limits(pids=5)).verify(None) == "it is gone"


def test_what_differs_is_told_as_people_say_it() -> None:
    wish = SetLimits(ID, Limits(cpu_quota=10_000, memory=64 * MIB, pids=20))
    assert wish.text() == "limit it to 0.1 processors, 64 MiB of memory, 20 processes"
    assert wish.verify(web()) == "its limits are none, not 0.1 processors, 64 MiB of memory, 20 processes"
    back = SetLimits(ID, Limits(cpu_quota=UNLIMITED, memory=UNLIMITED, pids=UNLIMITED))
    assert back.text() == "limit it to any number of processors, any amount of memory, any number of processes"


@pytest.mark.parametrize(
    ("limits", "processors"),
    [
        (Limits(), 0),
        (Limits(nano_cpus=250_000_000), 0.25),
        (Limits(cpu_quota=30_000), 0.3),
        (Limits(cpu_quota=30_000, cpu_period=50_000), 0.6),
        (Limits(cpu_quota=UNLIMITED), 0),
    ],
)
def test_processors_are_told_whichever_way_they_are_limited(limits: Limits, processors: float) -> None:
    assert limits.processors == pytest.approx(processors)


def test_a_limit_of_memory_may_cost_what_only_a_live_container_has() -> None:
    operation = SetLimits(ID, Limits(memory=MIB), risks_memory=True)
    assert {Trace.MEMORY, Trace.PROCESSES} <= operation.losses(web())
    assert operation.losses(web(state="exited")) == frozenset()
    assert SetLimits(ID, Limits(pids=5)).losses(web()) == frozenset()
    assert operation.touch is Touch.CHANGE


def test_limits_are_the_engine_s_word() -> None:
    found = SetLimits(ID, Limits(pids=5)).prove(Seen(web(), web(Limits(pids=5))))
    assert found == Proof.asserted()


# Networks --------------------------------------------------------------------------------------------------------


def test_a_network_that_was_made_is_removed_and_no_other() -> None:
    make = MakeNetwork(ID, "irkit-1-2", "irk2")
    assert make.undo(web()) == (RemoveNetwork(ID, "irkit-1-2"),)
    assert RemoveNetwork(ID, "irkit-1-2").undo(web()) == ()


def test_what_is_left_on_the_host_outlives_its_container() -> None:
    assert RemoveNetwork(ID, "q").outlives
    assert UnblockTraffic(ID, "irkit_x", "bridge").outlives and UnblockTraffic(ID, "irkit_x", "veth").outlives
    assert not UnblockTraffic(ID, "irkit_x").outlives and not MakeNetwork(ID, "q", "irk").outlives


def test_whether_the_host_is_on_it_is_in_the_text() -> None:
    assert MakeNetwork(ID, "q", "irk", has_host=True).text() == "make internal network q"
    assert MakeNetwork(ID, "q", "irk").text() == "make internal network q that not even the host is on"


# Isolated already ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "level"),
    [
        (KernelFacts(alive=True), "proven"),
        (KernelFacts(alive=True, interfaces=("x0",)), "wrong"),
        (KernelFacts(alive=True, addresses=("10.0.0.5",)), "wrong"),
        (KernelFacts(alive=True, elsewhere=(7,)), "asserted by the engine only"),
        (KernelFacts(alive=True, incomplete="there is more"), "asserted by the engine only"),
        (KernelFacts(alive=False), "asserted by the engine only"),
        (None, "asserted by the engine only"),
    ],
)
def test_one_that_is_on_no_network_is_isolated_as_far_as_the_kernel_shows(
    kernel: KernelFacts | None, level: str
) -> None:
    assert SeeIsolated(ID).prove(Seen(web(), web(), kernel, kernel)).level == level
    assert SeeIsolated(ID).prove(Seen(web(), web(state="exited"), None, None)).level == "proven"


def test_one_that_was_put_on_a_network_since_is_not_isolated() -> None:
    after = web(attachments=(Attachment(network="front"), Attachment(network="kept"), Attachment(network="none")))
    said = "NOT isolated: it was attached to front since the plan was made"
    assert SeeIsolated(ID, ("kept",)).prove(Seen(web(), after)) == Proof.wrong(said)
    assert SeeIsolated(ID, ("kept",)).text() == "see that it is on no network but kept"


# Firewall --------------------------------------------------------------------------------------------------------

TABLE = "irkit_01234567_abababababab"


@pytest.mark.parametrize("where", ["namespace", "veth", "cgroup"])
def test_rules_hold_for_one_start_of_a_container(where: Any) -> None:
    block = BlockTraffic(ID, TABLE, where)
    assert block.prove(Seen(web(pid=7), web(pid=7))) == Proof.asserted()
    anew = block.prove(Seen(web(pid=7), web(pid=8)))
    assert anew.level == "wrong" and anew.because.startswith("NOT isolated: it was started anew")
    for after in (None, web(state="exited")):
        assert block.prove(Seen(web(pid=7), after)).level == "proven"


def test_rules_at_a_bridge_hold_whatever_becomes_of_the_container() -> None:
    block = BlockTraffic(ID, TABLE, "bridge", device="irk01")
    for after in (None, web(pid=8), web(state="exited")):
        assert block.prove(Seen(web(pid=7), after)) == Proof.asserted()
    assert block.inapplicable(web(state="exited")) == ""
    assert BlockTraffic(ID, TABLE).inapplicable(web(state="exited")) == "it has no network namespace: it is exited"
