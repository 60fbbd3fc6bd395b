"""What holds for every app that a test drives: it is waited for, what it said is there to be looked at, and its style
sheets are parsed once for all apps that the tests of a process open, not for each: they are the same text.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from irkit.tui.app import IrkitApp
from tests.tui.idle import wait_for_what_is_under_way


@pytest.fixture(autouse=True, scope="session")
def _patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IrkitApp, "NOTIFICATION_TIMEOUT", 600)  # Textual forgets after 5 s, which may pass between lines
        wait_for_what_is_under_way(patch)
        yield


@pytest.fixture(autouse=True, scope="session")
def _style_sheets_are_parsed_once() -> Iterator[None]:
    parse = Stylesheet._parse_rules
    known: dict[Any, list[RuleSet]] = {}

    def parse_once(self: Stylesheet, css: str, read_from: Any, *further: Any, **named: Any) -> list[RuleSet]:
        key = (css, read_from, further, *sorted(named.items()), *sorted(self._variables.items()))
        if key not in known:
            known[key] = parse(self, css, read_from, *further, **named)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield
