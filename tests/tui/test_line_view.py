"""Lines that come by the thousand: what each of them costs does not grow with those that are there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

from irkit.core.text import Safe
from irkit.tui.line_view import MOST, Line, LineView


class Counted(LineView):
    """Counts the lines that are rendered."""

    rendered = 0

    def render_line(self, y: int) -> Strip:
        self.rendered += 1
        return super().render_line(y)


class CountedScreen(Screen[None]):
    """Counts how often it is laid out."""

    layouts = 0

    def _refresh_layout(self, size: Size | None = None, scroll: bool = False) -> None:
        self.layouts += 1
        super()._refresh_layout(size, scroll)


class World(App[None]):
    def get_default_screen(self) -> Screen[None]:
        return CountedScreen()

    def compose(self) -> ComposeResult:
        yield Counted()


def on_screen(test: Callable[[Counted, Pilot[None]], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        async with world.run_test(size=(40, 10)) as pilot:
            view = world.query_one(Counted)
            view.focus()
            await pilot.pause()
            await test(view, pilot)

    asyncio.run(run())


class Looked(str):
    """A text that counts how often its length was asked for."""

    asked = 0

    def __len__(self) -> int:
        Looked.asked += 1
        return super().__len__()


def lines(count: int, first: int = 0, width: int = 10) -> list[Line]:
    return [Line(Safe(f"{number:>{width}}")) for number in range(first, first + count)]


def text_of(view: Counted) -> list[str]:
    return [view.render_line(y).text.strip() for y in range(view.size.height)]


def bars(view: Counted) -> tuple[bool, bool]:
    return view.show_vertical_scrollbar, view.show_horizontal_scrollbar


def test_only_lines_that_are_new_are_measured() -> None:
    async def test(view: Counted, pilot: Pilot[None]) -> None:
        view.show([Line(Safe(Looked("x"))) for _ in range(1000)])
        await pilot.pause()
        Looked.asked = 0
        for _ in range(10):
            view.append([Line(Safe(Looked("y"))) for _ in range(5)])
        assert Looked.asked <= 10 * 5 + 10

    on_screen(test)


def test_lines_that_come_lay_nothing_out_and_render_what_is_seen() -> None:
    async def test(view: Counted, pilot: Pilot[None]) -> None:
        screen: Any = view.screen
        view.show(lines(1000))
        await pilot.pause()
        screen.layouts = view.rendered = 0
        for number in range(10):
            view.append(lines(100, 1000 + number * 100))
            await pilot.pause()
        assert screen.layouts == 0
        assert view.rendered <= 10 * view.size.height
        assert text_of(view)[-1] == "1999"

    on_screen(test)


def test_the_bars_follow_what_there_is() -> None:
    async def test(view: Counted, pilot: Pilot[None]) -> None:
        assert bars(view) == (False, False)
        view.append(lines(5))
        await pilot.pause()
        assert bars(view) == (False, False)
        view.append(lines(100, width=80))
        await pilot.pause()
        assert bars(view) == (True, True)
        seen = view.scrollable_content_region.size
        assert (view.max_scroll_x, view.max_scroll_y) == (80 - seen.width, 105 - seen.height)
        assert view.vertical_scrollbar.window_virtual_size == 105
        view.show(lines(2))
        await pilot.pause()
        assert bars(view) == (False, False)
        assert text_of(view)[:2] == ["0", "1"]

    on_screen(test)


def test_the_end_is_followed_unless_the_responder_went_elsewhere() -> None:
    async def test(view: Counted, pilot: Pilot[None]) -> None:
        view.append(lines(100))
        await pilot.pause()
        assert text_of(view)[-1] == "99"
        await pilot.press("k", "k")
        view.append(lines(50, 100))
        await pilot.pause()
        assert view.line is not None and view.line.text.strip() == "97"
        assert "97" in text_of(view)
        await pilot.press("G")
        view.append(lines(1, 150))
        await pilot.pause()
        assert text_of(view)[-1] == "150"

    on_screen(test)


def test_the_oldest_lines_go_first_and_the_cursor_stays_on_its_line() -> None:
    async def test(view: Counted, pilot: Pilot[None]) -> None:
        view.append(lines(MOST))
        await pilot.press("k")
        view.append(lines(10, MOST))
        assert (view.dropped, len(view.lines)) == (10, MOST)
        assert view.line is not None and view.line.text.strip() == str(MOST - 2)

    on_screen(test)
