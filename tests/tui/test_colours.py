"""Which colours reach a terminal: none where none are wanted, and its own alone where it has 16."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.tui.app import IrkitApp
from irkit.tui.standing import INTERRUPTED
from irkit.tui.themes import FEW_COLOURS, USUAL_THEME, usual_theme
from tests.app.hosts_in_memory import one_each
from tests.soak import SOAKING
from tests.tui.on_terminal import Terminal, staged
from tests.tui.world import play

_STYLE = re.compile(rb"\x1b\[([0-9;:]*)m")
_SHAPES = set(range(10)) | set(range(21, 30))
"""Codes that set bold, dim, italic, underlined, blinking, reversed, hidden and struck text, and end it."""
_SIXTEEN = {*range(30, 38), 39, *range(40, 48), 49, *range(90, 98), *range(100, 108)}
_WAYS = {
    "NO_COLOR": ((), {"NO_COLOR": "1", "COLORTERM": "truecolor"}),
    "--no-color": (("--no-color",), {"TERM": "xterm-16color"}),
    "--no-color and a theme": (("--no-color", "--theme", "nord"), {"COLORTERM": "truecolor"}),
    "16 colours": ((), {"TERM": "xterm-16color"}),
    "a console": ((), {"TERM": "linux"}),
    "ansi-dark": (("--theme", "ansi-dark"), {"COLORTERM": "truecolor"}),
    "ansi-light": (("--theme", "ansi-light"), {"COLORTERM": "truecolor"}),
}
_PLAIN = ("NO_COLOR", "--no-color", "--no-color and a theme")
_FEW = ("16 colours", "ansi-dark", "a console", "ansi-light")


def _codes(terminal: Terminal) -> set[int]:
    """All codes of styles that it was sent; 38 and 48 begin a colour that is not one of the sixteen."""
    return {int(code or 0) for codes in _STYLE.findall(terminal.shown) for code in re.split(rb"[;:]", codes)}


def _tour(terminal: Terminal) -> None:
    """Every screen, and a plan that changes something from the first look to its bundle."""
    steps = (("", "on-a@x"), ("j", ">"), ("\r", "overview"), ("t", "as of"), ("l", "lines from"), ("i", "values"),
             ("\x1b", "sort"), ("A", "ARMED"), ("I", "DRY RUN"), ("\r", "Type"), ("on-a@x\r", "bundle"),
             ("6", "1 bundle"), ("7", "PING"), ("8", "ann@desk"), ("?", "Name a new case"), ("\x1b", "ann@desk"),
             (":", "key"))  # fmt: skip
    for keys, seen in steps:
        since = len(terminal.shown)
        terminal.type(keys)
        terminal.sees(seen, since)
    terminal.send(signal.SIGTERM)
    assert terminal.ended() == INTERRUPTED


def _sent(way: str, folder: Path) -> set[int]:
    options, variables = _WAYS[way]
    with staged("usual", folder, *options, variables=variables) as terminal:
        _tour(terminal)
        return _codes(terminal)


@pytest.mark.parametrize("way", _PLAIN if SOAKING else _PLAIN[:1])
def test_no_colour_reaches_a_terminal_on_which_none_is_wanted(way: str, tmp_path: Path) -> None:
    codes = _sent(way, tmp_path)
    assert codes <= _SHAPES
    assert {1, 7} <= codes, "what was told by colours is bold or reversed"


@pytest.mark.parametrize("way", _FEW if SOAKING else _FEW[:1])
def test_a_terminal_of_sixteen_colours_is_sent_no_others(way: str, tmp_path: Path) -> None:
    codes = _sent(way, tmp_path)
    assert codes <= _SHAPES | _SIXTEEN
    assert codes & _SIXTEEN - {39, 49}, "there are colours"


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({"TERM": "xterm-16color"}, FEW_COLOURS),
        ({"TERM": "linux"}, FEW_COLOURS),
        ({"TERM": "xterm"}, FEW_COLOURS),
        ({"TERM": "xterm-256color"}, USUAL_THEME),
        ({"TERM": "xterm-kitty"}, USUAL_THEME),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, USUAL_THEME),
    ],
)
def test_the_usual_theme_has_as_many_colours_as_the_terminal(environment: dict[str, str], theme: str) -> None:
    assert usual_theme(environment) == theme


def test_an_empty_no_color_takes_no_colours_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")

    async def script(app: IrkitApp, _: Pilot[Any]) -> None:
        assert not app.no_color and not app.native_ansi_color

    play(one_each("a@x"), tmp_path, script)
