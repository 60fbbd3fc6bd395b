"""In a storm of changes, twenty a second, what is planned and acted on is what was marked, or under the cursor."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from irkit.core.operations import Touch
from irkit.tui.app import IrkitApp
from irkit.tui.choices import Choices
from irkit.tui.screens.confirm import ConfirmScreen
from irkit.tui.screens.container import ContainerScreen
from irkit.tui.screens.plan import PlanScreen
from irkit.tui.screens.playbooks import PlaybooksScreen
from irkit.tui.screens.run import RunScreen
from irkit.tui.screens.triage import TriageScreen
from tests.soak import often
from tests.tui.storming import NO_CONTAINERS, PACE, Storm, base_name, storm_place
from tests.tui.world import play, text_of, until


class Scene:
    """The app on the hosts of a storm, as a test works with it."""

    def __init__(self, app: IrkitApp, pilot: Pilot[Any], storm: Storm) -> None:
        self.app, self.pilot, self.storm = app, pilot, storm

    @property
    def triage(self) -> TriageScreen:
        return next(one for _, stack in self.app.stacks() for one in stack if isinstance(one, TriageScreen))

    @property
    def plan(self) -> PlanScreen:
        assert isinstance(self.app.screen, PlanScreen), self.app.screen
        return self.app.screen

    async def ready(self) -> None:
        await self.until(lambda: len(self.triage._known) >= 20)

    async def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        await until(self.pilot, condition, seconds)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def mark(self, count: int) -> tuple[str, ...]:
        """Mark so many rows, some lines from one another; which they are."""
        await self.press("g")
        while len(self.triage.table.marked) < count:
            await self.press("j", "j")
            if await self.spare() not in (None, *self.triage.table.marked):
                await self.press("space")
        return self.triage.table.marked

    async def spare(self) -> str | None:
        """Have the storm spare the container under the cursor; None where it was gone before."""
        key = self.triage.table.cursor_key
        self.storm.spared |= {key or ""}
        return key if key in self.storm.keys else None

    async def spared(self, *keys: str) -> str:
        """Put the cursor somewhere, and the container that is spared there."""
        while True:
            await self.press(*keys)
            if (key := await self.spare()) is not None:
                return key

    async def planned(self) -> list[str]:
        """The targets of the plan on the screen, once it is made."""
        await self.until(lambda: isinstance(self.app.screen, PlanScreen) and self.plan._planning is not None)
        await self.until(lambda: self.plan.plan is not None or (self.plan._planning and self.plan._planning.error))
        return sorted(one.key for one in self.plan.plan.targets) if self.plan.plan is not None else []

    async def agree(self) -> None:
        """Confirm the plan on the screen."""
        await self.press("enter")
        await self.until(lambda: isinstance(self.app.screen, ConfirmScreen))
        confirm = self.app.screen
        assert isinstance(confirm, ConfirmScreen)
        if confirm.phrase:
            confirm.query_one(Input).value = confirm.phrase
        await self.press("enter")

    async def ran(self) -> set[str]:
        """The keys that were changed, or read where nothing was to be changed, once the run is over."""
        await self.until(
            lambda: self.app.services.runs.latest is not None and self.app.services.runs.latest.is_over, 90
        )
        found = {(touch, f"{host.host.name}/{id}") for host in self.storm.hosts for touch, id in host.touched}
        changed = {key for touch, key in found if touch is not Touch.READ}
        return changed or {key for _, key in found}

    def cursor_line(self) -> str:
        """The line of the list that the cursor is on, as it is written."""
        lines = [line for line in text_of(self.app).splitlines() if line.startswith(">")]
        return lines[0] if lines else ""


Test = Callable[[Scene], Awaitable[None]]


def in_storm(folder: Path, test: Test, seed: int = 1, *, calm: bool = False) -> None:
    place = storm_place(*NO_CONTAINERS)

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        scene = Scene(app, pilot, Storm(place, seed))
        await scene.ready()
        blowing = None if calm else asyncio.create_task(scene.storm.blow())
        try:
            await test(scene)
        finally:
            scene.storm.is_over = True
            if blowing is not None:
                await blowing

    play(NO_CONTAINERS, folder, script, place=place, pace=PACE, size=(160, 24))


# A storm of changes and keys ------------------------------------------------------------------------------------------

KEYS = ("j", "k", "j", "k", "space", "space", "space", "o", "g", "G", "pagedown", "pageup", "filter", "clear", "v")
FILTERS = ("alpha", "!beta-1", "state:running", "risk>=H", "app:1", "nothing-has-this")


@pytest.mark.parametrize("seed", range(often(4, 2)))
def test_marks_and_cursor_stay_on_their_containers_whatever_comes(tmp_path: Path, seed: int) -> None:
    async def test(scene: Scene) -> None:
        table, choice = scene.triage.table, scene.storm.choice
        marked: set[str] = set()
        for _ in range(60):
            key = choice.choice(KEYS)
            held, before = table.cursor_key, set(table.marked)
            if key == "filter":
                scene.triage.query_one(Input).value = choice.choice(FILTERS)
            elif key == "clear":
                scene.triage.query_one(Input).value = ""
            else:
                await scene.press(key)
            marked |= set(table.marked) - before
            if key not in ("space", "v", "j", "k", "g", "G", "pagedown", "pageup"):
                assert table.cursor_key in (held, None), "no change of the list moves the cursor to another container"
            gone = marked - set(table.marked)
            assert all(one not in scene.storm.keys or key in ("space", "v") for one in gone)
            marked = set(table.marked)
            if table.cursor_key is not None and (line := scene.cursor_line()):
                name = base_name(scene.triage._known[table.cursor_key].row.summary.name)
                assert base_name(line) == name, "the line under the cursor is that of the container acted on"
        assert scene.storm.count > 20

    in_storm(tmp_path, test, seed)


@pytest.mark.parametrize("seed", range(often(3, 2)))
def test_a_plan_is_for_what_was_marked_and_a_run_acts_on_just_that(tmp_path: Path, seed: int) -> None:
    async def test(scene: Scene) -> None:
        scene.app.is_armed = True
        marked = await scene.mark(3)
        for _ in range(seed + 1):
            await scene.press("o", "j", "pagedown")
        scene.triage.query_one(Input).value = "nothing-has-this"
        await scene.until(lambda: scene.triage.table.hidden_marks == 3)
        assert scene.triage.table.marked == marked
        await scene.press("I")
        assert await scene.planned() == sorted(marked)
        await scene.agree()
        await scene.until(lambda: isinstance(scene.app.screen, RunScreen))
        assert await scene.ran() == set(marked)

    in_storm(tmp_path, test, seed)


def test_without_marks_the_plan_is_for_the_container_under_the_cursor_when_the_key_was_pressed(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        for turn in range(4):
            key = await scene.spared("g", *["j"] * (turn * 3))
            await scene.press("C")
            assert await scene.planned() == [key]
            await scene.press("escape")
            assert scene.triage.table.cursor_key == key

    in_storm(tmp_path, test, 5)


def test_the_container_screen_keeps_its_container(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        key = await scene.spared("g", "j", "j")
        await scene.press("enter")
        await scene.until(lambda: isinstance(scene.app.screen, ContainerScreen))
        name = base_name(scene.storm.keys[key].name)
        for number in range(20):
            if number % 5 == 0:
                scene.storm.host_of(key).rename(key.partition("/")[2])
            await scene.pilot.pause(0.05)
            assert scene.app.screen.target_keys() == [key]  # type: ignore[attr-defined]
            assert base_name(text_of(scene.app).splitlines()[1]) == name
        await scene.until(lambda: scene.storm.keys[key].name in text_of(scene.app))
        scene.storm.host_of(key).remove(key.partition("/")[2])
        await scene.until(lambda: "GONE" in text_of(scene.app))
        await scene.press("C")
        assert await scene.planned() == []
        assert scene.app.planned_for == [key]

    in_storm(tmp_path, test, 6)


# One change at a time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["remove", "restart"])
@pytest.mark.parametrize("when", ["before the confirmation", "while it is typed"])
def test_a_target_that_is_not_what_it_was_leads_back_to_the_plan(tmp_path: Path, act: str, when: str) -> None:
    async def test(scene: Scene) -> None:
        scene.app.is_armed = True
        marked = await scene.mark(2)
        await scene.press("I")
        assert await scene.planned() == sorted(marked)
        plan = scene.plan
        if when == "while it is typed":
            await scene.press("enter")
        host, id = scene.storm.host_of(marked[0]), marked[0].partition("/")[2]
        getattr(host, act)(id)
        first = plan.plan
        assert first is not None
        await scene.until(lambda: plan.moved(first))
        if when == "before the confirmation":
            await scene.press("enter")
        await scene.until(lambda: isinstance(scene.app.screen, ConfirmScreen))
        confirm = scene.app.screen
        assert isinstance(confirm, ConfirmScreen)
        confirm.query_one(Input).value = confirm.phrase
        await scene.press("enter")
        await scene.until(lambda: scene.app.screen is plan)
        assert scene.app.services.runs.latest is None
        now = await scene.planned()
        assert now == (sorted(marked) if act == "restart" else [])
        assert plan.plan is not first

    in_storm(tmp_path, test, calm=True)


def test_keys_do_not_fall_on_another_container_where_the_marked_ones_are_gone(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        marked = await scene.mark(1)
        await scene.press("j")
        other = scene.triage.table.cursor_key
        assert other is not None and other not in marked
        scene.storm.host_of(marked[0]).remove(marked[0].partition("/")[2])
        await scene.until(lambda: not scene.triage.table.marked)
        await scene.press("C")
        await scene.pilot.pause(0.3)
        assert scene.app.screen is scene.triage and scene.app.planned_for == []
        await scene.press("j", "C")
        assert await scene.planned() == [scene.triage.table.cursor_key]

    in_storm(tmp_path, test, calm=True)


def test_the_playbooks_are_for_what_is_marked_when_they_are_gone_to(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        (first,) = await scene.mark(1)
        await scene.press("P")
        await scene.until(lambda: isinstance(scene.app.screen, PlaybooksScreen))
        await scene.press("1", "u", "j", "space")
        (second,) = scene.triage.table.marked
        assert second != first
        await scene.press("3")
        await scene.until(lambda: isinstance(scene.app.screen, PlaybooksScreen))
        assert scene.app.screen.target_keys() == [second]  # type: ignore[attr-defined]
        await scene.press("1", "u", "o")
        scene.triage.table.release()
        await scene.press("3")
        await scene.until(lambda: "no container marked" in text_of(scene.app))

    in_storm(tmp_path, test, calm=True)


def test_a_plan_that_waits_is_not_taken_for_that_of_other_containers(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        (first,) = await scene.mark(1)
        await scene.press("P")
        await scene.until(lambda: isinstance(scene.app.screen, PlaybooksScreen))
        listed = scene.app.screen.query_one("#playbooks", Choices)
        await scene.until(lambda: listed.highlighted is not None)  # they are read on another thread
        await scene.press("enter")
        assert await scene.planned() == [first]
        await scene.press("1", "u", "j", "space")
        (second,) = scene.triage.table.marked
        await scene.press("P")
        await scene.until(lambda: isinstance(scene.app.screen, PlaybooksScreen))
        assert scene.app.planned_for == [second]

    in_storm(tmp_path, test, calm=True)


def test_undo_keeps_its_run_whatever_is_run_meanwhile(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        scene.app.is_armed = True
        (first,) = await scene.mark(1)
        await scene.press("I")
        await scene.planned()
        await scene.agree()
        await scene.until(lambda: isinstance(scene.app.screen, RunScreen))
        assert await scene.ran() == {first}
        await scene.until(scene.app.run_in_view)
        run = scene.app.services.runs.runs[0].plan.run
        await scene.press("U")
        assert await scene.planned() == [first] and scene.plan.plan and scene.plan.plan.undoes
        undo = scene.plan
        assert undo.plan is not None and run in undo.plan.undoes
        await scene.press("1", "u", "j", "j", "space", "C")
        (second,) = scene.triage.table.marked
        assert await scene.planned() == [second]
        await scene.agree()
        await scene.until(
            lambda: len(scene.app.services.runs.runs) == 2 and scene.app.services.runs.runs[1].is_over, 60
        )
        assert undo.plan is not None and run in undo.plan.undoes and [one.key for one in undo.plan.targets] == [first]

    in_storm(tmp_path, test, calm=True)
