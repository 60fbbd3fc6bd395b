"""Where no colours are wanted none is sent: not a grey either, which is what Textual makes of them."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


class NoColours(LineFilter):
    """Takes the colours out of every line. Bold, dim, underlined, struck and reversed text stays so."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(one.text, one.style and _without_colour(one.style), one.control) for one in segments]


@lru_cache(1024)
def _without_colour(style: Style) -> Style:
    return style.without_color
