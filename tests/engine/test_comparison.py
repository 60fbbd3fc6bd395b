"""The end of an undo: what is not as it was found is said; a host that fails is not asked again and again."""

from typing import Any

import pytest

from irkit.adapters.fixed_clock import FixedClock
from irkit.adapters.memory import MemoryTarget
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.finding import Finding, Severity
from irkit.core.found import DIFFERS
from irkit.core.kernel import KernelFacts
from irkit.core.plan import Plan
from irkit.core.ports import Deadline
from irkit.engine.comparison import Comparison
from irkit.engine.deadline import Cancel
from tests.engine.world import World, attachment, container, step


def undo_plan(*names: str) -> tuple[World, Plan]:
    world = World(*(_made(name, number) for number, name in enumerate(names, start=2)))
    run = world.run(world.plan(step("isolate.disconnect")))
    return world, world.plan_undo(run)


def _made(name: str, number: int) -> Container:
    places = [attachment(one, fixed_ipv4=f"10.{subnet}.0.{number}") for subnet, one in enumerate(["back", "front"])]
    return container(name, *places)


def compared(world: World, plan: Plan) -> list[Finding]:
    return list(Comparison(world.targets, FixedClock(), Cancel()).findings(plan))


def test_what_is_still_cut_off_is_told_gravest_first() -> None:
    world, plan = undo_plan("web")
    (one,) = compared(world, plan)
    assert (one.check, one.severity, one.container) == (DIFFERS, Severity.HIGH, world.containers["web"].key)
    assert one.because == ("it was on network back and is not", "it was on network front and is not")
    assert one.summary == f"not as it was found: {'; '.join(one.because)}" and "docker inspect" in one.remedy


def test_what_is_as_it_was_is_not_told() -> None:
    world, plan = undo_plan("web", "app")
    assert [one for one in world.run(plan).findings if one.check == DIFFERS] == []


def test_a_container_that_is_gone_is_told() -> None:
    world, plan = undo_plan("web")
    world.memory["local"].containers.clear()
    (one,) = compared(world, plan)
    assert one.because == ("it is gone",) and one.severity is Severity.HIGH


def test_a_host_that_fails_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world, plan = undo_plan("web", "app")
    asked = []

    def examine(self: MemoryTarget, container: str, deadline: Deadline) -> Container:
        asked.append(container)
        raise TargetError("no answer", Refusal.TIMEOUT)

    monkeypatch.setattr(MemoryTarget, "examine", examine)
    found = compared(world, plan)
    assert len(asked) == 1 and len(found) == 2
    assert all("cannot be told: no answer" in one.summary for one in found)


def test_the_kernel_tells_the_interface_and_the_default_route(monkeypatch: pytest.MonkeyPatch) -> None:
    world, plan = undo_plan("web")
    world.run(plan)

    def see_kernel(self: MemoryTarget, container: Container, deadline: Deadline) -> KernelFacts:
        places = {one.ipv4: f"eth{number}" for number, one in enumerate(container.attachments, start=2)}
        return KernelFacts(alive=True, places=places)

    monkeypatch.setattr(MemoryTarget, "see_kernel", see_kernel)
    (one,) = compared(world, plan)
    assert one.severity is Severity.LOW and "back its interface was eth1 and is eth2" in one.summary


def test_an_undo_that_is_interrupted_compares_nothing() -> None:
    world, plan = undo_plan("web")
    runner = world.runner()
    runner.interrupt()
    findings: list[Any] = [record for record in runner.execute(plan) if DIFFERS in str(record)]
    assert findings == []
