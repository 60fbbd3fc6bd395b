"""How text gets to the screen: what is foreign through `safe`, and nothing past the filter that deletes controls.

Text is never markup here: Textual would run what stands in it. docs/adr/0025 says why there are two layers.
"""

import re
from typing import Final

from rich.segment import Segment
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter

from irkit.core.text import Safe, safe

LONGEST: Final = 1000
"""Characters of one line that are shown at most."""
# C0 and C1 controls, what orders text from right to left, zero-width and invisible format characters.
_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


class NoControls(LineFilter):
    """Deletes from every line what a terminal could obey: the second layer, should a text have missed the first."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if not any(_CONTROLS.search(one.text) for one in segments):
            return segments
        return [Segment(_CONTROLS.sub("", one.text), one.style) for one in segments]


def shown(text: object, style: str = "", limit: int = LONGEST) -> Content:
    """Foreign text as content of one line in a style; what it says is shown, never obeyed."""
    return Content.styled(safe(text, limit), style) if style else Content(safe(text, limit))


def lines(*parts: Content | str) -> Content:
    """Contents, and lines of irkit's own words, one below the other."""
    return Content("\n").join([part if isinstance(part, Content) else Content(part) for part in parts])


__all__ = ["LONGEST", "NoControls", "Safe", "lines", "safe", "shown"]
