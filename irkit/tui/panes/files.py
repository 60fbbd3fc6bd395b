"""The files that are not as the image has them, by folder, as the engine lists them."""

from __future__ import annotations

from collections.abc import Iterable

from irkit.app.looks import Look
from irkit.app.seen import Change, by_folder
from irkit.core.text import safe
from irkit.tui.line_view import Line
from irkit.tui.panes.pane import Pane

_SIGNS = {"added": "A", "changed": "C", "deleted": "D"}
_STYLES = {"added": "$success", "changed": "$warning", "deleted": "$error"}


class FilesPane(Pane["list[Change]"]):
    """Looked at when it is shown; leaving the tab gives it up."""

    title = "Files"

    def begin(self) -> Look[list[Change]]:
        self.view.is_following = False
        return self.irkit.services.looks.changes(self.key)

    def lines_of(self, value: list[Change]) -> Iterable[Line]:
        for folder, changes in by_folder(value).items():
            yield Line(safe(f"{folder}  ({len(changes)})", 400), "bold", value=safe(folder, 4000))
            for one in changes:
                name = one.path.rpartition("/")[2]
                yield Line(safe(f"  {_SIGNS[one.kind]} {name}", 400), _STYLES[one.kind], value=safe(one.path, 4000))

    def count(self, value: list[Change]) -> str:
        kinds = [f"{sum(one.kind == kind for one in value)} {kind}" for kind in _SIGNS]
        return ", ".join(kinds)
