"""The triage screen with Textual's DataTable in the place of irkit's table, to measure one against the other."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from textual.widgets import DataTable

from irkit.tui.screens import triage
from irkit.tui.table_columns import Column, Row


class PeerTable(DataTable[str]):
    """As much of a LiveTable as the screen calls: cleared and filled, which is how a sorted list is shown by it."""

    marked: tuple[str, ...] = ()
    hidden_marks = 0
    is_order_kept = is_frozen = False
    cursor_key = None

    def __init__(self, columns: Sequence[Column], look: Callable[[str], Row], *, id: str) -> None:
        super().__init__(id=id)
        self._own, self._look = columns, look
        self._keys: Sequence[str] = ()

    def on_mount(self) -> None:
        for column in self._own:
            self.add_column(column.title, key=column.id, width=column.width)

    def show(self, keys: Sequence[str], *, at_once: bool = False) -> None:
        self._keys = keys
        self.clear()
        if self.columns:
            for key in keys:
                self.add_row(*(cell.text for cell in self._look(key).cells), key=key)

    def look_again(self) -> None:
        self.show(self._keys)

    def drop_marks(self, gone: Iterable[str]) -> None:
        pass

    def touch(self) -> None:
        pass


def use_data_table() -> None:
    """From here on the screen has this table."""
    screen: Any = triage
    screen.LiveTable = PeerTable
