"""Lines that tell something: they are painted where they differ, and lay nothing out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Region
from textual.pilot import Pilot

from irkit.tui.header import HeaderLine
from irkit.tui.notice import Notice


class Counted(Notice):
    """Counts what it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[object] = []

    def refresh(self, *regions: Region, **how: Any) -> Self:
        self.asked.append(how.get("layout"))
        return super().refresh(*regions, **how)


class CountedHeader(HeaderLine):
    """Counts how often it is painted."""

    painted = 0

    def render(self) -> Content:
        self.painted += 1
        return super().render()


class World(App[None]):
    said = "12:00:00Z"

    def compose(self) -> ComposeResult:
        yield CountedHeader()
        yield Counted()

    def header(self, width: int) -> Content:
        return Content(self.said)


def on_screen(test: Callable[[World, Pilot[None]], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        async with world.run_test() as pilot:
            await pilot.pause()
            await test(world, pilot)

    asyncio.run(run())


def test_what_is_told_again_is_not_painted_again() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        notice = world.query_one(Counted)
        notice.asked.clear()
        for _ in range(10):
            notice.update("3 marked")
        assert notice.asked == [False], "painted once, and nothing laid out"
        notice.update(Content.styled("3 marked", "bold"))
        notice.update(Content.styled("3 marked", "bold"))
        assert notice.asked == [False, False], "a style is a difference"
        assert str(notice.content) == "3 marked"

    on_screen(test)


def test_no_markup_is_read() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        notice = world.query_one(Counted)
        notice.update("[bold]x[/bold] [@click=app.exit]y[/]")
        await pilot.pause()
        assert str(notice.render()) == "[bold]x[/bold] [@click=app.exit]y[/]"

    on_screen(test)


def test_the_header_is_painted_where_it_says_something_else() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        header = world.query_one(CountedHeader)
        before = -1
        while before != header.painted:  # until it is there as it is
            before = header.painted
            await pilot.pause(0.05)
        for _ in range(5):
            header.look()
            await pilot.pause()
        assert header.painted == before
        world.said = "12:00:01Z"
        header.look()
        await pilot.pause()
        assert header.painted == before + 1

    on_screen(test)
