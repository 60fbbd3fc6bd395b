"""The keys: each has an id, all are told, and a configuration can give others. Those of each screen: test_snapshots."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from textual.screen import ModalScreen

import irkit.tui
from irkit.core.text import Safe
from irkit.tui.choices import Choices
from irkit.tui.keys import hint, plain_action, told_keys
from irkit.tui.line_view import LineView
from irkit.tui.live_table import LiveTable
from irkit.tui.screens.help import HelpScreen
from irkit.tui.screens.small import SmallScreen
from irkit.tui.screens.triage import TriageScreen
from tests.tui.bindings import IDS, OWN, classes
from tests.tui.scenes import SHOTS
from tests.tui.stage import Scene, act, screen_text, stop_time

FORBIDDEN = {"ctrl+d", "ctrl+k", "ctrl+a", "ctrl+b", "s", "p", "d"}
"""Keys that do opposite things in other tools of this kind."""


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stop_time(monkeypatch, tmp_path)


def test_there_are_bindings_to_look_at() -> None:
    assert len(OWN) > 60


def test_every_binding_has_an_id_and_words() -> None:
    assert [one for one in OWN if not one[1].id or not one[1].description] == []


def test_no_id_is_given_twice() -> None:
    known = [binding.id for _, binding in OWN]
    assert sorted(known, key=str) == sorted(IDS, key=str)


def test_no_key_means_the_opposite_of_what_it_means_in_other_tools() -> None:
    keys = [key for _, binding in OWN for key in binding.key.split(",")]
    assert [key for key in keys if key in FORBIDDEN or key.startswith("alt+")] == []


def test_only_export_is_on_the_key_for_it() -> None:
    assert {binding.action for _, binding in OWN if "e" in binding.key.split(",")} == {"export"}


def test_keys_that_open_a_plan_are_capitals_and_no_others_are_on_small_letters() -> None:
    planning = {binding.key for _, binding in OWN if plain_action(binding).startswith(("plan", "undo"))}
    assert planning == {"P", "C", "I", "S", "U"}


@pytest.mark.parametrize("name", ["triage", "container-logs", "plan", "run-none", "evidence", "hosts", "case"])
def test_the_help_tells_every_action_once_with_all_its_keys_and_fits_the_width(name: str) -> None:
    async def script(scene: Scene) -> None:
        await SHOTS[name].script(scene)
        told = told_keys(scene.app, scene.app.screen)
        await scene.press("question_mark")
        assert isinstance(scene.app.screen, HelpScreen)
        lines = scene.app.screen.lines
        for one in told:
            start = ", ".join(one.keys)
            assert sum(line.split("  ")[0] == start and line.endswith(one.what) for line in lines) == 1, one
        assert max(map(len, lines)) <= 70
        await scene.press("escape")
        assert not isinstance(scene.app.screen, HelpScreen)

    act(script, **SHOTS[name].opened)


def test_a_key_given_anew_works_in_place_of_the_usual_one_and_the_help_shows_it() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("7")
        assert scene.app.current_mode == "triage"
        await scene.press("f7")
        assert scene.app.current_mode == "hosts"
        await scene.press("f1")
        lines = scene.app.screen.lines  # type: ignore[attr-defined]
        assert any(line.startswith("f1 ") and line.endswith("Help") for line in lines)
        assert any(line.startswith("f7 ") and line.endswith("Hosts") for line in lines)

    act(script, keys={"screen.hosts": "f7", "help": "f1"})


def test_a_key_of_a_list_can_be_given_anew_too() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("j", "m")
        table = scene.app.screen.query_one(LiveTable)
        assert len(table.marked) == 1
        await scene.press("space")
        assert len(table.marked) == 1

    act(script, keys={"table.mark": "m"})


def test_what_is_said_of_keys_names_those_that_were_given() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("question_mark")
        assert "hosts listed (f7)" in screen_text(scene.app)
        await scene.press("escape", "f3")
        await scene.until(lambda: "back with 1 and mark some (m)" in screen_text(scene.app))
        scene.app.copy(Safe("x" * 10**6))
        await scene.until(lambda: any("saving (f9) has it" in one.message for one in scene.app._notifications))
        assert hint(scene.app, "{run.end:X} or {undo:U}, {x} {a:b{arm:A}") == "ctrl+x or U, {x} {a:bA"

    given = {"screen.hosts": "f7, f8", "screen.playbooks": "f3", "table.mark": "m", "run.end": "ctrl+x"}
    act(script, keys=given | {"container.export": "f9"})


def test_every_key_that_is_said_in_words_is_that_of_a_binding() -> None:
    keys = {str(binding.id): binding.key for _, binding in OWN}
    names = {"j,down": "j", "k,up": "k", "g,home": "g", "G,end": "G"}
    told = [
        one
        for file in Path(irkit.tui.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for one in re.findall(r"\{([a-z_.-]+):([^{}]+)\}", node.value)
    ]
    assert [(name, key) for name, key in told if names.get(keys.get(name, ""), keys.get(name)) != key] == []
    assert len(told) > 20


def _commands(scene: Scene) -> dict[str, Any]:
    return {one.title: one.callback for one in scene.app.get_system_commands(scene.app.screen)}


def test_commands_of_the_palette_do_what_their_keys_do() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("j")
        await _commands(scene)["Mark"]()
        assert len(scene.app.screen.query_one(LiveTable).marked) == 1
        await _commands(scene)["Hosts"]()
        assert scene.app.current_mode == "hosts"
        await scene.pilot.pause()
        await _commands(scene)["Arm: allow plans that change, or not any more"]()
        assert scene.app.is_armed

    act(script)


def test_the_palette_finds_an_action_by_its_words_and_runs_it() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("colon", *"evidence")
        await scene.until(lambda: scene.shows("key 6"))
        await scene.press("enter")
        await scene.until(lambda: scene.app.current_mode == "evidence")

    act(script)


def test_the_palette_lets_the_responder_choose_colours() -> None:
    async def script(scene: Scene) -> None:
        assert "Colours" in _commands(scene)

    act(script)


def test_copying_takes_what_names_the_row_wherever_the_cursor_is() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("j", "y")
        assert scene.app.clipboard.startswith("prod-2/")
        await scene.press("7", "y")
        assert scene.app.clipboard == "prod-1"
        scene.app.open_container(next(iter(scene.live.rows)), "processes")
        await scene.until(lambda: scene.shows("kdevtmpfsi"))
        await scene.press("j", "j", "y")
        assert scene.app.clipboard.startswith("sh -c ")

    act(script)


def test_where_nothing_is_under_the_cursor_copying_says_so() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("5", "y")
        assert scene.app.clipboard == ""
        assert any("nothing under the cursor" in one.message for one in scene.app._notifications)

    act(script)


def test_a_frozen_list_keeps_its_order_until_it_is_let_go() -> None:
    async def script(scene: Scene) -> None:
        table = scene.app.screen.query_one(LiveTable)
        await scene.press("z")
        assert table.is_frozen
        assert scene.shows("FROZEN (z)")
        before = screen_text(scene.app).splitlines()[3:11]
        screen = scene.app.screen
        assert isinstance(screen, TriageScreen)
        screen._order = "name"
        screen._show()
        await scene.pilot.pause()
        assert screen_text(scene.app).splitlines()[3:11] == before
        await scene.press("z")
        await scene.until(lambda: screen_text(scene.app).splitlines()[3:11] != before)

    act(script)


def test_next_and_previous_go_over_the_rows_that_the_filter_lets_through() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("slash", *"host:prod-1", "enter", "n", "n")
        second = scene.app.screen.query_one(LiveTable).cursor_key
        await scene.press("n", "N")
        assert scene.app.screen.query_one(LiveTable).cursor_key == second

    act(script)


def test_looking_anew_is_of_the_tab_where_there_is_one_and_of_all_hosts_elsewhere() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("ctrl+r")
        assert scene.live.called == ["refresh None"]
        await SHOTS["container-files"].script(scene)
        pane = scene.app.screen.pane  # type: ignore[attr-defined]
        before = pane._look
        await scene.press("ctrl+r")
        assert pane._look is not before
        assert scene.live.called == ["refresh None"]

    act(script)


def test_hosts_have_no_marks() -> None:
    async def script(scene: Scene) -> None:
        await scene.press("7", "space", "a")
        assert scene.app.screen.query_one(LiveTable).marked == ()
        assert not {"space", "a", "v", "u"} & set(scene.app.screen.active_bindings)

    act(script)


def test_lists_and_lines_have_the_same_keys_to_move_with() -> None:
    def movements(kind: type[Any]) -> set[str]:
        wanted = {"j,down", "k,up", "g,home", "G,end", "pagedown", "pageup"}
        return wanted - {binding.key for binding in vars(kind)["BINDINGS"]}

    assert movements(Choices) == movements(LineView) == movements(LiveTable) == set()


def test_modal_screens_can_be_left_with_escape() -> None:
    modal = [one for one in classes() if issubclass(one, ModalScreen) and one is not SmallScreen]
    assert len(modal) >= 4
    for one in modal:
        assert any("escape" in binding.key.split(",") for kind, binding in OWN if kind is one), one
