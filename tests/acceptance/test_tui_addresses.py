"""Hosts given by an address whose name does not tell all: contained and taken back from the terminal interface."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab
from tests.tui.on_terminal import Terminal

pytestmark = pytest.mark.engine
ELSEWHERE = "/run/elsewhere.sock"
"""Where the engine of the host listens: at no place where one is looked for."""


@pytest.fixture
def host(engine: Engine) -> Iterator[LabHost]:
    with Lab(engine) as made, start_host(name="web", engine=engine, socket=ELSEWHERE) as found:
        made.network(Network("front", subnet="10.77.3.0/24"))
        made.make(Suspect("victim", networks=(Attach("front"),), command=("sh", "-c", "exec sleep 100000")))
        yield found


def networks(engine: Engine) -> set[str]:
    return set(engine.inspect("victim")["NetworkSettings"]["Networks"])


@pytest.mark.parametrize("form", ["unix", "ssh"])
def test_what_the_list_shows_is_contained_and_taken_back(
    form: str, engine: Engine, host: LabHost, client: ClientSide, tmp_path: Path
) -> None:
    client.add(host)
    irkit = Irkit("", tmp_path / "evidence", client)
    given = f"unix://{engine.socket}" if form == "unix" else f"ssh://root@web{ELSEWHERE}"
    before = networks(engine)
    with Terminal([sys.executable, "-m", "irkit", "-H", given, "--case", "IR-1"], irkit.environment()) as terminal:
        terminal.sees("victim")
        terminal.type("AgI")
        terminal.sees("Plan contain-and-preserve v1")
        since = len(terminal.shown)
        terminal.type("\r")
        terminal.sees("Type", since)
        terminal.type("victim\r")
        terminal.sees("; bundle", since)
        assert not networks(engine) and engine.inspect("victim")["State"]["Paused"]
        since = len(terminal.shown)
        terminal.type("U")
        terminal.sees("Plan undo of run", since)
        terminal.type("\r")
        terminal.sees("Type", since)
        terminal.type("victim\r")
        terminal.sees("; bundle", since)
        assert networks(engine) == before and not engine.inspect("victim")["State"]["Paused"]
        terminal.type("q")
        assert terminal.ended() == 0, terminal.after_screens()
