"""What a responder configured, found wrong before the screens are up, or heeded by them."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.app.opened import Opened
from irkit.core.errors import UsageError
from irkit.tui.app import IrkitApp
from irkit.tui.configured import all_bindings, check_configured, is_key, keymap
from tests.app.hosts_in_memory import one_each
from tests.tui.world import play, text_of, until


def refused(opened: Opened) -> str:
    with pytest.raises(UsageError) as error:
        check_configured(opened)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_unknown_theme_is_refused_in_a_line_that_names_those_there_are() -> None:
    assert "there is no theme 'mauve': there are ansi-dark" in refused(Opened(theme="mauve"))
    said = refused(Opened(theme="mauve", places={"theme": "config.yml:1:8"}))
    assert said.startswith("config.yml:1:8: theme: there is no theme")


@pytest.mark.parametrize("theme", ["", "irkit-light", "ansi-dark"])
def test_the_themes_there_are_pass(theme: str) -> None:
    check_configured(Opened(theme=theme))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"plan.isolat": "x"}, "there is no binding 'plan.isolat'"),
        ({"help": "hyper+x"}, "'hyper+x' is no key"),
        ({"help": "f1,"}, "'' is no key"),
        ({"plan.isolate": "C"}, "the key C is that of plan.collect too, on the screen triage"),
        ({"triage.sort": "slash"}, "the key slash is that of triage.filter too"),
        ({"triage.sort": "/"}, "the key slash is that of triage.filter too"),
        ({"hosts.add": "K"}, "the key K is that of hosts.trust too, on the screen hosts"),
        ({"hosts.add": "f6", "note": "f6"}, "the key f6 is that of"),
        ({"triage.sort": "j"}, "the key j is that of table.down too"),
    ],
)
def test_keys_that_cannot_be_are_refused(keys: dict[str, str], says: str) -> None:
    places = {f"keys.{name}": "config.yml:3:4" for name in keys}
    said = refused(Opened(keys=keys, places=places))
    assert said.startswith("config.yml:3:4: keys.") and says in said


def test_two_actions_may_change_keys_and_other_screens_may_use_a_key() -> None:
    check_configured(Opened(keys={"plan.isolate": "C", "plan.collect": "I"}))
    check_configured(Opened(keys={"hosts.add": "o"}))


def test_what_a_screen_offers_of_the_whole_app_moves_with_it() -> None:
    assert keymap({"plan.isolate": "f6"}) == {"plan.isolate": "f6", "triage.isolate": "f6"}


@pytest.mark.parametrize("key", ["x", "X", "?", "f5", "ctrl+x", "space", "question_mark", "shift+tab", "escape", "é"])
def test_a_key_is_written_as_it_is_pressed_or_by_its_name(key: str) -> None:
    assert is_key(key)


def test_every_usual_key_is_one() -> None:
    every = {key.strip() for bindings in all_bindings().values() for one in bindings for key in one.key.split(",")}
    assert [key for key in every if not is_key(key)] == []


def test_keys_and_theme_and_no_colour_reach_the_app(tmp_path: Path) -> None:
    keys = {"screen.hosts": "f6"}

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        assert app.theme == "irkit-light" and app.no_color
        await pilot.press("7")
        assert app.current_mode == "triage"
        await pilot.press("f6")
        await until(pilot, lambda: app.current_mode == "hosts" and "ROUTE" not in text_of(app))

    play(one_each("a@x"), tmp_path, script, keys=keys, theme="irkit-light", no_color=True)


def test_opened_read_only_nothing_is_armed(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("A")
        assert any("nothing can be armed" in one.message for one in app._notifications)
        assert not app.is_armed

    play(one_each("a@x"), tmp_path, script, read_only=True)


def test_a_configured_playbook_is_the_one_that_its_key_plans(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "on-a@x" in text_of(app))
        await pilot.press("j", "C")
        await until(pilot, lambda: "Plan freeze v1" in text_of(app))

    play(one_each("a@x"), tmp_path, script, playbooks={"collect": "freeze"})


def test_the_help_tells_the_ids_by_which_keys_are_changed(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("question_mark")
        await until(pilot, lambda: "triage.filter" in text_of(app))

    play(one_each("a@x"), tmp_path, script, size=(100, 120))
