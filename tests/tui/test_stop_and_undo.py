"""A run that is stopped to be undone: sealed, then a plan to take it back; nothing is taken back unasked."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.adapters.memory import MemoryTarget
from irkit.app import prepare
from irkit.core.operations import DumpMemory, Export, Operation, ReadLogs, Touch
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.tui.app import IrkitApp
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.screens.plan import PlanScreen
from tests.app.hosts_in_memory import Place
from tests.app.slow_host import Slow
from tests.tui.world import play, text_of, until

BULK = (ReadLogs, Export, DumpMemory)


class LongReads(Slow):
    """A host on which reads of logs and file systems go on until they are told to end, and all else comes at once."""

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if isinstance(operation, BULK):
            return super().apply(operation, intake, deadline)
        return MemoryTarget.apply(self, operation, intake, deadline)


def begin(app: IrkitApp, place: Place, folder: Path) -> None:
    prepared = prepare(
        place.setting(folder),
        "contain-and-preserve",
        ["all"],
        given={},
        case="IR-1",
        responder="ann@desk",
        hosts=["a@x"],
    )
    app.services.runs.begin(prepared)


@pytest.mark.parametrize("key", ["X", "q"], ids=["from its screen", "from the way out"])
def test_stop_and_undo_ends_the_run_and_shows_the_plan_that_takes_it_back(tmp_path: Path, key: str) -> None:
    place = Place(special={"a@x": LongReads})

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "on-a@x" in text_of(app))
        host = place.opened["a@x"]
        assert isinstance(host, LongReads)
        (container,) = host.containers.values()
        begin(app, place, tmp_path)
        run = app.services.runs.latest
        assert run is not None
        await until(pilot, lambda: host.containers[container.id].state == "paused" and host.waits.is_set())
        await pilot.press("5", key)
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        choice: Any = app.screen.query_one("#choice")
        choice.highlighted = choice.get_option_index("undo")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
        assert run.is_over and run.bundle is not None
        assert run.run.finished is not None and run.run.finished.outcome == "interrupted"
        await until(pilot, lambda: "DRY RUN" in text_of(app))
        assert isinstance(app.screen, PlanScreen) and app.screen.plan is not None
        assert app.screen.plan.undoes == run.plan.run
        assert {one.touch for task in app.screen.plan.tasks for one in task.operations} >= {Touch.CHANGE}
        now = host.containers[container.id]
        assert now.state == "paused" and not now.attachments, "nothing is taken back before it is confirmed"

    play({"a@x": []}, tmp_path, script, place=place)


def test_going_on_ends_nothing(tmp_path: Path) -> None:
    place = Place(special={"a@x": LongReads})

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        begin(app, place, tmp_path)
        run = app.services.runs.latest
        assert run is not None
        await pilot.press("5", "X")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ChoiceScreen))
        assert not run.is_ending and not run.is_over

    play({"a@x": []}, tmp_path, script, place=place)
