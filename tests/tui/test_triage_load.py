"""The triage screen under many changes: how much it does for them, and that in the end it shows what is so."""

from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from irkit.app.live import Changed, LiveRow
from irkit.core.container import Container, Summary
from irkit.tui.app import IrkitApp
from irkit.tui.live_table import LiveTable
from irkit.tui.screens import triage
from irkit.tui.screens.triage import TriageScreen
from tests.engine.world import container
from tests.tui.world import play, text_of, until


def row(number: int, status: str = "Up 1 hour", name: str = "") -> LiveRow:
    summary = Summary(id=f"{number:064x}", name=name or f"c{number:05}", host="h", image="app:1", state="running")
    summary = Summary(**{**{one: getattr(summary, one) for one in summary.__struct_fields__}, "status": status})
    return LiveRow(key=f"h/{summary.id}", host="h", summary=summary)


def news(*rows: LiveRow, gone: tuple[str, ...] = ()) -> Changed:
    return Changed({one.key: one for one in rows}, set(gone), {})


class Counts:
    """How often the list was put in order, and how often its lines were looked at alone."""

    def __init__(self, table: LiveTable) -> None:
        self.shown = self.looked = 0
        show, look = table.show, table.look_again

        def count_show(keys: Any, **more: Any) -> None:
            self.shown += 1
            show(keys, **more)

        def count_look() -> None:
            self.looked += 1
            look()

        table.show, table.look_again = count_show, count_look  # type: ignore[method-assign]


def on_triage(folder: Path, test: Any, size: tuple[int, int] = (160, 24)) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        screen = app.screen
        assert isinstance(screen, TriageScreen)
        await until(pilot, lambda: screen.is_ready)
        screen.is_ready = False  # so that nobody ticks but the test
        await test(app, pilot, screen)

    none: dict[str, list[Container]] = {"h": []}
    play(none, folder, script, size=size)


def test_a_new_status_is_shown_and_nothing_is_sorted_for_it(tmp_path: Path) -> None:
    async def test(app: IrkitApp, pilot: Pilot[Any], screen: TriageScreen) -> None:
        screen.tick(news(*map(row, range(50))))
        counts = Counts(screen.table)
        screen.tick(news(*(row(number, "Up 7 hours") for number in range(50))))
        await pilot.pause()
        assert (counts.shown, counts.looked) == (0, 1)
        assert "Up 7 hours" in text_of(app) and "Up 1 hour" not in text_of(app)
        screen.tick(news())
        assert (counts.shown, counts.looked) == (0, 1), "nothing changed, and nothing was looked at"
        screen.tick(news(row(7, name="a new name")))
        assert counts.shown == 1

    on_triage(tmp_path, test)


def restated(screen: TriageScreen, *rows: LiveRow, gone: tuple[str, ...] = ()) -> Changed:
    """News of rows of which nothing but the status is another: these, when they are asked for."""
    newest = {one.key: one for one in rows}
    before, screen._known._newest = screen._known._newest, lambda key: newest.get(key) or before(key)
    return Changed({}, set(gone), {}, set(newest))


def test_of_many_rows_with_another_status_only_those_in_view_are_looked_at_and_each_shows_it(tmp_path: Path) -> None:
    async def test(app: IrkitApp, pilot: Pilot[Any], screen: TriageScreen) -> None:
        screen.tick(news(*map(row, range(5000))))
        await pilot.press("j", "j")
        held = screen.table.cursor_key
        counts = Counts(screen.table)
        for hours in (7, 8, 9):
            for part in range(triage._MOST_TICKS):
                these = range(part * 1000, part * 1000 + 1000)
                screen.tick(restated(screen, *(row(number, f"Up {hours} hours") for number in these)))
        for _ in range(triage._MOST_TICKS):
            screen.tick(news())
        await pilot.pause()
        assert (counts.shown, counts.looked) == (0, 3) and screen.table.cursor_key == held
        assert "Up 9 hours" in text_of(app)
        assert not any(other in text_of(app) for other in ("Up 1 hour", "Up 7 hours", "Up 8 hours"))
        assert len(screen._known._aside) > 4900, "what nobody sees was not looked at"
        await pilot.press("G")
        await pilot.pause()
        lines = [line for line in text_of(app).splitlines() if "app:1" in line]
        assert len(lines) > 10 and all("Up 9 hours" in line for line in lines)

    on_triage(tmp_path, test)


