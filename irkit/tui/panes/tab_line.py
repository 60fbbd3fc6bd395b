"""The line of tabs: each with its key, the one that is shown in brackets, whatever the colours. A click chooses one."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.events import Click
from textual.message import Message

from irkit.tui.notice import Notice


class TabLine(Notice):
    """Tabs by key and name. What is in it is irkit's own: no foreign text."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, tabs: Sequence[tuple[str, str]], *, id: str) -> None:
        super().__init__(id=id)
        self._tabs = tuple(tabs)

    def show(self, shown: str) -> None:
        """Tell which is shown."""
        parts: list[str | tuple[str, str]] = []
        before = ""
        for key, name in self._tabs:
            is_shown = name == shown
            parts.append("[" if is_shown else "]" if before == shown else " ")
            parts.append((f"{key} {name}", "bold reverse" if is_shown else ""))
            before = name
        self.update(Content.assemble(*parts, "]" if before == shown else ""))

    def at(self, column: int) -> str:
        """The name of the tab in that column; empty between two, and after the last."""
        begin = 0
        for key, name in self._tabs:
            end = begin + 1 + len(f"{key} {name}")
            if begin < column < end:
                return name
            begin = end
        return ""

    def on_click(self, event: Click) -> None:
        """Choose the one under the pointer."""
        event.stop()
        if name := self.at(event.x):
            self.post_message(self.Chosen(name))
