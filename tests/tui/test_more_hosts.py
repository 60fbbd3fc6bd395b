"""Hosts of the inventory that are not in the list: said below it, offered where hosts are added, not connected to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.app.live import Live
from irkit.app.opened import Opened
from irkit.app.run_service import RunService
from irkit.tui.app import IrkitApp
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.services import Services
from tests.app.hosts_in_memory import Place, one_each
from tests.tui.world import text_of, until

HOSTS = "hosts:\n  - {name: web1, address: 10.0.0.5}\n  - {name: db1}\n"
LINE = "2 hosts of hosts.yml are not shown: --host all, or add them among Hosts"
Play = Callable[[IrkitApp, Pilot[Any], Place], Awaitable[None]]


def open_on(folder: Path, hosts: Sequence[str], script: Play) -> None:
    place = Place(one_each("local", "web1", "db1"))
    setting = place.setting(folder)
    setting.inventory = folder / "hosts.yml"
    setting.inventory.write_text(HOSTS, encoding="utf-8")
    live = Live(setting, hosts)
    live.start()
    app = IrkitApp(Services(setting, Opened(hosts=tuple(hosts)), live, RunService(setting)))

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await script(app, pilot, place)

    try:
        asyncio.run(run())
    finally:
        live.close()


async def chosen(app: IrkitApp, pilot: Pilot[Any], answer: str) -> None:
    await pilot.press("7", "plus")
    await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
    choice: Any = app.screen.query_one("#choice")
    choice.highlighted = choice.get_option_index(answer)
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(app.screen, ChoiceScreen))


def test_they_are_told_below_the_list_and_not_connected_to(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], place: Place) -> None:
        await until(pilot, lambda: LINE in text_of(app) and "on-local" in text_of(app))
        assert list(place.opened) == ["local"]

    open_on(tmp_path, [], script)


def test_who_has_chosen_hosts_is_told_of_no_others(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], place: Place) -> None:
        await until(pilot, lambda: "on-web1" in text_of(app) and app.services.not_shown.beside(()))
        await pilot.pause(0.5)
        assert "not shown" not in text_of(app)

    open_on(tmp_path, ["web1"], script)


@pytest.mark.parametrize(("answer", "shown"), [("db1", ["local", "db1"]), ("all", ["local", "web1", "db1"])])
def test_one_or_all_of_them_can_be_added(tmp_path: Path, answer: str, shown: list[str]) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], place: Place) -> None:
        await until(pilot, lambda: LINE in text_of(app))
        await chosen(app, pilot, answer)
        await until(pilot, lambda: set(place.opened) == set(shown))
        await pilot.press("1")
        await until(pilot, lambda: all(f"on-{name}" in text_of(app) for name in shown))
        await until(pilot, lambda: ("1 host of" in text_of(app)) is (answer == "db1") and LINE not in text_of(app))

    open_on(tmp_path, [], script)


def test_another_one_is_typed(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any], place: Place) -> None:
        await until(pilot, lambda: LINE in text_of(app))
        await chosen(app, pilot, "")
        await pilot.press(*"edge-9", "enter")
        await until(pilot, lambda: "edge-9" in place.opened)

    open_on(tmp_path, [], script)
