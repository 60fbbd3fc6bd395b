"""The first line of every screen: case, hosts, the run under way, the time, and whether plans may change things."""

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content
from textual.widget import Widget

from irkit.core.text import safe

READ_ONLY, ARMED = "READ-ONLY", "[!] ARMED"
"""Their shapes differ, so that no colour is needed to tell them apart."""
_CASE, _RUN = 24, 28


def header_line(
    *, case: str, up: int, down: int, run: str, now: datetime, is_armed: bool, width: int, name: str = "irkit"
) -> Content:
    """The line, as wide as the terminal; what is less needed goes first where it is narrow."""
    hosts = f"hosts {up} up" + (f" {down} down" if down else "")
    right = Content.assemble(
        f"{now:%H:%M:%S}Z  ", (ARMED if is_armed else READ_ONLY, "$text-error bold reverse" if is_armed else "bold")
    )
    told = f"case {safe(case or '-', _CASE)}"
    under_way = f"run {safe(run or '-', _RUN)}"
    short = [told, f"hosts {up}/{up + down}"]
    kept = [[told, hosts, under_way], [*short, under_way], *([[told, under_way], [under_way]] if run else [short])]
    left = _fitting(name, [*kept, [told]], width - right.cell_length - 1)
    return Content(left.ljust(width - right.cell_length)) + right


def _fitting(name: str, choices: Sequence[Sequence[str]], width: int) -> str:
    """The first choice that fits, with room between its parts where there is some."""
    for parts in choices:
        for gap in ("   ", "  "):
            text = gap.join([name, *parts])
            if len(text) <= width:
                return text
    return name if len(name) <= width else ""


class HeaderLine(Widget):
    """Shows what the app says of its header; `look` asks anew, and it is painted where it says something else."""

    DEFAULT_CSS = "HeaderLine { dock: top; height: 1; width: 100%; background: $panel; color: $foreground; }"

    def __init__(self) -> None:
        super().__init__()
        self._told = Content("")

    def look(self) -> None:
        """Ask anew what there is to say."""
        if not self._now().is_same(self._told):
            self.refresh()

    def render(self) -> Content:
        self._told = self._now()
        return self._told

    def _now(self) -> Content:
        return self.app.header(self.size.width)  # type: ignore[attr-defined, no-any-return]
