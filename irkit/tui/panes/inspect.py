"""All that the engine knows of the container, as a tree of paths; what may be a secret is hidden until asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType

from irkit.app.looks import Look
from irkit.core.text import safe
from irkit.tui.line_view import Line
from irkit.tui.panes.pane import Pane

_SECRET: Final = re.compile(r"pass|secret|token|key|cred|auth|private|session|cookie|dsn|connection", re.IGNORECASE)
_URL_SECRET: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_HIDDEN: Final = "******** (r reveals it, and the log says so)"
_DEEPEST, _MOST = 40, 20_000


class InspectPane(Pane[Any]):
    """The engine's own answer. Names of secrets are told by their look: what is not hidden may be one all the same."""

    title = "Inspect"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reveal", "Reveal secrets", id="inspect.reveal"),
        Binding("Y", "copy_path", "Copy path", id="inspect.copy-path"),
    ]

    def __init__(self, key: str, *, id: str) -> None:
        super().__init__(key, id=id)
        self._is_revealed = False

    def begin(self) -> Look[Any]:
        self.view.is_following = False
        return self.irkit.services.looks.raw(self.key)

    def lines_of(self, value: Any) -> Iterable[Line]:
        return list(tree_lines(value, reveal=self._is_revealed))[:_MOST]

    def count(self, value: Any) -> str:
        return f"{len(self.view.lines)} values" + (", secrets REVEALED" if self._is_revealed else ", secrets hidden")

    def action_reveal(self) -> None:
        """Show what is hidden, or hide it again; showing it is written into the log."""
        if self._look is None or self._look.value is None:
            return
        self._is_revealed = not self._is_revealed
        if self._is_revealed:
            name = self.row.summary.name if self.row else self.key
            self.irkit.write_down(f"revealed the secrets in what the engine knows of {name} ({self.key})")
        self._is_told = False
        self.tick()

    def action_copy_path(self) -> None:
        """Copy where the value stands."""
        line = self.view.line
        if line is not None and line.path is not None:
            self.irkit.copy(line.path)


def tree_lines(value: Any, *, reveal: bool, path: str = "", depth: int = 0) -> Iterator[Line]:
    """The values of JSON, each with its path; long ones are cut where they are shown, and copied whole."""
    if depth > _DEEPEST:
        yield Line(safe(f"{path}: deeper than is shown"), "dim")
        return
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        here = f"{path}.{name}" if isinstance(value, Mapping) else f"{path}[{name}]"
        indent = "  " * depth
        if isinstance(item, Mapping | list) and item:
            yield Line(safe(f"{indent}{name}:", 400), "bold", path=safe(here, 1000))
            yield from tree_lines(item, reveal=reveal, path=here, depth=depth + 1)
            continue
        text = "" if item is None else str(item)
        shown = text if reveal else hide(str(name), text)
        known = safe(shown, 4000)
        yield Line(safe(f"{indent}{name}: {shown}", 600), value=known, path=safe(here, 1000))


def hide(name: str, text: str) -> str:
    """The value, or a word in its place where its name, or a variable's, sounds like a secret."""
    variable, has_value, _ = text.partition("=")
    if has_value and re.fullmatch(r"\w+", variable) and _SECRET.search(variable):
        return f"{variable}={_HIDDEN}"
    if isinstance(name, str) and not name.isdigit() and _SECRET.search(name) and text not in ("", "False", "True"):
        return _HIDDEN
    return _URL_SECRET.sub("://********@", text)
