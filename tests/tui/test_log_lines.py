"""A line of a log on the screen: what it says is shown and never obeyed, and copying gives all there is of it."""

from irkit.app.seen import log_line
from irkit.core.text import safe
from irkit.tui.panes.logs import dated_lines, shown_line

STAMP = "2026-01-31T14:02:11.5Z"


def test_time_stream_and_text() -> None:
    shown = [shown_line(log_line(stream, STAMP, b"ready\n")) for stream in ("stdout", "stderr", "engine")]
    assert [one.text for one in shown] == ["14:02:11   ready", "14:02:11 ! ready", "14:02:11 # ready"]
    assert [one.style for one in shown] == ["", "$warning", "$error"]
    assert {one.value for one in shown} == {f"{STAMP} ready"}, "copied with its time, whole"


def test_what_the_engine_says_without_a_time_is_copied_as_it_is() -> None:
    assert shown_line(log_line("engine", "", b"it was rotated")).value == "it was rotated"


def test_the_date_stands_where_the_day_changes_and_nowhere_else() -> None:
    stamps = ["2026-01-30T23:59:59.9Z", "2026-01-30T23:59:59.9Z", "", "2026-01-31T00:00:00Z", "2026-01-31T00:00:01Z"]
    lines = [log_line("stdout", stamp, b"x") for stamp in stamps]
    texts = [str(one.text) for one in dated_lines(lines)]
    assert [text for text in texts if text.startswith("--")] == ["-- 2026-01-30 UTC --", "-- 2026-01-31 UTC --"]
    assert texts.index("-- 2026-01-31 UTC --") == 4 and len(texts) == 7
    assert len(list(dated_lines(lines[3:], "2026-01-31"))) == 2, "it was told already"


def test_nothing_in_a_line_or_in_its_time_is_obeyed() -> None:
    hostile = "\x1b]52;c;eA==\x07 \u202e\u200b \x9b31m"
    line = shown_line(log_line("stdout", "2026-01-31T\x1b[2J\u202e:02", hostile.encode()))
    assert line.text == safe(line.text, 10_000) and "\x1b" not in line.text and "\u202e" not in line.text
    assert line.value == f"{safe('2026-01-31T' + chr(27) + '[2J' + chr(0x202E) + ':02')} {safe(hostile)}"


def test_a_long_line_is_cut_and_says_so() -> None:
    line = shown_line(log_line("stdout", STAMP, b"x" * 3000))
    assert line.text.endswith("(2000 more characters)") and len(line.text) < 1100
    assert line.value == f"{STAMP} {'x' * 3000}"
    longer = shown_line(log_line("stdout", STAMP, b"\x1b" * 100_000))
    assert "the evidence has it whole" in longer.text and len(longer.text) < 1100
