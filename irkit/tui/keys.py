"""The keys that work where the responder is, an action a line: for the help, the palette and the documentation.

What irkit has to say of its keys is said of bindings that have an id: those a configuration file can give other keys.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from textual.app import App
from textual.screen import Screen

from irkit.core.text import Safe, safe

if TYPE_CHECKING:
    from textual.binding import Binding
    from textual.dom import DOMNode

    from irkit.tui.app import IrkitApp


_MOVING = ("lines.", "list.", "table.")
_NAMED: Final = re.compile(r"\{([a-z_.-]+):([^{}]+)\}")


class Told(NamedTuple):
    """An action: the keys that do it here, what it is, and where it is done. `id` is that of its binding."""

    id: str
    keys: tuple[str, ...]
    what: str
    action: str
    node: DOMNode


def told_keys(app: App[Any], screen: Screen[Any]) -> list[Told]:
    """Every action that a key does on a screen as it is now: its own first, then those that work everywhere."""
    found: dict[str, Told] = {}
    for node, binding, enabled, _ in screen.active_bindings.values():
        if not binding.id or not binding.description or not enabled:
            continue
        name = plain_action(binding)
        known = found.get(name)
        keys = (*(known.keys if known else ()), app.get_key_display(binding))
        first = known or Told(binding.id, keys, words_of(binding), binding.action, node)
        found[name] = first._replace(keys=tuple(dict.fromkeys(keys)))
    return sorted(found.values(), key=lambda one: _rank(one, app))


def _rank(one: Told, app: App[Any]) -> int:
    """What is a screen's own is told first, then how to move, then what works everywhere."""
    return 2 if one.node is app else 1 if one.id.startswith(_MOVING) else 0


def hint(app: IrkitApp, text: str) -> Safe:
    """What irkit says of keys, with those that a configuration file gave: `{arm:A} arms` names a binding and its key.

    For irkit's own words alone: what is foreign is put in afterwards.
    """
    given = app.services.opened.keys
    return Safe(_NAMED.sub(lambda one: safe(given.get(one[1], one[2]).partition(",")[0].strip(), 40), text))


def plain_action(binding: Binding) -> str:
    """What a binding does, however it is written."""
    return binding.action.removeprefix("app.").removeprefix("screen.")


def words_of(binding: Binding) -> str:
    """What it does in words: a footer has room for one, the help for more."""
    return binding.tooltip or binding.description
