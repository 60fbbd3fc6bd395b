"""How a hold stands, in a line."""

import click
import pytest

from irkit.cli.holding import holding_text
from irkit.cli.options import DURATION
from irkit.core.holding import Holding
from tests.acceptance.terminal import obeyed

SINCE = "2026-11-21T10:15:30.000000Z"
EVIL = "\x1b[2J\x9b31m\u202e\r\n"


def test_it_says_what_is_held_since_when_and_how_to_end_it() -> None:
    text = holding_text(Holding(since=SINCE, names=("web", "db")))
    assert text == "holding 2 container(s) since 10:15:30Z: web, db; Ctrl-C ends it"


def test_it_says_what_does_not_hold_and_who_does_not_answer() -> None:
    text = holding_text(Holding(since=SINCE, names=("web",), again=3, broken=("web",), unanswered=("far",)))
    assert "contained again 3 time(s); NOT HELD: web; no answer from far" in text


def test_many_names_are_counted_and_hostile_ones_made_safe() -> None:
    text = holding_text(Holding(since=SINCE, names=tuple(f"{EVIL}{number}" for number in range(30))))
    assert obeyed(text) == set() and "\n" not in text
    assert "and 20 more" in text


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("1h30m", 5400.0), ("250ms", 0.25)])
def test_how_long_to_hold_is_a_duration(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0s", "90", "-1s", "soon"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DURATION.convert(text, None, None)