def test_a_row_that_goes_after_its_status_changed_is_gone_and_the_cursor_says_so(tmp_path: Path) -> None:
    async def test(app: IrkitApp, pilot: Pilot[Any], screen: TriageScreen) -> None:
        screen.tick(news(*map(row, range(50))))
        await pilot.press("g", "j")
        (held,) = screen.target_keys()
        number = int(held[2:], 16)
        screen.tick(restated(screen, row(number, "Up 7 hours")))
        assert screen.target_keys() == [held]
        screen.tick(restated(screen, row(number + 1, "Up 7 hours"), gone=(held,)))
        await pilot.pause()
        assert screen.target_keys() == [] and held not in screen._known
        assert "49/49 shown" in text_of(app) and "is gone" in text_of(app)

    on_triage(tmp_path, test)


def test_rows_that_go_are_taken_out_at_once(tmp_path: Path) -> None:
    async def test(app: IrkitApp, pilot: Pilot[Any], screen: TriageScreen) -> None:
        screen.tick(news(*map(row, range(50))))
        await pilot.press("g", "space")
        (marked,) = screen.table.marked
        counts = Counts(screen.table)
        screen.tick(news(gone=(marked, row(20).key)))
        assert counts.shown == 1 and list(screen.table.marked) == []
        await pilot.pause()
        assert "48/48 shown" in text_of(app)

    on_triage(tmp_path, test)


def test_of_few_rows_every_tick_is_shown_and_of_many_one_a_second_that_has_all(tmp_path: Path) -> None:
    async def test(app: IrkitApp, pilot: Pilot[Any], screen: TriageScreen) -> None:
        counts = Counts(screen.table)
        for number in range(10):
            screen.tick(news(row(number)))
        assert counts.shown == 10
        screen.tick(news(*map(row, range(5000))))
        counts.shown = 0
        for number in range(50):
            screen.tick(news(row(5000 + number)))
        assert counts.shown == 50 // triage._MOST_TICKS
        for _ in range(triage._MOST_TICKS):
            screen.tick(news())
        assert len(screen._known) == 5050

    on_triage(tmp_path, test)


def test_who_asks_for_another_order_or_filter_gets_what_is_known_by_then(tmp_path: Path) -> None:
    async def test(app: IrkitApp, pilot: Pilot[Any], screen: TriageScreen) -> None:
        screen.tick(news(*map(row, range(5000))))
        screen.tick(news(row(6000, name="aaa-first"), gone=(row(0).key,)))
        assert row(6000).key not in screen._known
        while screen._order != "name":
            screen.action_sort()
        await pilot.pause()
        assert "aaa-first" in text_of(app) and "c00000" not in text_of(app)

    on_triage(tmp_path, test)


def test_what_came_back_before_it_was_shown_as_gone_keeps_its_mark(tmp_path: Path) -> None:
    async def test(app: IrkitApp, pilot: Pilot[Any], screen: TriageScreen) -> None:
        screen.tick(news(*map(row, range(5000))))
        await pilot.press("j", "space")
        (marked,) = screen.table.marked
        number = int(marked[2:], 16)
        screen.tick(news(gone=(marked,)))
        screen.tick(news(row(number)))
        for _ in range(triage._MOST_TICKS):
            screen.tick(news())
        assert screen.table.marked == (marked,)
        screen.tick(news(gone=(marked,)))
        for _ in range(triage._MOST_TICKS):
            screen.tick(news())
        assert marked not in screen._known and list(screen.table.marked) == []

    on_triage(tmp_path, test)


def test_the_real_list_gets_there(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "one" in text_of(app) and "two" in text_of(app))

    play({"a": [container("one", host="a")], "b": [container("two", host="b")]}, tmp_path, script)


def test_no_news_are_shown_any_more_once_the_app_is_being_taken_down(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "one" in text_of(app))
        app._running = False  # as Textual does before it takes the screens apart, widget by widget
        await app.screen.query("*").remove()
        await app._tick()
        app._running = True

    play({"a": [container("one", host="a")]}, tmp_path, script)
