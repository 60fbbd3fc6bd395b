"""A note that is still being written when irkit is left: it is waited for, and told where it was lost."""

import time
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.app import case
from irkit.core.errors import StorageError
from irkit.tui.app import IrkitApp
from tests.app.hosts_in_memory import one_each
from tests.tui.world import play


async def note_and_leave(app: IrkitApp, pilot: Pilot[Any]) -> None:
    app.write_down("saw a shell")
    app.exit(0)


def test_a_note_is_on_disk_though_irkit_was_left_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = case.take_note

    def slow(*words: Any) -> None:
        time.sleep(0.5)
        written(*words)

    monkeypatch.setattr("irkit.tui.app.take_note", slow)
    app = play(one_each("a@x"), tmp_path, note_and_leave)
    assert app.unwritten(60) == []
    lines, _ = case.case_lines(app.services.setting, app.services.case)
    assert any("saw a shell" in str(one.record) for one in lines)


def test_a_note_that_was_lost_on_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StorageError("no space left", full=True)

    monkeypatch.setattr("irkit.tui.app.take_note", full)
    app = play(one_each("a@x"), tmp_path, note_and_leave)
    (line,) = app.unwritten(60)
    assert "NOT written down: no space left: saw a shell" in line
