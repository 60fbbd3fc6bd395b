"""irkit look on a real container: what its screens show, on the plain command line."""

import json
import signal
from pathlib import Path

import pytest

from tests.acceptance.command import Irkit, connect
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.fixtures import USERS
from tests.lab.host_start import start_host
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine
SUSPECT = Suspect(
    name="shop", stdout=(b"one\n", b"two\x1b[2J\n"), stderr=(b"err\n",), changed={"/opt/drop\x1bper": b"evil\n"}
)


def see_all(irkit: Irkit, container: str, *more: str) -> None:
    """Each kind, as text without an escape and as JSON."""
    assert "COMMAND" in irkit("look", "shop", "processes", *more).out
    found = irkit("look", "shop", "processes", "--json", *more).json
    assert found["id"] == container and found["seen"][0]["depth"] == 0 and found["source"] == "/proc of the host"
    assert "added    /opt/drop␛per" in irkit("look", "shop", "files", *more).out.splitlines()
    assert {"kind": "added", "path": "/opt/drop\x1bper"} in irkit("look", "shop", "files", "--json", *more).json["seen"]
    assert "LOCAL" in irkit("look", "shop", "network", *more).out
    assert irkit("look", "shop", "network", "--json", *more).json["attachments"]
    assert irkit("look", "shop", "inspect", *more).json["Id"] == container
    texts = [line.split(" ", 1)[1] for line in irkit("look", "shop", "logs", *more).out.splitlines()]
    assert sorted(texts) == ["stderr err", "stdout one", "stdout two␛[2J"]
    lines = [json.loads(line) for line in irkit("look", "shop", "logs", "--json", *more).out.splitlines()]
    assert sorted(one["text"] for one in lines) == ["err", "one", "two\x1b[2J"]


def test_a_container_is_seen_here_and_nothing_is_kept(irkit: Irkit, lab: Lab) -> None:
    see_all(irkit, lab.make(SUSPECT))
    assert not irkit.evidence.exists() or not any(irkit.evidence.iterdir())


def test_a_container_is_seen_over_ssh(engine: Engine, client: ClientSide, lab: Lab, tmp_path: Path) -> None:
    container = lab.make(SUSPECT)
    with start_host(engine=engine, users=USERS) as host:
        client.add(host, name="web", user="root")
        see_all(Irkit("", tmp_path / "evidence", client), container, "--host", "web")


def test_a_log_is_followed_until_ctrl_c(engine: Engine, lab: Lab, tmp_path: Path) -> None:
    lab.make(SUSPECT)
    with connect(engine, tmp_path / "evidence").begin("look", "shop", "logs", "--follow", "--json") as under_way:
        assert under_way.stdout
        assert {json.loads(under_way.stdout.readline())["text"] for _ in range(3)} == {"err", "one", "two\x1b[2J"}
        assert under_way.poll() is None
        under_way.send_signal(signal.SIGINT)
        assert under_way.wait(60) == 130


def test_one_that_ended_has_no_processes_to_be_seen_and_its_log_is(irkit: Irkit, engine: Engine, lab: Lab) -> None:
    lab.make(SUSPECT)
    engine.docker("kill", "shop")
    ended = irkit("look", "shop", "processes", status=1)
    assert len(ended.error_lines) == 1 and "Traceback" not in ended.err
    assert len(irkit("look", "shop", "logs").out.splitlines()) == 3
