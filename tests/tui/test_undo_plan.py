"""An undo in the terminal interface: connections that go on, and addresses that are taken, are seen to with a key."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.adapters.memory import MemoryTarget
from irkit.app import prepare
from irkit.app.run_service import RunService
from irkit.core.container import Container
from irkit.core.kernel import Connection, KernelFacts
from irkit.core.network import Endpoint, NetworkFacts
from irkit.core.operations import Connect, ResetConnections
from irkit.core.ports import Deadline
from irkit.tui import flows
from irkit.tui.app import IrkitApp
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.screens.undo_plan import UndoPlanScreen
from tests.app.hosts_in_memory import Place
from tests.app.test_evidence_seen import carried_out, ended
from tests.engine.world import attachment, container
from tests.tui.world import play, text_of, until

FIXED = attachment("front", fixed_ipv4="10.1.0.5")
Play = Callable[[IrkitApp, Pilot[Any], UndoPlanScreen], Awaitable[None]]


def undoing(folder: Path, script: Play) -> None:
    """The plan of an undo of a run that isolated one container."""
    place = Place({"a@x": [container("web", FIXED, host="a@x")]})
    run = carried_out(place, folder, "isolate", "")

    async def go(app: IrkitApp, pilot: Pilot[Any]) -> None:
        flows.undo(app, str(run.bundle))
        await until(pilot, lambda: isinstance(app.screen, UndoPlanScreen) and app.screen.plan)
        assert isinstance(app.screen, UndoPlanScreen)
        await script(app, pilot, app.screen)

    play({"a@x": []}, folder, go, place=place, size=(120, 40))


async def choose(app: IrkitApp, pilot: Pilot[Any], screen: UndoPlanScreen, answer: str) -> list[str]:
    """Choose one of the answers, and wait for the plan that is made anew; which answers there are."""
    await pilot.press("f")
    await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
    choice: Any = app.screen.query_one("#choice")
    offered = [str(choice.get_option_at_index(number).id) for number in range(choice.option_count)]
    before = screen.plan
    choice.highlighted = choice.get_option_index(answer)
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is screen and screen.plan is not None and screen.plan is not before)
    return offered


def kinds_of(screen: UndoPlanScreen) -> set[type]:
    assert screen.plan is not None
    return {type(one) for task in screen.plan.tasks for one in task.operations}


@pytest.fixture
def talking(monkeypatch: pytest.MonkeyPatch) -> None:
    def see_kernel(self: MemoryTarget, container: Container, deadline: Deadline) -> KernelFacts:
        return KernelFacts(alive=True, connections=(Connection(local="10.1.0.5:4", remote="203.0.113.9:4444"),))

    monkeypatch.setattr(MemoryTarget, "see_kernel", see_kernel)


@pytest.mark.usefixtures("talking")
def test_connections_that_would_go_on_can_be_ended_first_or_not_after_all(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], screen: UndoPlanScreen) -> None:
        await until(pilot, lambda: "(here: f)" in text_of(app))
        assert ResetConnections not in kinds_of(screen)
        assert await choose(app, pilot, screen, "reset_connections") == ["as-is", "reset_connections"]
        assert ResetConnections in kinds_of(screen)
        await until(pilot, lambda: "as chosen (f): connections that are open are ended" in text_of(app))
        assert await choose(app, pilot, screen, "as-is") == ["as-is", "reset_connections"]
        assert ResetConnections not in kinds_of(screen)

    undoing(tmp_path, script)


def test_where_an_address_is_taken_another_one_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], screen: UndoPlanScreen) -> None:
        offered = await choose(app, pilot, screen, "new_address")
        assert "new_address" in offered
        assert screen.plan is not None
        (back,) = [one for task in screen.plan.tasks for one in task.operations if isinstance(one, Connect)]
        assert back.attachment.fixed_ipv4 not in ("", "10.1.0.5")
        await until(pilot, lambda: "is given the nearest free one" in text_of(app))

    def examine_network(self: MemoryTarget, network: str, deadline: Deadline) -> NetworkFacts:
        thief = Endpoint(container="cd" * 32, name="thief", ipv4="10.1.0.5")
        return NetworkFacts(name=network, id="1", driver="bridge", subnets=("10.1.0.0/24",), endpoints=(thief,))

    monkeypatch.setattr(MemoryTarget, "examine_network", examine_network)
    undoing(tmp_path, script)


def test_what_no_undo_takes_back_is_told(tmp_path: Path) -> None:
    place = Place({"a@x": [container("web", FIXED, host="a@x")]})
    setting = place.setting(tmp_path)
    given = {"commit": "true"}
    made = prepare(setting, "preserve-disk", ["all"], given=given, case="", responder="Ann", hosts=["a@x"])
    run = ended(RunService(setting).begin(made))

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        flows.undo(app, str(run.bundle))
        await until(pilot, lambda: "stays: web: image" in text_of(app) and "as evidence" in text_of(app))

    play({"a@x": []}, tmp_path, script, place=place, size=(120, 40))


def test_where_nothing_is_to_be_chosen_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def see_kernel(self: MemoryTarget, container: Container, deadline: Deadline) -> KernelFacts:
        return KernelFacts(alive=True)

    monkeypatch.setattr(MemoryTarget, "see_kernel", see_kernel)

    async def script(app: IrkitApp, pilot: Pilot[Any], screen: UndoPlanScreen) -> None:
        await pilot.press("f")
        await pilot.pause()
        assert app.screen is screen
        assert "nothing is to be chosen" in " ".join(one.message for one in app._notifications)

    undoing(tmp_path, script)
