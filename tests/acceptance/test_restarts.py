"""How often an engine restarted a container, as it tells it itself."""

import json

import pytest

from tests.acceptance.command import Irkit
from tests.lab.description import Suspect
from tests.lab.suspects import RESTARTS, Lab

pytestmark = pytest.mark.engine


def test_how_often_the_engine_restarted_it_is_told_with_its_facts(lab: Lab, irkit: Irkit) -> None:
    suspect = lab.make(Suspect(name="victim", state="restarting", restart="always"))
    before = lab.engine.inspect(suspect)["RestartCount"]
    (found,) = json.loads(irkit("inspect", "victim", "--json").out)
    assert found["restarts"] >= before >= RESTARTS
    assert "always, restarts so far: " in irkit("inspect", "victim").out
