"""irkit on a hostile host, led through every screen and tab on the terminal that this is started on, and clicked at.

`python -m tests.tui.hostile_tour FOLDER`: what it came across is written to FOLDER/report.json. It is the real app with
the real driver; who started it looks at what the terminal was sent.
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from irkit.tui.app import IrkitApp
from irkit.tui.line_view import Line, LineView
from irkit.tui.live_table import LiveTable
from irkit.tui.panes.pane import Pane
from irkit.tui.screens.bundle import BundleScreen
from irkit.tui.screens.case import CaseScreen
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.screens.confirm import ConfirmScreen
from irkit.tui.screens.item import ItemScreen
from irkit.tui.screens.plan import PlanScreen
from tests.app.hosts_in_memory import Place
from tests.soak import often
from tests.tui.hostile import ATTACK, COUNT, MARKUP, HostileTarget, RefusingTarget
from tests.tui.idle import wait_for_what_is_under_way
from tests.tui.world import services, text_of, until

SIGN = "[@click"
APART, ASIDE = often(6, 12), 6
"""Columns between clicks on a line, and how far those of the lines below are moved to the side."""
TABS = {"t": "processes", "w": "network", "f": "files", "l": "logs", "i": "inspect", "o": "overview"}
_OWN_CLICKS = ("scroll_", "grab", "release")
"""What clicks on scroll bars do."""


@dataclass
class Tour:
    """The way, and what was met on it."""

    app: IrkitApp
    pilot: Pilot[Any]
    stops: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], object]) -> None:
        await until(self.pilot, condition)

    async def stop(self, name: str, *, is_hostile: bool = True, sign: str = SIGN) -> None:
        """Wait until this screen shows what is hostile, look at it closely, and click all over it."""
        if is_hostile:
            await self.until(lambda: sign in text_of(self.app))
        self.check_segments(name)
        await self.click_everywhere(name)
        self.stops.append(name)

    def check_segments(self, name: str) -> None:
        """Nothing that is shown can be clicked to run an action, or leads anywhere."""
        for strip in self.app.screen._compositor.render_strips():
            for segment in strip:
                style = segment.style
                if style is not None and (style.link or any(str(key).startswith("@click") for key in style.meta)):
                    self.problems.append(f"{name}: {segment!r} can be clicked")

    async def click_everywhere(self, name: str) -> None:
        """Click on every line, in every few columns, but for the keys below, which are there to be clicked."""
        before, width, height = self.app.screen, self.app.size.width, self.app.size.height
        self.actions.clear()
        for y in range(height - 1):
            for x in range(1 + y % ASIDE, width - 3, APART):
                for kind in (events.MouseDown, events.MouseUp):
                    self.app.post_message(kind(None, x, y, 0, 0, 1, False, False, False, x, y))
        await self.pilot.pause()
        ran = [one for one in self.actions if not one.startswith(_OWN_CLICKS)]
        if ran:
            self.problems.append(f"{name}: clicks ran {ran}")
        if self.app.screen is not before:
            self.problems.append(f"{name}: clicks led to {self.app.screen!r}")


async def tour(way: Tour) -> None:
    """All screens, first to last."""
    await triage(way)
    await container_tabs(way)
    await playbooks(way)
    await plan_and_run(way)
    await evidence(way)
    await others(way)


async def triage(way: Tour) -> None:
    app = way.app
    await way.until(lambda: f"{COUNT}/{COUNT} shown" in text_of(app) and "??????" not in text_of(app))
    await way.stop("triage")
    await way.press("slash")
    app.post_message(events.Paste(f"risk>={ATTACK}"))
    await way.stop("triage: a filter that is wrong", sign="filter:")
    await way.press("enter", "escape", "o")
    app.say(ATTACK)
    app.notify(ATTACK, title=ATTACK, severity="error")
    await way.stop("notifications")
    app.clear_notifications()


def lines_of(app: IrkitApp, tab: str) -> list[Line]:
    """What a tab shows by now."""
    return app.screen.query_one(f"#{tab}", Pane).view.lines


async def container_tabs(way: Tour) -> None:
    app = way.app
    await way.press("g", "enter")
    await way.until(lambda: "findings" in text_of(app))
    await way.stop("container")
    for key, name in TABS.items():
        await way.press(key)
        await way.until(partial(lines_of, app, name))
        await way.stop(f"container: {name}")
        await way.press(key)  # clicks chose other tabs
        await way.until(partial(lines_of, app, name))
        for move in ("g", "right", "right", "G"):
            await way.press(move)
        await way.stop(f"container: {name}, its end", is_hostile=False)
    await way.press("i", "r", "g", "j", "y", "Y")
    await way.stop("container: inspect, revealed")
    await way.press("slash")
    app.post_message(events.Paste(ATTACK))
    await way.press("enter", "n")
    await way.stop("container: a search in vain", is_hostile=False)
    await way.press("escape", "escape")
    app.clear_notifications()


async def playbooks(way: Tour) -> None:
    await way.press("a", "P")
    await way.until(lambda: "NOT VALID" in text_of(way.app))
    await way.stop("playbooks")
    await way.press("end")
    await way.stop("playbooks: the last", is_hostile=False)
    await way.press("escape")


async def plan_and_run(way: Tour) -> None:
    app = way.app
    await way.press("A", "I")
    await way.until(lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
    app.clear_notifications()
    await way.stop("plan")
    await way.press("x", "j", "j", "j", "j")
    await way.stop("plan: operations")
    await way.press("enter")
    await way.until(lambda: isinstance(app.screen, ConfirmScreen))
    await way.stop("confirm")
    assert isinstance(app.screen, ConfirmScreen)
    app.post_message(events.Paste(app.screen.phrase))
    await way.press("enter")
    await way.until(lambda: app.services.runs.latest)
    run = app.services.runs.latest
    assert run is not None
    await way.stop("run")
    await way.until(lambda: run.is_over and "irb-" in text_of(app))
    await way.stop("run: its end")
    await way.press("j", "j", "j", "j")
    await way.stop("run: further down")


async def evidence(way: Tour) -> None:
    app = way.app
    await way.press("6")
    await way.until(app.run_in_view)  # the header is hostile too, and there before the list
    await way.stop("evidence")
    await way.press("home", "v")
    await way.until(lambda: isinstance(app.screen, BundleScreen) and "erif" in text_of(app))
    await way.until(lambda: "verifies:" in text_of(app) or "DOES NOT" in text_of(app))
    await way.stop("bundle")
    await way.press("l")
    await way.stop("bundle: its log")
    await way.press("l")
    for end in ("inspect.json", "rootfs.tar", "processes.jsonl", "stdout.log", "stderr.log", "changes.json"):
        await item(way, end)
    await way.press("U")
    await way.until(lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
    await way.stop("plan: undo")
    await way.press("escape", "escape", "escape")


async def item(way: Tour, end: str) -> None:
    """An item of that kind, as it is shown first, and the other way."""
    app = way.app
    view = app.screen.query_one(LineView)
    stored = (end, f"{end}.zst")

    def found() -> list[int]:
        return [n for n, one in enumerate(view.lines) if one.path and one.path.endswith(stored)]

    await way.until(found)
    view._go(found()[0])
    await way.press("enter")
    for how in ("first", "other"):
        await way.until(lambda: isinstance(app.screen, ItemScreen) and app.screen.query_one(LineView).lines)
        await way.press("right", "right")
        await way.stop(f"item {end}: {how}", is_hostile=False)
        await way.press("x")
    await way.press("escape")


async def others(way: Tour) -> None:
    app = way.app
    await way.press("7")
    await way.until(lambda: "bad" in text_of(app))
    app.screen.query_one(LiveTable).move_to("bad")
    await way.stop("hosts")
    await way.press("semicolon")
    app.screen.query_one(Input).value = ATTACK
    await way.stop("note", is_hostile=False)
    await way.press("enter", "8")
    await way.until(lambda: isinstance(app.screen, CaseScreen) and app.screen._seen)
    await way.stop("case")
    await way.press("c")
    await way.until(lambda: isinstance(app.screen, ChoiceScreen))
    way.check_segments("case: a choice")  # its answers are there to be clicked
    await way.press("escape")
    await way.press("question_mark")
    await way.stop("help", is_hostile=False)
    await way.press("escape")
    await way.press("ctrl+p")
    app.post_message(events.Paste(MARKUP))
    await way.until(lambda: "No matches" in text_of(app))
    way.check_segments("palette")  # a click beside it closes it
    await way.press("escape")


async def main(folder: Path) -> None:
    """Run the app, and write down what came of it."""
    wait_for_what_is_under_way(pytest.MonkeyPatch())
    place = Place(special={"wild": HostileTarget, "bad": RefusingTarget})
    parts = services(place, folder / "evidence", ["wild", "bad"], case=ATTACK, responder=ATTACK)
    app = IrkitApp(parts)
    told: dict[str, Any] = {"problems": [], "stops": []}
    ran: list[str] = []
    usual = app.run_action

    async def run_action(action: Any, *rest: Any, **more: Any) -> bool:
        ran.append(str(action if isinstance(action, str) else action[1]))
        return await usual(action, *rest, **more)

    app.run_action = run_action  # type: ignore[method-assign]

    async def led(pilot: Pilot[Any]) -> None:
        way = Tour(app, pilot, actions=ran)
        try:
            await tour(way)
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - whatever it is, it is told
            way.problems.append(f"{traceback.format_exc()}\n{text_of(app)}")
        told.update(problems=way.problems, stops=way.stops)
        app.exit(0)

    try:
        await app.run_async(auto_pilot=led)
    finally:
        parts.close()
        told["crash"] = repr(app.crash) if app.crash else ""
        if app.crash:
            told["crash"] += "".join(traceback.format_exception(app.crash))
        (folder / "report.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
