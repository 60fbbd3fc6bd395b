"""What a responder is told of one host by `irkit ls --json`: its containers, or why there are none; nothing raw."""

import re

from tests.acceptance.command import Ended

RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
"""What must reach no terminal: all that one obeys, but the end of a line."""


def check_lists(ended: Ended, name: str = "victim") -> None:
    """It lists that container alone."""
    assert (ended.status, ended.error_lines) == (0, [])
    assert [one["name"] for one in ended.json] == [name]
    assert not RAW.search(ended.out)


def check_says(ended: Ended, *texts: str) -> None:
    """It could not be done, which one line says, with the reason and what to do."""
    assert ended.status == 3, ended
    rows = ended.json if ended.out else []
    assert not RAW.search(ended.out) and not [one for one in rows if not one["error"] or one["state"] == "up"], ended
    assert [line.partition(" ")[0] for line in ended.error_lines] == ["irkit:"], ended.err
    assert not RAW.search(ended.err)
    assert not [text for text in texts if text not in ended.err], ended.err
