"""A line of a log on the screen: what it says is shown and never obeyed, and copying gives all there is of it."""

from irkit.app.seen import log_line
from irkit.core.text import safe
from irkit.tui.panes.logs import shown_line

STAMP = "2026-01-31T14:02:11.5Z"


def test_time_stream_and_text() -> None:
    shown = [shown_line(log_line(stream, STAMP, b"ready\n")) for stream in ("stdout", "stderr", "engine")]
    assert [one.text for one in shown] == ["14:02:11   ready", "14:02:11 ! ready", "14:02:11 # ready"]
    assert [one.style for one in shown] == ["", "$warning", "$error"]
    assert {one.value for one in shown} == {"ready"}


def test_nothing_in_a_line_or_in_its_time_is_obeyed() -> None:
    hostile = "\x1b]52;c;eA==\x07 \u202e\u200b \x9b31m"
    line = shown_line(log_line("stdout", "2026-01-31T\x1b[2J\u202e:02", hostile.encode()))
    assert line.text == safe(line.text, 10_000) and "\x1b" not in line.text and "\u202e" not in line.text
    assert line.value == safe(hostile)


def test_a_long_line_is_cut_and_says_so() -> None:
    line = shown_line(log_line("stdout", STAMP, b"x" * 3000))
    assert line.text.endswith("(2000 more characters)") and len(line.text) < 1100
    assert line.value == "x" * 3000
    longer = shown_line(log_line("stdout", STAMP, b"\x1b" * 100_000))
    assert "the evidence has it whole" in longer.text and len(longer.text) < 1100
