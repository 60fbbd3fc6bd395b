"""Lines to scroll through: bounded, followed at their end alone, searched round the end."""

import asyncio
from collections.abc import Awaitable, Callable

from textual.app import App, ComposeResult

from irkit.core.text import safe
from irkit.tui.line_view import MOST, Line, LineView
from irkit.tui.wrapping import wrapped


class Viewer(App[None]):
    def compose(self) -> ComposeResult:
        yield LineView()


def viewed(script: Callable[[LineView], Awaitable[None]]) -> None:
    async def run() -> None:
        app = Viewer()
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            await script(app.query_one(LineView))

    asyncio.run(run())


def lines(first: int, last: int) -> list[Line]:
    return [Line(safe(f"line {number}")) for number in range(first, last)]


def test_the_newest_lines_are_kept_and_the_others_counted() -> None:
    async def script(view: LineView) -> None:
        view.append(lines(0, MOST))
        view.append(lines(MOST, MOST + 7))
        assert len(view.lines) == MOST and view.dropped == 7
        assert view.lines[-1].text == f"line {MOST + 6}" and view.cursor == MOST - 1

    viewed(script)


def test_where_the_cursor_was_moved_away_from_the_end_it_stays_on_its_line() -> None:
    async def script(view: LineView) -> None:
        view.append(lines(0, MOST))
        view.action_cursor(-100)
        held = view.line
        view.append(lines(MOST, MOST + 50))
        assert view.line == held and not view.is_following
        view.action_edge(True)
        view.append(lines(0, 3))
        assert view.cursor == len(view.lines) - 1

    viewed(script)


def test_a_search_goes_on_round_the_end_in_both_directions() -> None:
    async def script(view: LineView) -> None:
        view.show([Line(safe(text)) for text in ("Alpha", "beta", "alphabet", "gamma")])
        view.action_edge(False)
        found = []
        for backwards in (False, False, True):
            assert view.search("ALPHA", again=True, backwards=backwards)
            found.append(view.cursor)
        assert found == [2, 0, 2]
        assert not view.search("nowhere", again=True) and view.search("")

    viewed(script)


def test_a_view_without_lines_holds_none_and_finds_none() -> None:
    async def script(view: LineView) -> None:
        view.show([])
        view.action_cursor(1)
        assert view.line is None and not view.search("x")

    viewed(script)


def test_a_search_finds_what_begins_in_one_line_and_ends_in_those_it_goes_on_in() -> None:
    async def script(view: LineView) -> None:
        parts = list(wrapped(Line(safe("x" * 15 + "kdevtmpfsi and more of it here, and more" + "y" * 15)), 20))
        view.show([Line(safe("top")), *parts, Line(safe("kdev")), Line(safe("tmpfsi")), Line(safe("end"))])
        view.action_edge(False)
        assert view.search("KDEVTMPFSI") and view.cursor == 1
        assert view.search("kdevtmpfsi", again=True) and view.cursor == 1
        view.action_edge(False)
        assert view.search("devtmpfsi and more of it here") and view.cursor == 1
        assert not view.search("tmpfsiend")

    viewed(script)
