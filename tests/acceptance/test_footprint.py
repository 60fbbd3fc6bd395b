"""What a run asked of a host and left there is counted, logged, and shown: against what the host itself noticed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, playbook
from tests.acceptance.command import Irkit
from tests.acceptance.fake_engine import FakeEngine
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine


def footprint(bundle: str, host: str = "local") -> dict[str, Any]:
    found = [one for one in events(bundle) if one["event"] == "footprint-left"]
    (mine,) = [one["footprint"] for one in found if one["host"] == host]
    described = json.loads((Path(bundle) / "metadata/bundle.json").read_bytes())["footprint"]["hosts"][host]
    assert described == mine
    return dict(mine)


def test_requests_are_as_many_as_the_engine_was_asked(
    lab: Lab, irkit: Irkit, tmp_path: Path, socket_path: Path
) -> None:
    lab.make(Suspect(name="one"))
    asked: list[str] = []
    with FakeEngine(socket_path, lambda method, path: asked.append(path), behind=lab.engine.socket):
        through = Irkit(f"unix://{socket_path}", irkit.evidence)
        bundle = through.run(playbook(tmp_path, "{id: facts, action: collect.inspect}"), "one")["bundle"]
    found = footprint(bundle)
    assert found["requests"] == len(asked) > 10
    assert found["received"] > found["sent"] > 1000
    assert found["commands"] == {} and found["written"] == {}
    assert "no command run, nothing written" in irkit("show", bundle).out


def test_files_are_counted_and_a_commit_is_told_with_its_bytes(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="one", stdout=(b"x" * 5000 + b"\n",), changed={"/opt/big": bytes(300_000)}))
    steps = ("{id: logs, action: collect.logs}", "{id: image, action: snapshot.commit, with: {pause: false}}")
    bundle = irkit.run(playbook(tmp_path, *steps), "one")["bundle"]
    found = footprint(bundle)
    assert found["files"] >= 5 and found["folders"] >= 2 and found["file_bytes"] > 5_000
    ((image, size),) = found["written"].items()
    assert image.startswith("image irkit/t-1") and size >= 300_000
    assert f"written there: {image}" in irkit("show", bundle).out
    lab.engine.docker("rmi", "--force", image.removeprefix("image "))


def test_over_ssh_commands_are_told_as_they_were_run(
    lab: Lab, engine: Engine, client: ClientSide, tmp_path: Path
) -> None:
    lab.make(Suspect(name="one", stdout=(b"hello\n",)))
    with start_host(name="web", engine=engine, users=(User("bob", sudo=True),)) as host:
        client.add(host, "web", user="bob")
        irkit = Irkit("", tmp_path / "evidence", client)
        summary = irkit.run(playbook(tmp_path, "{id: logs, action: collect.logs}"), "one", more=("--host", "web"))
        found = footprint(summary["bundle"], "web")
        shown = irkit("show", summary["bundle"]).out
    assert any("sftp-server -R" in argv and argv.startswith("sudo -n") for argv in found["commands"])
    assert found["files"] >= 4 and found["file_bytes"] > 100 and found["requests"] > 5
    assert all(argv in shown for argv in found["commands"])
