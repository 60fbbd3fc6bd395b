"""What a live table tells its screen."""

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from irkit.tui.live_table import LiveTable


class TableMessage(Message):
    """A message of a live table, which is its `control`."""

    def __init__(self, table: "LiveTable", key: str | None = None) -> None:
        super().__init__()
        self.table, self.key = table, key

    @property
    def control(self) -> "LiveTable":
        return self.table


class CursorMoved(TableMessage):
    """The cursor holds the row of another key, or of none."""


class CursorGone(TableMessage):
    """The row of the cursor, `key`, vanished; or a key was pressed that needs a row, and the cursor holds none."""


class Opened(TableMessage):
    """The responder wants to see the row of the key."""


class MarksChanged(TableMessage):
    """Other rows are marked than were; `dropped` lost their marks because they are no more."""

    def __init__(self, table: "LiveTable", dropped: tuple[str, ...] = ()) -> None:
        super().__init__(table)
        self.dropped = dropped
