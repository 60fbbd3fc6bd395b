"""A line that tells something, as high as ever: what it is told again costs nothing."""

from __future__ import annotations

from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static


class Notice(Static):
    """One line of text, never markup. It may be updated at every tick: it is painted where it differs only."""

    def __init__(self, content: Content | str = "", *, id: str | None = None) -> None:
        self._told = _content(content)
        super().__init__(self._told, id=id, classes="notice", markup=False)

    def update(self, content: VisualType = "", *, layout: bool = False) -> None:
        """Tell something else. Its height is fixed, so nothing is laid out anew."""
        told = _content(content)
        if not told.is_same(self._told):
            self._told = told
            super().update(told, layout=layout)


def _content(content: VisualType) -> Content:
    return content if isinstance(content, Content) else Content(str(content))
