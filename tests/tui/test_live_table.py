"""The live table on a screen: keys, the mouse, marks, what is painted, and what hostile texts become."""

import asyncio
import random
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip

from irkit.core.text import Safe
from irkit.tui.live_table import QUIET, Cell, Column, LiveTable, Row
from tests.tui.world import until

COLUMNS = (
    Column("risk", "R", 2),
    Column("name", "NAME", 20, grow=1),
    Column("age", "AGE", 4, align="right"),
    Column("host", "HOST", 8, min_width=80),
    Column("cpu", "CPU", 6, min_width=120),
)


class Counted(LiveTable):
    """Notes which lines are rendered."""

    def __init__(self, columns: Sequence[Column], look: Callable[[str], Row], clock: Callable[[], float]) -> None:
        super().__init__(columns, look, id="table", clock=clock)
        self.rendered: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.rendered.append(y)
        return super().render_line(y)


class World(App[None]):
    """An app with nothing but a table of rows whose names can be changed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "escape", "Back")]

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.styles_of: dict[str, str] = {}
        self.escapes = 0
        self.shares: dict[str, str] = {}
        self.stale: set[str] = set()
        self.unknown: set[str] = set()
        self.now = 1000.0
        self.told: list[Message] = []
        self.table = Counted(COLUMNS, self.look, lambda: self.now)

    def look(self, key: str) -> Row:
        if key in self.unknown:
            raise KeyError(key)
        name = self.names.get(key, key)
        texts = ("H+", name, "3d", "prod-1", self.shares.get(key, "1 %"))
        return Row(tuple(Cell(Safe(text), self.styles_of.get(key, "")) for text in texts), key in self.stale)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()

    def action_escape(self) -> None:
        self.escapes += 1

    def rest(self) -> None:
        """No key was pressed for a while."""
        self.now += QUIET + 0.1

    def line(self, y: int) -> str:
        return self.table.render_line(y).text

    def on_live_table_message(self, message: Message) -> None:
        self.told.append(message)

    on_cursor_moved = on_cursor_gone = on_opened = on_marks_changed = on_live_table_message


def assert_order_kept(world: World, expected: bool) -> None:
    assert world.table.is_order_kept is expected


def assert_marks(world: World, keys: Sequence[str], *, hidden: int) -> None:
    assert (world.table.marked, world.table.hidden_marks) == (tuple(keys), hidden)


def keys_of(count: int) -> list[str]:
    return [f"host/{number:04}" for number in range(count)]


def on_screen(
    test: Callable[[World, Pilot[None]], Awaitable[None]], count: int = 100, size: tuple[int, int] = (80, 24)
) -> None:
    async def run() -> None:
        world = World()
        async with world.run_test(size=size) as pilot:
            world.table.show(keys_of(count))
            await pilot.pause()
            await test(world, pilot)

    asyncio.run(run())


def test_keys_move_the_cursor_from_row_to_row() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        at = []
        for key in ("j", "j", "down", "k", "up", "G", "g", "end", "home", "pagedown", "pagedown", "pageup"):
            await pilot.press(key)
            at.append(int((world.table.cursor_key or "/-1")[-4:]))
        assert at == [0, 1, 2, 1, 0, 99, 0, 99, 0, 22, 44, 22]
        assert world.line(1 + world.table._lines.cursor - world.table._lines.top).startswith(">  H+")

    on_screen(test)


def test_a_click_moves_the_cursor_and_runs_nothing() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        world.names["host/0004"] = "[@click=app.exit]x[/]"
        world.table.show(keys_of(100))
        await pilot.click("#table", offset=(8, 5))
        await pilot.click("#table", offset=(8, 5), times=2)
        assert world.table.cursor_key == "host/0004"
        await pilot.click("#table", offset=(8, 0))
        assert world.table.cursor_key == "host/0004"
        assert [type(one) for one in world.told] == [LiveTable.CursorMoved]
        assert world.is_running

    on_screen(test)


def test_the_wheel_scrolls_and_the_cursor_stays_in_sight() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j")
        for _ in range(3):
            await pilot._post_mouse_events([events.MouseScrollDown], "#table", (5, 5), button=0)
        top = world.table._lines.top
        assert top > 0
        assert world.table.cursor_key == f"host/{top:04}"
        assert world.table.unseen == (top, 100 - 23 - top)
        assert world.line(1).startswith(">  H+  host/")

    on_screen(test)


def test_enter_opens_the_row_held_and_nothing_where_none_is() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("enter", "space", "v")
        assert [type(one) for one in world.told] == [LiveTable.CursorGone] * 3
        assert not world.table.marked
        world.told.clear()
        await pilot.press("j", "j", "enter")
        assert isinstance(world.told[-1], LiveTable.Opened)
        assert world.told[-1].key == "host/0001"

    on_screen(test)


def test_what_slides_under_the_cursor_is_not_acted_on() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j", "j", "j")
        world.table.show([key for key in keys_of(100) if key != "host/0002"])
        await pilot.pause()
        assert not world.table.cursor_key
        assert world.line(3)[:3] == "- x"
        assert "host/0002" in world.line(3)
        gone, moved = world.told[-2:]
        assert isinstance(gone, LiveTable.CursorGone)
        assert isinstance(moved, LiveTable.CursorMoved)
        assert (gone.key, moved.key) == ("host/0002", None)
        await pilot.press("enter", "space")
        assert not world.table.marked
        world.rest()
        world.table.show([key for key in keys_of(100) if key != "host/0002"])
        await pilot.pause()
        assert "host/0003" in world.line(3)
        assert world.line(3)[:3] == "-  "
        await pilot.press("space")
        assert not world.table.marked
        await pilot.press("j", "space")
        assert world.table.marked == ("host/0003",)

    on_screen(test)


def test_lines_stay_while_keys_are_pressed_and_follow_once_they_rest() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j", "j")
        before = [world.line(y) for y in range(1, 24)]
        world.table.show([*keys_of(100)[50:], *keys_of(50)])
        await pilot.pause()
        assert [world.line(y) for y in range(1, 24)] == before
        assert_order_kept(world, True)
        world.rest()
        await until(pilot, lambda: not world.table.is_order_kept)
        assert world.line(2).startswith(">  H+  host/0001")
        assert "host/0099" not in world.line(1)

    on_screen(test)


def test_marks_outlive_a_filter_and_hidden_ones_are_counted() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j", "space", "j", "space", "j", "space", "space")
        assert_marks(world, ["host/0000", "host/0001"], hidden=0)
        assert world.line(1)[:3] == " * "
        world.table.show(keys_of(100)[1:4], at_once=True)
        assert_marks(world, ["host/0000", "host/0001"], hidden=1)
        await pilot.press("a")
        assert_marks(world, keys_of(4), hidden=1)
        world.table.forget(["host/0000", "host/0050"])
        await pilot.pause()
        assert isinstance(world.told[-1], LiveTable.MarksChanged)
        assert world.told[-1].dropped == ("host/0000",)
        assert_marks(world, keys_of(4)[1:], hidden=0)
        await pilot.press("u")
        assert_marks(world, [], hidden=0)

    on_screen(test)


def test_a_row_that_is_forgotten_is_not_looked_at_again() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j", "j", "space")
        world.unknown.add("host/0001")
        world.table.forget(["host/0001"])
        await pilot.pause()
        assert world.line(2)[:3] == "- x"
        assert not world.table.cursor_key
        world.table.show([key for key in keys_of(100) if key != "host/0001"])
        world.rest()
        world.table.show([key for key in keys_of(100) if key != "host/0001"])
        await pilot.pause()
        assert "host/0002" in world.line(2)
        assert [type(one) for one in world.told[-3:]] == [
            LiveTable.MarksChanged, LiveTable.CursorGone, LiveTable.CursorMoved,
        ]  # fmt: skip

    on_screen(test)


def test_a_range_takes_what_was_seen_between_and_not_what_came_meanwhile() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j", "j", "v")
        world.rest()
        world.table.show(["new/0", "host/0000", "host/0001", "new/1", *keys_of(100)[3:]])
        await pilot.press("j", "j")
        assert [world.line(y)[1] for y in range(1, 6)] == [" ", "+", " ", "+", "+"]
        await pilot.press("v")
        assert world.table.marked == ("host/0001", "host/0003", "host/0004")

    on_screen(test)


def test_escape_gives_a_range_up_and_is_the_screens_otherwise() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j", "v", "j")
        assert world.table.is_marking_range
        await pilot.press("escape", "v")
        assert not world.table.marked
        escapes = [world.escapes]
        await pilot.press("escape", "escape")
        assert [*escapes, world.escapes] == [0, 1]

    on_screen(test)


def test_only_lines_that_changed_are_painted() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        async def painted(change: Callable[[], None], *keys: str) -> list[int]:
            world.table.rendered.clear()
            change()
            world.table.show(list(rows))
            await pilot.press(*keys)
            await pilot.pause()
            return sorted(world.table.rendered)

        rows = keys_of(100)
        await pilot.press("j")
        assert await painted(lambda: None) == []
        assert await painted(lambda: world.names.update({"host/0007": "renamed", "host/0070": "out of sight"})) == [8]
        assert await painted(lambda: None, "j") == [1, 2]
        world.rest()
        assert await painted(lambda: rows.append("host/at-the-end")) == []
        assert await painted(lambda: rows.insert(20, "host/among-them")) == [21, 22, 23]
        assert await painted(lambda: rows.insert(0, "host/above-all")) == []
        assert world.table.unseen[0] == 1

    on_screen(test)


def test_what_no_column_shows_is_not_painted() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j")
        world.shares["host/0003"] = "99 %"
        for width, expected in ((100, []), (160, [4])):
            await pilot.resize_terminal(width, 24)
            await pilot.pause()
            world.table.show(keys_of(100))
            await pilot.pause()
            world.table.rendered.clear()
            world.shares["host/0003"] = f"{width} %"
            world.table.show(keys_of(100))
            await pilot.pause()
            assert world.table.rendered == expected

    on_screen(test)


def test_the_first_rows_are_shown_though_keys_are_pressed() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j")
        world.table.show(keys_of(3))
        await pilot.pause()
        assert "host/0002" in world.line(3)
        assert not world.table.cursor_key

    on_screen(test, count=0)


def test_a_row_that_is_back_while_keys_are_pressed_is_held_again_and_that_is_told() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j", "j")
        world.table.show(keys_of(100)[2:])
        world.table.show(keys_of(100))
        await pilot.pause()
        assert world.table.cursor_key == "host/0001"
        assert [getattr(one, "key", "") for one in world.told[-3:]] == ["host/0001", None, "host/0001"]

    on_screen(test)


def test_another_theme_and_another_focus_paint_every_line_in_their_styles() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("j")
        dark = [segment.style for segment in world.table.render_line(2)]
        world.theme = "textual-light"
        await pilot.pause()
        assert [segment.style for segment in world.table.render_line(2)] != dark
        held = list(world.table.render_line(1))
        assert held[0].style is not None
        assert held[0].style.reverse
        world.set_focus(None)
        await pilot.pause()
        away = list(world.table.render_line(1))
        assert away[0].text.startswith(">")
        assert away[0].style is not None
        assert not away[0].style.reverse

    on_screen(test)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (60, ["R", "NAME", "AGE"]),
        (80, ["R", "NAME", "AGE", "HOST"]),
        (160, ["R", "NAME", "AGE", "HOST", "CPU"]),
    ],
)
def test_columns_choose_themselves_by_the_width(width: int, titles: list[str]) -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        assert world.line(0).split() == titles
        assert {world.table.render_line(y).cell_length for y in range(24)} == {width}
        assert {world.line(y)[-1] for y in range(24)} == {" "}
        await pilot.resize_terminal(80, 20)
        await pilot.pause()
        assert world.line(0).split() == ["R", "NAME", "AGE", "HOST"]

    on_screen(test, size=(width, 24))


def test_a_resize_leaves_the_cursor_on_its_row_and_in_sight() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await pilot.press("G")
        for size in ((60, 10), (160, 45), (80, 3), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert world.table.cursor_key == "host/0099"
            assert any(world.line(y).startswith(">") for y in range(1, size[1]))

    on_screen(test)


def test_stale_marked_and_held_rows_are_told_by_signs_without_any_colour() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        world.stale.add("host/0001")
        world.styles_of["host/0003"] = "critical"
        world.table.show(keys_of(100))
        await pilot.press("j", "j", "space", "j")
        assert [world.line(y)[:3] for y in range(1, 5)] == ["   ", " *~", ">  ", "   "]
        segments = list(world.table.render_line(2))
        assert all(segment.style is not None and segment.style.dim for segment in segments)
        assert any(segment.style is not None and segment.style.bold for segment in world.table.render_line(4))

    on_screen(test)


HOSTILE = [
    "\x1b]52;c;cGF5bG9hZA==\x07",
    "a\nb\rc\td",
    "\x9b31mred\x9c",
    "\u202egnp.exe\u2066",
    "re\u200bdis\ufeff\u2028",
    "[bold red]x[/foo][@click=app.exit]y[/]",
    "漢字" * 500,
    "e" + "\u0301" * 1000,
    "\ud800 lone",
    "x" * 100_000,
    "a\u00a0b\u3000c",
    "👩\u200d👩\u200d👧 \U000e0041",
    "",
]


def assert_harmless(strip: Strip, width: int) -> None:
    assert strip.cell_length == width
    assert len(strip.text) < 20 * width
    assert not [char for char in strip.text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_no_control_reaches_a_line_even_where_the_boundary_forgot(text: str) -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        for key in keys_of(5):
            world.names[key] = text
        world.table.show(keys_of(5))
        await pilot.press("j", "space", "j")
        for y in range(24):
            assert_harmless(world.table.render_line(y), 80)
        assert world.is_running

    on_screen(test, count=5)


def test_what_is_acted_on_in_a_storm_is_always_what_was_under_the_cursor() -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await storm(world, pilot, random.Random(6), 40)

    on_screen(test)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_that_holds_in_any_storm(seed: int) -> None:
    async def test(world: World, pilot: Pilot[None]) -> None:
        await storm(world, pilot, random.Random(seed), 20)

    on_screen(test, count=40, size=(80, 12))


async def storm(world: World, pilot: Pilot[None], choice: random.Random, turns: int) -> None:
    """Rows come, go, are renamed and sorted between the keys; what is marked and opened is what was last told."""
    keys = list(world.table._lines.keys)
    for turn in range(turns):
        for nth in range(choice.randrange(4)):
            change_rows(world, keys, choice, f"new/{turn}-{nth}")
        shown = [key for key in keys if choice.random() > 0.1] if choice.random() < 0.2 else list(keys)
        world.table.show(shown, at_once=choice.random() < 0.1)
        await pilot.pause()
        await act(world, pilot, choice, shown)


def change_rows(world: World, keys: list[str], choice: random.Random, new: str) -> None:
    what = choice.randrange(5)
    if what == 0:
        choice.shuffle(keys)
    elif what == 1:
        keys.insert(choice.randrange(len(keys) + 1), new)
    elif what == 2 and keys:
        del keys[choice.randrange(len(keys))]
    elif what == 3:
        world.names.update(dict.fromkeys(keys[:3], f"renamed-{new}"))
    else:
        world.rest()


async def act(world: World, pilot: Pilot[None], choice: random.Random, shown: Sequence[str]) -> None:
    held, marked = world.table.cursor_key, set(world.table.marked)
    assert held is None or held in shown
    at = [y for y in range(1, world.table.size.height) if world.line(y)[0] in ">-"]
    assert len(at) == bool(world.table._lines.keys)
    if held is not None:
        assert world.names.get(held, held) in world.line(at[0])
    key = choice.choice(["j", "k", "G", "g", "space", "enter", "pagedown"])
    world.told.clear()
    await pilot.press(key)
    if key == "space":
        assert set(world.table.marked) ^ marked == ({held} if held is not None else set())
    if key == "enter":
        opened = [one.key for one in world.told if isinstance(one, LiveTable.Opened)]
        assert opened == ([held] if held is not None else [])
