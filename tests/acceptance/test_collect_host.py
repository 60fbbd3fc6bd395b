"""collect.host on the real host: what is told is what is there, nothing is run, and what may not be read is said."""

import io
import json
import os
import platform
import socket
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, items, playbook, stored_of
from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

STEP = "{id: around, action: collect.host%s}"
NEVER = ("etc/shadow", "etc/gshadow")


def told(bundle: str, host: str = "local") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored_of(bundle, f"{host}/host/around/host.json"))
    return found


def archive(bundle: str, host: str = "local") -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(stored_of(bundle, f"{host}/host/around/files.tar"))) as tar:
        return {one.name: held.read() for one in tar if (held := tar.extractfile(one))}


def test_what_is_told_of_the_host_is_what_is_there(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="one"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        bundle = irkit.run(playbook(tmp_path, STEP % ""), "one")["bundle"]
        found = told(bundle)
        port = server.getsockname()[1]
    assert platform.release() in found["kernel"]["version"]
    assert found["sysctls"]["kernel.osrelease"] == platform.release()
    assert {"protocol": "tcp", "address": "127.0.0.1", "port": port} in [
        {key: one[key] for key in ("protocol", "address", "port")} for one in found["listening"] if "port" in one
    ]
    own = Path("/proc/self/mountinfo").read_text()
    assert found["mounts"] and all(one["kind"] in own for one in found["mounts"] if one["at"] == "/")
    assert {"name": "root", "uid": 0}.items() <= found["users"][0].items()
    kept = archive(bundle)
    assert kept["etc/passwd"] == Path("/etc/passwd").read_bytes() and not set(NEVER) & kept.keys()
    index = [json.loads(line) for line in stored_of(bundle, "local/host/around/files.jsonl").splitlines()]
    assert {"/etc/passwd", "/etc/shadow"} <= {one["path"] for one in index}
    assert "sha256" not in next(one for one in index if one["path"] == "/etc/shadow")
    assert irkit("verify", bundle).status == 0


def test_each_interface_tells_the_container_at_its_other_end(lab: Lab, engine: Engine, tmp_path: Path) -> None:
    """On a host whose network is the engine's, as every host's is."""
    lab.network(Network("ends", "10.78.1.0/24"))
    made = {name: lab.make(Suspect(name=name, networks=(Attach("ends"),))) for name in ("left", "right")}
    client = ClientSide(tmp_path / "home")
    with start_host(name="web", engine=engine) as host:
        client.add(host, "web")
        irkit = Irkit("", tmp_path / "evidence", client)
        bundle = irkit.run(playbook(tmp_path, STEP % ""), "left", more=("--host", "web"))["bundle"]
    found = told(bundle, "web")
    assert found["kernel"]["version"] and found["users"] and found["sysctls"]
    ends = {one["container"]: face for face in found["interfaces"] for one in face["containers"]}
    if ends:  # a lab's host has a network of its own beside its engine's
        assert {made["left"], made["right"]} >= set(ends)


def test_changed_jobs_and_units_are_told(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="one"))
    name = f"irkit-lab-{os.getpid()}"
    job = Path("/etc/cron.d") / name
    job.parent.mkdir(exist_ok=True)
    job.write_text("# made by a test of irkit's\n")
    try:
        bundle = irkit.run(playbook(tmp_path, STEP % ", with: {changed: 1h}"), "one")["bundle"]
    finally:
        job.unlink()
    assert str(job) in [one["path"] for one in told(bundle)["changed_lately"]]
    assert archive(bundle)[f"etc/cron.d/{name}"] == b"# made by a test of irkit's\n"


def test_commands_are_run_only_where_that_is_said(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="one"))
    table = f"irkit_lab_{os.getpid()}"
    subprocess.run(["nft", "add", "table", "inet", table], check=True)
    try:
        plain = irkit.run(playbook(tmp_path, STEP % ""), "one")["bundle"]
        asked = irkit.run(playbook(tmp_path, STEP % ", with: {commands: true}"), "one")["bundle"]
    finally:
        subprocess.run(["nft", "delete", "table", "inet", table], check=True)
    assert not [one for one in items(plain) if "/commands/" in one["path"]]
    assert table.encode() in stored_of(asked, "local/host/around/commands/nft-ruleset.txt")
    ran = json.loads(stored_of(asked, "local/host/around/commands/commands.json"))
    assert [one["argv"][0] for one in ran] == ["nft", "iptables-save", "ip6tables-save", "journalctl"]


def test_without_root_the_rest_is_collected_and_what_is_missed_is_said(
    lab: Lab, engine: Engine, client: ClientSide, tmp_path: Path
) -> None:
    lab.make(Suspect(name="one"))
    with start_host(name="web", engine=engine, users=(User("ana", groups=("docker",)),)) as host:
        client.add(host, "web", user="ana")
        irkit = Irkit("", tmp_path / "evidence", client)
        step = playbook(tmp_path, STEP % ", with: {commands: true}")
        plan = irkit("plan", step, "one", "--host", "web")
        assert "does not see on host web: what only root may read" in plan.out + plan.err
        assert "by commands of the host, as root" in plan.out + plan.err
        bundle = irkit.run(step, "one", more=("--host", "web"))["bundle"]
    found = told(bundle, "web")
    assert found["kernel"]["version"] and found["users"]
    assert any("sudoers" in one for one in found["not_read"])
    unseen = [one["finding"] for one in events(bundle) if one["event"] == "finding-raised"]
    assert len([one for one in unseen if one["check"] == "plan.unseen"]) == 2
