"""Whether what a responder configured can be: the theme, and other keys for actions. Known before screens are up."""

from __future__ import annotations

import importlib
import unicodedata
from typing import TYPE_CHECKING, Final

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, REPLACED_KEYS, Keys
from textual.screen import ModalScreen, Screen
from textual.theme import BUILTIN_THEMES
from textual.widget import Widget

from irkit.core.errors import UsageError
from irkit.core.text import safe
from irkit.tui.app import IrkitApp
from irkit.tui.themes import THEMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from textual.dom import DOMNode

    from irkit.app.opened import Opened

_SCREENS: Final = ("triage", "container", "playbooks", "parameters", "plan", "confirm", "run", "evidence", "bundle",
                   "hosts", "case", "choice", "help", "note", "small")  # fmt: skip
_PANES: Final = ("overview", "processes", "network", "files", "logs", "inspect")
_NAMES: Final = {str(key.value) for key in Keys}
_WITH: Final = {"ctrl", "shift", "alt"}


def check_configured(opened: Opened) -> None:
    """Raises UsageError, with the place in the file where there is one."""
    if opened.theme and opened.theme not in (themes := theme_names()):
        _refuse(opened, "theme", f"there is no theme {safe(opened.theme, 60)!r}: there are {', '.join(themes)}")
    known = {one.id for bindings in all_bindings().values() for one in bindings}
    for name, keys in opened.keys.items():
        if name not in known:
            _refuse(
                opened, f"keys.{name}", f"there is no binding {safe(name, 60)!r}: the help on each screen shows them"
            )
        for key in keys.split(","):
            if not is_key(key.strip()):
                _refuse(opened, f"keys.{name}", f"{safe(key, 40)!r} is no key: write x, X, f5, ctrl+x or space")
    for screen, bindings in all_bindings().items():
        _check_apart(opened, screen, bindings)


def theme_names() -> list[str]:
    """The themes there are."""
    return sorted({*(theme.name for theme in THEMES), *BUILTIN_THEMES})


def keymap(keys: Mapping[str, str]) -> dict[str, str]:
    """The keys as the app takes them: what a screen offers of an action of the whole app moves with it."""
    given = {name: ",".join(long_name(key.strip()) for key in text.split(",")) for name, text in keys.items()}
    usual = {one.action: one for one in _bindings_of(IrkitApp)}
    for bindings in all_bindings().values():
        for one in bindings:
            whole = usual.get(one.action.removeprefix("app."))
            if whole is not None and one.action.startswith("app.") and one.key == whole.key and whole.id in given:
                given.setdefault(str(one.id), given[str(whole.id)])
    return given


def all_bindings() -> dict[str, list[Binding]]:
    """All bindings with an id: those of each screen with the widgets on it, and of the app that work there too."""
    found = {}
    for name in _SCREENS:
        module = importlib.import_module(f"irkit.tui.screens.{name}")
        found[name] = _bindings_on(module)
        for pane in _PANES if name == "container" else ():
            found[f"{name}, {pane}"] = _bindings_on(module, importlib.import_module(f"irkit.tui.panes.{pane}"))
    return found


def _bindings_on(screen: ModuleType, *parts: ModuleType) -> list[Binding]:
    """The bindings of the screen that a module has, of what it shows, and of the app unless the screen is modal."""
    found: dict[type[DOMNode], None] = {}
    for part in (screen, *parts):
        for one in vars(part).values():
            if not (isinstance(one, type) and issubclass(one, Widget) and one.__module__.startswith("irkit.tui")):
                continue
            shown = [screen.__name__, *(each.__name__ for each in parts)]
            if one.__module__ in shown or not (issubclass(one, Screen) or one.__module__.startswith("irkit.tui.panes")):
                found[one] = None
    if not any(issubclass(one, ModalScreen) for one in found):
        found[IrkitApp] = None
    return [binding for one in found for binding in _bindings_of(one)]


def _bindings_of(of: type[DOMNode]) -> list[Binding]:
    said = vars(of).get("BINDINGS", [])
    return [one for one in said if isinstance(one, Binding) and one.id]


def _check_apart(opened: Opened, screen: str, bindings: list[Binding]) -> None:
    """No key that was given to an action is another one's on the same screen."""
    given = keymap(opened.keys)
    taken: dict[str, dict[str, str]] = {}
    for one in bindings:
        for key in given.get(str(one.id), one.key).split(","):
            taken.setdefault(long_name(key.strip()), {})[one.action.removeprefix("app.")] = str(one.id)
    for key, actions in taken.items():
        mine = next((name for name in actions.values() if name in opened.keys), None)
        if mine is not None and len(actions) > 1:
            other = next(name for name in actions.values() if name != mine)
            _refuse(opened, f"keys.{mine}", f"the key {key} is that of {other} too, on the screen {screen}")


def is_key(text: str) -> bool:
    """Whether somebody could press it."""
    *modifiers, last = text.split("+") if len(text) > 1 else [text]
    if not set(modifiers) <= _WITH:
        return False
    return (len(last) == 1 and last.isprintable()) or text in _NAMES or last in _NAMES or _is_character(last)


def long_name(key: str) -> str:
    """A key as Textual names it: `?` is `question_mark`."""
    if len(key) == 1 and not key.isalnum():
        name = unicodedata.name(key, key).lower().replace("-", "_").replace(" ", "_")
        return KEY_NAME_REPLACEMENTS.get(name, name)
    return key


def _is_character(name: str) -> bool:
    try:
        return bool(unicodedata.lookup(REPLACED_KEYS.get(name, name).replace("_", " ")))
    except KeyError:
        return name == "minus"  # HYPHEN-MINUS


def _refuse(opened: Opened, way: str, reason: str) -> None:
    place = opened.places.get(way, "")
    raise UsageError(f"{place}: {way}: {reason}" if place else reason)
