"""A containment held from the terminal interface: chosen in the plan, said before it is agreed to, ended by X."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.core.container import Container
from irkit.tui import flows
from irkit.tui.app import IrkitApp
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.screens.confirm import ConfirmScreen
from irkit.tui.screens.plan import PlanScreen
from tests.app.hosts_in_memory import Place
from tests.engine.world import attachment, container
from tests.tui.world import play, text_of, until

WEB = container("web", attachment("front"), host="a@x")


async def planned(app: IrkitApp, pilot: Pilot[Any], playbook: str) -> PlanScreen:
    flows.plan(app, playbook, [WEB.key])
    await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
    assert isinstance(app.screen, PlanScreen)
    return app.screen


async def chosen(app: IrkitApp, pilot: Pilot[Any], key: str, answer: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
    choice: Any = app.screen.query_one("#choice")
    choice.highlighted = choice.get_option_index(answer)
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(app.screen, ChoiceScreen))


async def agreed(app: IrkitApp, pilot: Pilot[Any]) -> str:
    """Agree to the plan; what the confirmation said."""
    app.is_armed = True
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    await until(pilot, lambda: "Type" in text_of(app))
    said = " ".join(text_of(app).replace("┃", " ").split())
    await pilot.press(*"web", "enter")
    await until(pilot, lambda: app.services.runs.latest is not None)
    return said


def is_in_view(app: IrkitApp) -> bool:
    """Whether what is to be typed is."""
    field, box = app.screen.query_one("#confirm-input"), app.screen.query_one("#confirm-box")
    return box.region.contains_region(field.region)


def now(place: Place) -> Container:
    (one,) = place.opened["a@x"].containers.values()
    return one


@pytest.mark.parametrize("answer", ["until", "8h"])
def test_what_is_contained_is_held_until_x_ends_it(tmp_path: Path, answer: str) -> None:
    place = Place({"a@x": [WEB]})

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "web" in text_of(app))
        await planned(app, pilot, "isolate")
        await until(pilot, lambda: "h: hold what is contained" in text_of(app))
        await chosen(app, pilot, "h", answer)
        times = "for 8 hours, or until X" if answer == "8h" else "watched until X ends the run"
        await until(pilot, lambda: times in text_of(app))
        assert f"{times}" in await agreed(app, pilot)
        run = app.services.runs.latest
        assert run is not None and run.plan.hold == "tell"
        signs = ("holding 1 container(s)", "X ends it", "HOLDS")
        await until(pilot, lambda: all(one in text_of(app) for one in signs))
        assert not run.is_over
        await chosen(app, pilot, "X", "step")
        await until(pilot, lambda: run.is_over)
        assert run.error == "" and not now(place).attachments

    play({"a@x": []}, tmp_path, script, place=place, size=(120, 40))


def test_a_plan_that_contains_nothing_or_nothing_any_more_holds_nothing(tmp_path: Path) -> None:
    place = Place({"a@x": [WEB]})

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "web" in text_of(app))
        await planned(app, pilot, "triage")
        await pilot.press("h", "escape")
        assert "there is nothing to hold" in " ".join(one.message for one in app._notifications)
        screen = await planned(app, pilot, "isolate")
        await chosen(app, pilot, "h", "until")
        assert screen.plan is not None and screen._as_chosen(screen.plan).hold == "tell"
        screen._left_out = {"cut-off"}
        assert screen._as_chosen(screen.plan).hold == ""
        screen._left_out = set()
        await chosen(app, pilot, "h", "no")
        assert screen._as_chosen(screen.plan).hold == ""

    play({"a@x": []}, tmp_path, script, place=place, size=(120, 40))


@pytest.mark.parametrize("answer", ["no", "24h"])
def test_what_is_to_be_typed_is_in_view_however_many_containers_and_whatever_size(tmp_path: Path, answer: str) -> None:
    many = [container(f"web-{number}", attachment("front"), host="a@x") for number in range(30)]

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "web-1" in text_of(app))
        flows.plan(app, "isolate", [one.key for one in many])
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
        await chosen(app, pilot, "h", answer)
        app.is_armed = True
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        for size in ((60, 15), (80, 24), (60, 15)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: is_in_view(app))
            assert "Type  isolate 30 on a@x" in text_of(app) and " more" in text_of(app)
            assert ("HOLD" in text_of(app)) is (answer == "24h")

    play({"a@x": []}, tmp_path, script, place=Place({"a@x": many}), size=(60, 15))
