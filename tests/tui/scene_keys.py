"""The keys of a screen as it stands: which do two things, and which actions the palette does not have."""

from typing import Any, NamedTuple

from textual.command import CommandPalette
from textual.screen import Screen
from textual.widget import Widget

from irkit.tui.keys import plain_action, told_keys
from tests.tui.bindings import IDS
from tests.tui.stage import Scene


class SceneKeys(NamedTuple):
    """What is wrong with the keys of a screen: those that do several things, and what no palette or key has."""

    clashes: list[str]
    missing: list[str]


async def keys_of(scene: Scene) -> SceneKeys:
    """Look at the screen on top, with the focus wherever it can be: it is somewhere else afterwards."""
    screen = scene.app.screen
    if not _is_irkits(screen):
        assert isinstance(screen, CommandPalette)
        return SceneKeys([], [])
    clashes = await _clashes(scene)
    commands = {one.title for one in scene.app.get_system_commands(screen)}
    told = told_keys(scene.app, screen)
    active = {one.binding.id for one in screen.active_bindings.values() if one.binding.id in IDS}
    missing = [one.what for one in told if one.what not in commands or not one.keys or one.id not in active]
    return SceneKeys(clashes, missing)


async def _clashes(scene: Scene) -> list[str]:
    """Keys that do more than one thing where the focus is, wherever it goes on the screen."""
    found = []
    screen = scene.app.screen
    places: list[Widget | None] = [screen.focused, *screen.focus_chain]
    for place in places:
        if place is not None:
            place.focus()
            await scene.pilot.pause()
        actions: dict[str, set[str]] = {}
        for node, bindings in screen._modal_binding_chain:
            for key, binding in bindings:
                is_off = scene.app._check_action_state(binding.action, node) is False
                if not is_off and (binding.id in IDS or binding.priority):
                    actions.setdefault(key, set()).add(plain_action(binding))
        found += [f"{type(place).__name__} {key}: {what}" for key, what in actions.items() if len(what) > 1]
    return found


def _is_irkits(screen: Screen[Any]) -> bool:
    return type(screen).__module__.startswith("irkit.tui")
