"""The processes as a tree, seen from outside the container; what is unusual about one stands out."""

from __future__ import annotations

from collections.abc import Iterable

from irkit.app.looks import Look
from irkit.app.seen import Process
from irkit.core.text import safe
from irkit.tui.line_view import Line
from irkit.tui.panes.pane import Pane

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "nc", "ncat", "socat", "python", "perl"})
_DEEPEST = 20


class ProcessesPane(Pane["list[Process]"]):
    """Looked at when it is shown, and again with ctrl+r."""

    title = "Processes"

    def begin(self) -> Look[list[Process]]:
        self.view.is_following = False
        return self.irkit.services.looks.processes(self.key)

    def lines_of(self, value: list[Process]) -> Iterable[Line]:
        yield Line(safe(f"    {'PID':>7} {'USER':<8} {'STARTED':<20} COMMAND"), "bold")
        for one in value:
            yield process_line(one)
            for note in one.notes:
                yield Line(safe(f"     !  {note}", 400), "bold $warning")

    def count(self, value: list[Process]) -> str:
        return f"{len(value)} processes"


def process_line(one: Process) -> Line:
    """A process in its place in the tree, with a sign where it is unusual, or a shell."""
    is_odd = bool(one.notes)
    name = one.executable.removesuffix(" (deleted)").rpartition("/")[2] or one.title.split(" ")[0].rpartition("/")[2]
    sign = "!" if is_odd else "$" if name in _SHELLS else " "
    indent = "  " * min(one.depth, _DEEPEST)
    exe = f"   [{one.executable}]" if is_odd and one.executable else ""
    text = safe(f"  {sign} {one.pid:>7} {one.user[:8]:<8} {one.started[:19]:<20} {indent}{one.title}{exe}", 600)
    style = "bold $warning" if is_odd else "$primary" if sign == "$" else ""
    return Line(text, style, value=safe(one.title, 4000), path=safe(one.pid))
