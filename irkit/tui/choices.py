"""A list to choose from whose Enter is the screen's: it comes after the keys before it, and a click chooses nothing."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.command import CommandList
from textual.style import Style
from textual.widgets import OptionList


class _Reversing(OptionList):
    """Takes a style sheet's `reverse` as it is said: Textual leaves it out of the styles of options."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        """As Textual's, reversed where it is to be."""
        style = super().get_visual_style(*component_classes, partial=partial)
        if any(self.get_component_styles(name).text_style.reverse for name in component_classes):
            return style + Style(reverse=True)
        return style


class Commands(CommandList, _Reversing, can_focus=False):
    """What the palette found. Of several bases Textual takes styles from the first alone."""


class Choices(_Reversing, inherit_bindings=False):
    """An option list without a meaning of its own for Enter.

    A screen that had to take Enter before the list could only do it with a priority binding, and that overtakes the
    keys that were pressed before it and wait still.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "cursor_down", "Down", id="list.down", show=False),
        Binding("k,up", "cursor_up", "Up", id="list.up", show=False),
        Binding("g,home", "first", "First", id="list.first", show=False),
        Binding("G,end", "last", "Last", id="list.last", show=False),
        Binding("pagedown", "page_down", "Page down", id="list.page-down", show=False),
        Binding("pageup", "page_up", "Page up", id="list.page-up", show=False),
    ]

    def search(self, wanted: str, *, backwards: bool = False, again: bool = False) -> bool:
        """Go to the next choice with that text, round the end; whether there is one. Empty goes nowhere."""
        text, step = wanted.casefold(), -1 if backwards else 1
        at = self.highlighted or 0
        first = at + step if again else at
        for place in range(first, first + step * self.option_count, step):
            number = place % self.option_count
            one = self.get_option_at_index(number)
            if text and not one.disabled and text in str(one.prompt).casefold():
                self.highlighted = number
                return True
        return not text
