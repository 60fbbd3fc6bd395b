"""The files that are not as the image has them, by folder, as the engine lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from irkit.app.changed_files import shown_folders
from irkit.app.looks import Look
from irkit.app.seen import Change
from irkit.core.text import safe
from irkit.tui.line_view import Line
from irkit.tui.panes.pane import MOST_LINES, Pane

_SIGNS = {"added": "A", "changed": "C", "deleted": "D"}
_STYLES = {"added": "$success", "changed": "$warning", "deleted": "$error"}


class FilesPane(Pane["list[Change]"]):
    """Looked at when it is shown; leaving the tab gives it up."""

    title = "Files"

    def begin(self) -> Look[list[Change]]:
        self.view.is_following = False
        return self.irkit.services.looks.changes(self.key)

    def lines_of(self, value: list[Change]) -> Iterable[Line]:
        return file_lines(value)

    def count(self, value: list[Change]) -> str:
        kinds = [f"{sum(one.kind == kind for one in value)} {kind}" for kind in _SIGNS]
        return ", ".join(kinds)


def file_lines(changes: list[Change]) -> Iterator[Line]:
    """The folders with what is in them; what is not shown is told first, and where it is."""
    folders = shown_folders(changes, MOST_LINES - 1)
    if left := len(changes) - sum(len(one.shown) for one in folders):
        text = f"NOT ALL IS SHOWN: {left} of {len(changes)} changes are counted only; exporting saves them all"
        yield Line(safe(text), "bold $warning")
    for folder in folders:
        yield Line(safe(f"{folder.path}  ({folder.total})", 400), "bold", value=safe(folder.path, 4000))
        for one in folder.shown:
            name = one.path.rpartition("/")[2]
            yield Line(safe(f"  {_SIGNS[one.kind]} {name}", 400), _STYLES[one.kind], value=safe(one.path, 4000))
        if folder.left:
            yield Line(safe(f"  … and {folder.left} more in it"), "bold $warning")
        if folder.folders_left:
            text = f"  … and {folder.folders_left} more added folders in it, with {folder.left_below} changes"
            yield Line(safe(text), "bold $warning")
