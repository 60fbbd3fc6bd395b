"""A note of a case, as the log of the case's next run has it: what it says begins with when it was made.

Where the notes of a case are kept is `case_notes`' concern.
"""

import re
from dataclasses import dataclass
from typing import Final

from irkit.core.events import Note, Record

_COPIED: Final = re.compile(r"noted at (\S+) \(note (\d+) of the case\): (.*)", re.DOTALL)


@dataclass(frozen=True)
class CopiedNote:
    """When (UTC, as it stands there) a note of the case was made, its number there, and its own text."""

    at: str
    number: str
    text: str


def copied_note(record: Record) -> tuple[str, str]:
    """A note of a case, as the log of its next run has it: text, and by whom."""
    note = record.event
    if not isinstance(note, Note):
        return "", ""
    return f"noted at {record.at} (note {record.seq} of the case): {note.text}", note.by


def parse_copied(text: str) -> CopiedNote | None:
    """What the text of a copied note holds; None where it is a note of the run itself."""
    found = _COPIED.fullmatch(text)
    return CopiedNote(*found.groups()) if found else None
