"""Plain aligned columns: what a pipe, a log and an 80-column terminal all show the same.

rich's tables cost more than the rest of a list of 500 containers; they are for the screens.
"""

from collections.abc import Sequence

from irkit.core.estimate import Estimate
from irkit.core.text import safe
from irkit.core.values import size_text

__all__ = ["Rows", "age_text", "columns", "estimate_text", "offset_text", "size_text"]


def columns(head: Sequence[str], rows: Sequence[Sequence[object]], limit: int = 60) -> str:
    """Rows below a head, each cell made safe and cut at `limit` characters, two spaces apart."""
    cells: list[Sequence[str]] = [list(head), *([safe(cell, limit) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


class Rows:
    """Rows that are told one by one, below a head, at widths that were chosen beforehand: a longer cell pushes on."""

    def __init__(self, head: Sequence[str], widths: Sequence[int]) -> None:
        self._widths = [max(width, len(cell)) for width, cell in zip(widths, head, strict=True)]
        self.head = self.line(head)

    def line(self, row: Sequence[object], limit: int = 60) -> str:
        """One row, each cell made safe and cut at `limit` characters."""
        cells = [safe(cell, limit) for cell in row]
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)).rstrip()


def estimate_text(estimate: Estimate) -> str:
    """What is to come, before compression: `~1.2 GB+` (about, and something more), `<=64.0 MB`, `60 s`, `not known`."""
    if estimate.about:
        size = f"~{size_text(estimate.about)}" + ("+" if estimate.most or estimate.is_open else "")
    elif estimate.is_open:
        size = "not known"
    else:
        size = f"<={size_text(estimate.most)}" if estimate.most else ""
    return ", ".join(filter(None, [f"{estimate.seconds:g} s" if estimate.seconds else "", size]))


def offset_text(nanoseconds: int) -> str:
    """A difference between clocks: `+1.3 ms`, `-12.0 s`, `+3h 00m`."""
    seconds = abs(nanoseconds) / 1e9
    sign = "-" if nanoseconds < 0 else "+"
    if seconds < 1:
        return f"{sign}{seconds * 1000:.1f} ms"
    if seconds < 600:  # noqa: PLR2004 - as minutes one would lose what matters
        return f"{sign}{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{sign}{hours}h {minutes:02d}m"


def age_text(seconds: float) -> str:
    """How long ago: `45s`, `12m`, `5h`, `3d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
