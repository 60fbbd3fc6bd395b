"""A plan's lines beside its steps: what speaks against it and for whom it is, and the columns that steps stand in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from textual.content import Content

from irkit.cli.plan_notes import plan_notes, plan_refusals
from irkit.core.container import SHORT_ID
from irkit.core.text import safe
from irkit.tui.themes import SEVERITY_SIGNS, SEVERITY_STYLES

if TYPE_CHECKING:
    from irkit.core.plan import Plan

HEAD: Final = ("STEP", "EFFECT", "UNDO", "ESTIMATE", "NOTE")
_MOST_TARGETS = 50
_LEAST_NOTE = 8
_NARROW, _WIDE = 70, 110
"""Columns of a terminal below which there is no room for the estimate, and from which on there is more for all."""
_WIDTHS, _WIDE_WIDTHS = (20, 9, 12, 11), (28, 9, 20, 14)


def note_lines(plan: Plan, here: Mapping[str, str] | None = None) -> Iterator[Content]:
    """Blockers first, then what was noticed, with what to do about it.

    `here` says of findings, by their check, what a key of the screen does about them.
    """
    for text in plan_refusals(plan):
        yield Content.styled(f"REFUSED {text}", "bold $error")
    for note in plan_notes(plan):
        yield Content.styled(f"{SEVERITY_SIGNS[note.severity]} {note.text}", SEVERITY_STYLES[note.severity])
        if note.remedy:
            key = f" (here: {here[note.check]})" if here and note.check in here else ""
            yield Content.styled(f"   to do: {note.remedy}{key}", "dim")


def target_lines(plan: Plan) -> Iterator[Content]:
    """For whom it is."""
    for one in plan.targets[:_MOST_TARGETS]:
        yield Content(f"on {safe(one.host, 40)}/{safe(one.name, 60)}  {one.id[:SHORT_ID]}  {safe(one.state, 20)}")
    if len(plan.targets) > _MOST_TARGETS:
        yield Content(f"and {len(plan.targets) - _MOST_TARGETS} more")


def columns(sign: str, cells: Sequence[str], wide: int) -> str:
    """The columns, the note as wide as there is room. Of the step under the cursor, what has none stands below them."""
    *others, note = cells
    widths: Sequence[int] = _WIDTHS[:-1] if wide < _NARROW else _WIDTHS if wide < _WIDE else _WIDE_WIDTHS
    head = " ".join([f"{sign:>3}", *map(_fit, others[: len(widths)], widths), ""])
    room = wide - 4 - len(head)
    return f"{head}{_fit(note, room) if len(note) <= room or room > _LEAST_NOTE else ''}".rstrip()


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…"


def count(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
