"""A project of Compose, by Compose itself, on the real engine: known before, held when it is made anew, taken back."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.bundles import events, playbook
from tests.acceptance.command import Irkit
from tests.acceptance.holding import holding
from tests.lab.engine import Engine
from tests.lab.images import base_image
from tests.lab.tools import clean_environment, tool

pytestmark = pytest.mark.engine

CUT, FREEZE = "{id: cut, action: isolate.disconnect}", "{id: freeze, action: contain.pause}"
PROJECT = """
version: "2.4"
services:
  web:
    image: {image}
    command: [sh, -c, "trap 'exit 0' TERM; sleep 100000 & wait"]
    stop_grace_period: 1s
    restart: always
    networks: {{front: {{aliases: [till]}}}}
networks:
  front: {{}}
"""
Compose = Callable[..., str]


@pytest.fixture
def compose(engine: Engine, tmp_path: Path) -> Iterator[Compose]:
    """Compose's command, on a project with one service that is up."""
    file = tmp_path / "docker-compose.yml"
    file.write_text(PROJECT.format(image=base_image(engine)))
    environment = {**clean_environment(), "DOCKER_HOST": f"unix://{engine.socket}", "HOME": str(tmp_path)}

    def call(*words: str) -> str:
        argv = [tool("docker-compose"), "-p", "shop", "-f", str(file), *words]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    call("up", "-d")
    yield call
    for one in call("ps", "-q").split():
        engine.docker("unpause", one, check=False)
    call("down", "-t", "1")


def test_it_is_known_held_when_it_is_made_anew_and_taken_back(
    engine: Engine, irkit: Irkit, compose: Compose, tmp_path: Path
) -> None:
    (first,) = compose("ps", "-q").split()
    small = playbook(tmp_path, CUT, FREEZE, head="hold: contain")
    plan = irkit("plan", small, first).out
    assert "Compose service shop/web" in plan and "project shop" in plan
    with holding(irkit, small, first) as run:
        compose("up", "-d", "--force-recreate", "-t", "1")
        (second,) = compose("ps", "-q").split()
        assert second != first
        run.finding("hold.replaced", second)
        run.finding("hold.again", second)
        found = engine.inspect(second)
        assert found["State"]["Paused"] and found["NetworkSettings"]["Networks"] == {}
        assert run.end() == 0
    joined = [one for one in events(run.bundle) if one["event"] == "target-joined"]
    assert joined[-1]["container"]["id"] == second
    undone = irkit("undo", str(run.bundle), "--approve", "change", status=1)
    assert "gone" in undone.err + undone.out, "the first one is"
    found = engine.inspect(second)
    (network,) = found["NetworkSettings"]["Networks"].values()
    assert not found["State"]["Paused"] and "till" in network["Aliases"]
    assert compose("ps", "-q").split() == [second], "Compose takes it for its own still"
