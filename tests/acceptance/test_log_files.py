"""collect.logs where the host's files can be read: the engine's own log files, every rotation, raw and to the byte."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, item, items, playbook, stored, stored_of
from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

STEP = "{id: logs, action: collect.logs}"
ROTATED = {"max-size": "4k", "max-file": "3", "compress": "true"}
TALKS = "i=0; while [ $i -lt 400 ]; do echo line number $i of many; i=$((i+1)); done; sleep 1000"
MANY = "for one in $(seq 200); do echo line of an endless writer that rotates all the time; done"
ENDLESS = f"while :; do {MANY}; sleep 0.05; done"
"""Some 200 kB a second: enough for a rotation each second, and no more than a loaded machine bears."""


def folder(lab: Lab, name: str) -> Path:
    """Where the engine keeps its files of a container."""
    root = lab.engine.docker("info", "--format", "{{.DockerRootDir}}").stdout.decode().strip()
    return Path(root) / "containers" / str(lab.engine.inspect(name)["Id"])


def wait_for_rotations(lab: Lab) -> Path:
    """The folder of the one that talks, once all was said and packed: the engine packs behind its own back."""
    place = folder(lab, "talks")
    assert wait_until(lambda: b"line number 399" in lab.engine.docker("logs", "--tail", "1", "talks").stdout)
    rest = {"json.log", "json.log.1.gz", "json.log.2.gz"}
    assert wait_until(lambda: {path.name.rpartition("-")[2] for path in place.glob("*-json.log*")} == rest)
    return place


def kept(bundle: str, name: str, file: str, host: str = "local") -> bytes:
    return stored_of(bundle, f"{host}/{name}-*/daemon/*/{file}")


def told(bundle: str, name: str, host: str = "local") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept(bundle, name, "files.json", host))
    return found


def detail(bundle: str) -> str:
    """What the log says of reading the files: the operation before the one that asks the engine."""
    found = [str(one.get("detail")) for one in events(bundle) if one.get("step") == "logs"]
    return next(one for one in found if "primary evidence" in one or "no log file" in one)


def test_every_rotation_is_kept_raw_and_the_engines_view_beside_it(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="talks", command=("sh", "-c", TALKS), log_options=ROTATED))
    place = wait_for_rotations(lab)
    bundle = irkit.run(playbook(tmp_path, STEP), "talks")["bundle"]
    logs = sorted(place.glob("*-json.log*"))
    assert len(logs) == 3 and any(path.suffix == ".gz" for path in logs)
    for path in logs:
        assert kept(bundle, "talks", path.name) == path.read_bytes()
        assert item(bundle, path.name)["source"] == f"host file {path}"
    for name in ("config.v2.json", "hostconfig.json", "hosts", "resolv.conf"):
        assert kept(bundle, "talks", name) == (place / name).read_bytes()
    said = told(bundle, "talks")
    assert said["primary"] and [one["rotation"] for one in said["files"]] == [0, 1, 2]
    assert "all 3 files" in said["gone"] and "what was written before them is gone" in detail(bundle)
    lines = b"".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in reversed(logs)
    )
    words = b"".join(json.loads(line)["log"].encode() for line in lines.splitlines())
    assert stored(bundle, "talks", "logs/stdout.log") == words and words.endswith(b"line number 399 of many\n")
    assert "3 files of the log (json-file)" in detail(bundle)
    assert irkit("verify", bundle).status == 0


def test_the_local_driver_and_one_that_keeps_nothing(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="binary", stdout=(b"kept\n",), log_driver="local"))
    lab.make(Suspect(name="mute", stdout=(b"lost\n",), log_driver="none"))
    bundle = irkit.run(playbook(tmp_path, STEP), "binary", "mute", status=1)["bundle"]
    path = folder(lab, "binary") / "local-logs/container.log"
    assert kept(bundle, "binary", "container.log") == path.read_bytes() and b"kept" in path.read_bytes()
    assert told(bundle, "binary")["driver"] == "local"
    assert told(bundle, "mute")["files"] == [] and not told(bundle, "mute")["primary"]
    assert json.loads(kept(bundle, "mute", "hostconfig.json"))["LogConfig"]["Type"] == "none"


def test_a_log_that_is_written_and_rotated_meanwhile_is_bounded_and_hangs_nothing(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.make(Suspect(name="endless", command=("sh", "-c", ENDLESS), log_options={"max-size": "200k", "max-file": "3"}))
    lab.make(Suspect(name="grows", command=("sh", "-c", ENDLESS)))
    assert wait_until(lambda: len(list(folder(lab, "endless").glob("*-json.log*"))) > 1), "it does not rotate"
    assert wait_until(lambda: bool(lab.engine.docker("logs", "--tail", "1", "grows").stdout))
    bundle = irkit.run(playbook(tmp_path, STEP), "endless", "grows", status=None)["bundle"]
    for name in ("endless", "grows"):
        files = told(bundle, name)["files"]
        assert files and all(one.get("bytes", 0) <= one["size"] for one in files)
        assert kept(bundle, name, f"{lab.engine.inspect(name)['Id']}-json.log").startswith(b'{"log":"line of an')
    short = [one for one in items(bundle) if "/daemon/" in one["path"] and one["partial"]]
    assert all("rotated away" in one["partial"] for one in short)


def test_of_a_log_that_is_too_large_the_newest_is_kept_and_that_is_said(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="talks", command=("sh", "-c", TALKS)))
    assert wait_until(lambda: b"line number 399" in lab.engine.docker("logs", "--tail", "1", "talks").stdout)
    step = "{id: logs, action: collect.logs, with: {files_limit: 1000B}}"
    bundle = irkit.run(playbook(tmp_path, step), "talks")["bundle"]
    (path,) = folder(lab, "talks").glob("*-json.log")
    assert kept(bundle, "talks", path.name) == path.read_bytes()[-1000:]
    assert item(bundle, path.name)["partial"] == "only its newest 1000 bytes, as asked" and "1000" in detail(bundle)


def test_over_ssh_it_is_the_same_and_without_root_the_plan_says_what_is_missed(
    lab: Lab, engine: Engine, client: ClientSide, tmp_path: Path
) -> None:
    lab.make(Suspect(name="talks", command=("sh", "-c", TALKS), log_options=ROTATED))
    place = wait_for_rotations(lab)
    with start_host(name="web", engine=engine, users=(User("root"), User("ana", groups=("docker",)))) as host:
        client.add(host, "web")
        irkit = Irkit("", tmp_path / "evidence", client)
        bundle = irkit.run(playbook(tmp_path, STEP), "talks", more=("--host", "web"))["bundle"]
        for path in place.glob("*-json.log*"):
            assert kept(bundle, "talks", path.name, "web") == path.read_bytes()
        client.add(host, "low", user="ana")
        step = playbook(tmp_path, STEP)
        plan = irkit("plan", step, "talks", "--host", "low")
        assert "does not see on host low: the engine's own log files" in plan.out + plan.err
        bundle = irkit.run(step, "talks", more=("--host", "low"))["bundle"]
        assert not [one for one in items(bundle) if "/daemon/" in one["path"]]
        assert b"line number 399" in stored_of(bundle, "low/talks-*/logs/stdout.log")
        assert "plan.unseen" in [one["finding"]["check"] for one in events(bundle) if one["event"] == "finding-raised"]
