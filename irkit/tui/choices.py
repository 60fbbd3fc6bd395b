"""A list to choose from whose Enter is the screen's: it comes after the keys before it, and a click chooses nothing."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList


class Choices(OptionList, inherit_bindings=False):
    """An option list without a meaning of its own for Enter.

    A screen that had to take Enter before the list could only do it with a priority binding, and that overtakes the
    keys that were pressed before it and wait still.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "cursor_down", "Down", show=False),
        Binding("up", "cursor_up", "Up", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
    ]
