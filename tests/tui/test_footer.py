"""The keys below a screen: those that work now, and not made anew where they are the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.widgets._footer import FooterKey

from tests.tui.stage import Scene, act, stop_time


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stop_time(monkeypatch, tmp_path)


def _keys(scene: Scene) -> Sequence[FooterKey]:
    return list(scene.app.screen.query(FooterKey))


def _told(scene: Scene) -> list[tuple[str, str]]:
    return [(one.key_display, one.description) for one in _keys(scene)]


def test_they_are_made_anew_when_others_work_and_only_then() -> None:
    seen: dict[str, Any] = {}

    async def script(scene: Scene) -> None:
        await scene.settle()
        seen["first"], first = _told(scene), _keys(scene)
        for _ in range(3):
            scene.app.screen.refresh_bindings()
            await scene.settle()
        seen["kept"] = _keys(scene) == first
        await scene.press("slash")
        await scene.until(lambda: _told(scene) != seen["first"])
        await scene.press("enter")
        await scene.until(lambda: _told(scene) == seen["first"])
        seen["anew"] = _keys(scene) != first

    act(script)
    assert len(seen["first"]) >= 5
    assert seen["kept"] and seen["anew"]


def test_a_key_that_is_given_while_they_are_shown_is_shown() -> None:
    async def script(scene: Scene) -> None:
        await scene.settle()
        assert ("?", "Help") in _told(scene)
        scene.app.set_keymap({"help": "f2"})
        await scene.until(lambda: ("f2", "Help") in _told(scene))

    act(script)
