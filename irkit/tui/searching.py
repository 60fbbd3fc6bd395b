"""A search on a screen: what is looked for is typed below it, `n` and `N` go on. Tabs, items, logs, lists."""

from __future__ import annotations

from typing import ClassVar, Final, Protocol, TypeVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from irkit.tui.line_view import LineView
from irkit.tui.screen import IrkitScreen

T = TypeVar("T")
_FIELD: Final = "search-field"


class Searched(Protocol):
    """What can be searched: lines of text, or a list to choose from."""

    def search(self, wanted: str, *, backwards: bool = False, again: bool = False) -> bool:
        """Go to the next place with that text, round the end; whether there is one. Empty marks nothing."""
        ...

    def focus(self) -> object:
        """Have the keys again."""
        ...


class SearchScreen(IrkitScreen[T]):
    """A screen with lines, or a list, that can be searched. Its body ends with the `search_field`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Find", id="search.type"),
        Binding("n", "again(False)", "Next", id="search.next", show=False, tooltip="Next place found"),
        Binding("N", "again(True)", "Previous", id="search.previous", show=False, tooltip="Place found before"),
    ]
    _wanted = ""

    @property
    def searched(self) -> Searched:
        """What is searched: the lines."""
        return self.query_one(LineView)

    def search_field(self) -> Input:
        """Where it is typed; hidden until then."""
        field = Input(placeholder="search", id=_FIELD, select_on_focus=False)
        field.display = False
        return field

    def action_search(self) -> None:
        """Type what is searched for."""
        field = self.query_one(f"#{_FIELD}", Input)
        field.value = ""
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search for it. Screens with other fields are told of those as well: each looks which one it is."""
        if event.input.id == _FIELD:
            event.stop()
            self._wanted = event.value
            self.end_search()
            self._found(self.searched.search(self._wanted))

    def end_search(self) -> bool:
        """Put the field away; whether it was there."""
        field = self.query_one(f"#{_FIELD}", Input)
        if not field.display:
            return False
        field.display = False
        self.searched.focus()
        return True

    def action_again(self, backwards: bool) -> None:
        """The next place where it is found."""
        self._found(self.searched.search(self._wanted, backwards=backwards, again=True))

    def _found(self, found: bool) -> None:
        if not found:
            self.irkit.say(f"{self._wanted!r} is not in what is shown here", "warning")
