"""All that the engine knows of the container, as a tree of paths; what may be a secret is hidden until asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType

from irkit.app.looks import Look
from irkit.core.text import safe
from irkit.tui.hiding import befores, hide, hide_within, is_secret_name
from irkit.tui.line_view import Line
from irkit.tui.panes.pane import Pane

_DEEPEST: Final = 40
_WHOLE: Final = 1 << 26
"""More characters than a value can have, however many of them are shown as signs: looks take in less."""


class InspectPane(Pane[Any]):
    """The engine's own answer. Names of secrets are told by their look: what is not hidden may be one all the same."""

    title = "Inspect"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reveal", "Reveal", id="inspect.reveal", tooltip="Reveal secrets; the log says so"),
        Binding(
            "Y", "copy_path", "Copy path", id="inspect.copy-path", show=False, tooltip="Copy where the value stands"
        ),
    ]

    def __init__(self, key: str, *, id: str) -> None:
        super().__init__(key, id=id)
        self._is_revealed = False

    def begin(self) -> Look[Any]:
        self.view.is_following = False
        return self.irkit.services.looks.raw(self.key)

    def lines_of(self, value: Any) -> Iterable[Line]:
        return tree_lines(value, reveal=self._is_revealed)

    def count(self, value: Any) -> str:
        return f"{len(self.view.lines)} values" + (", secrets REVEALED" if self._is_revealed else ", secrets hidden")

    def action_reveal(self) -> None:
        """Show what is hidden, once the log says so, or hide it again."""
        if self._look is None or self._look.value is None:
            return
        if self._is_revealed:
            self._reveal(False)
        else:
            name = self.row.summary.name if self.row else self.key
            said = f"revealed the secrets in what the engine knows of {name} ({self.key})"
            self.irkit.write_down(said, lambda: self._reveal(True))

    def _reveal(self, is_revealed: bool) -> None:
        self._is_revealed = is_revealed
        self.again()

    def action_copy_path(self) -> None:
        """Copy where the value stands."""
        line = self.view.line
        if line is not None and line.path is not None:
            self.irkit.copy(line.path)


def tree_lines(value: Any, *, reveal: bool, path: str = "", depth: int = 0, is_below: bool = False) -> Iterator[Line]:
    """The values of JSON, each with its path; long ones are cut where they are shown, and copied whole.

    `is_below`: it is part of something whose name sounds like a secret.
    """
    if depth > _DEEPEST:
        yield Line(safe(f"{path}: deeper than is shown"), "dim")
        return
    indent = "  " * depth
    for name, item, before in _parts(value):
        told = str(name) if reveal else hide_within(str(name))
        here = f"{path}[{name}]" if isinstance(name, int) else f"{path}.{told}"
        if isinstance(item, Mapping | list) and item:
            is_secret = is_below or is_secret_name(str(name))
            yield Line(safe(f"{indent}{told}:", 400), "bold", path=safe(here, 1000))
            yield from tree_lines(item, reveal=reveal, path=here, depth=depth + 1, is_below=is_secret)
            continue
        text = "" if item is None else str(item)
        shown = text if reveal else hide(str(name), text, before=before, is_below=is_below)
        yield Line(safe(f"{indent}{told}: {shown}", 600), value=safe(shown, _WHOLE), path=safe(here, 1000))


def _parts(value: Any) -> Iterator[tuple[str | int, Any, str]]:
    """Names or numbers, what goes by them, and in lists the text before it."""
    if isinstance(value, Mapping):
        yield from ((str(name), item, "") for name, item in value.items())
    elif isinstance(value, list):
        yield from (
            (number, item, before) for number, (item, before) in enumerate(zip(value, befores(value), strict=True))
        )
