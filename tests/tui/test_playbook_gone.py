"""A playbook whose file goes, or is spoilt, while its plan is looked at: that is said, and the plan stays."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.tui import flows
from irkit.tui.app import IrkitApp
from irkit.tui.screens.plan import PlanScreen
from tests.engine.world import container
from tests.tui.world import play, until

TEXT = """\
name: mine
version: 1
title: Mine
description: Reads the logs.
parameters:
  since: {type: duration, default: 24h, description: How far back.}
steps:
  - id: logs
    action: collect.logs
    with: {since: "${{ params.since }}"}
"""


@pytest.mark.parametrize("then", [None, "name: [", TEXT.replace("collect.logs", "no.such")])
def test_the_form_of_a_plan_whose_playbook_went_says_so(tmp_path: Path, then: str | None) -> None:
    playbook = tmp_path / "mine.yaml"
    playbook.write_text(TEXT, encoding="utf-8")

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        flows.plan(app, str(playbook), [f"local/{container('web').id}"])
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.plan)
        playbook.unlink() if then is None else playbook.write_text(then, encoding="utf-8")
        await pilot.press("f")
        await pilot.pause()
        assert isinstance(app.screen, PlanScreen)
        assert "mine.yaml" in " ".join(one.message for one in app._notifications)

    play({"local": [container("web")]}, tmp_path / "evidence", script)
