"""What is on the screen with its styles, as text that can be reviewed: a letter for each style, below what it is on."""

import re
from collections.abc import Iterator
from typing import Final

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.scrollbar import ScrollBar

from irkit.tui.app import IrkitApp

_WORDS: Final = {1: "bold", 2: "dim", 3: "italic", 4: "underlined", 7: "reversed", 9: "struck"}
_COLOURS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_USUAL: Final = (39, 49)
_BAR_ENDS: Final = re.compile("[ ]*[\u2581-\u2588]{2}$")
_SEEN_ON_BLANKS: Final = {"underlined", "reversed", "struck"}
LETTERS: Final = {
    "": " ",
    "bold": "B",
    "dim": "d",
    "italic": "i",
    "underlined": "u",
    "reversed": "v",
    "bold reversed": "V",
    "bold underlined": "U",
    "dim reversed": "w",
    "italic reversed": "j",
    "bold underlined reversed": "X",
    "bold dim reversed struck": "x",
    "red": "r",
    "bold red": "R",
    "bold reversed red": "A",
    "green": "g",
    "bold green": "G",
    "yellow": "y",
    "bold yellow": "Y",
    "bold reversed yellow": "Z",
    "cyan": "c",
    "bold cyan": "C",
    "reversed cyan": "k",
}
"""A letter for each style there is, a capital one for what is bold. A style that has none is new: look at it first."""


def codes_of(style: Style | None) -> str:
    """The codes of a style, as a terminal with any number of colours is sent them."""
    return style._make_ansi_codes(ColorSystem.TRUECOLOR) if style is not None else ""


def styled_lines(app: IrkitApp) -> Iterator[str]:
    """Each line that has a style, with its number, and the letters of its styles below it; scroll bars left out."""
    bars = [region for one, (region, _) in app.screen._compositor.visible_widgets.items() if isinstance(one, ScrollBar)]
    for number, strip in enumerate(app.screen._compositor.render_strips()):
        letters = "".join(LETTERS[style_name(one)] * one.cell_length for one in strip)
        for bar in bars:
            if bar.y <= number < bar.bottom:
                letters = letters[: bar.x] + " " * bar.width + letters[bar.right :]
        if letters := letters.rstrip():
            yield f"{number + 1:2} {_BAR_ENDS.sub('', strip.text.rstrip())}"
            yield f"   {letters}"


def style_name(segment: Segment) -> str:
    """The style of what is seen, in words such as `bold red`; the terminal's usual colours are not told."""
    codes = [int(code) for code in codes_of(segment.style).split(";") if code]
    words = [_word(code) for code in codes if code not in _USUAL]
    is_seen = segment.text.strip() or _SEEN_ON_BLANKS & set(words)
    return " ".join(words) if is_seen else ""


def _word(code: int) -> str:
    if 30 <= code < 38:
        return _COLOURS[code - 30]
    return _WORDS.get(code) or f"code {code}"


def legend(text: str) -> str:
    """What the letters mean that are in lines of styles."""
    used = {letter for line in text.splitlines() if line.startswith("   ") for letter in line}
    return ", ".join(f"{letter} {name}" for name, letter in LETTERS.items() if name and letter in used)
