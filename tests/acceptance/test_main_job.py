"""The main job: contain and preserve a real container, verify the bundle, take it back."""

import hashlib
import json
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import bagit
import pytest

from tests.acceptance.command import Irkit
from tests.acceptance.compare import ASSIGNED_ANEW, OF_A_START, OF_THE_NEXT_START, differences, members
from tests.lab.description import Attach, Network, State, Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

STDOUT = (b"ready\n", b"x" * 40_000 + b"\n", b"\x01\x00\x00\x00\x00\x00\x00\x05fake!\n", b"two\n")
STDERR = (b"warning: careful\n", "naïve ✓\n".encode())


def make_suspect(lab: Lab, *, state: State = "running", **more: Any) -> str:
    """Two networks, fixed addresses, aliases, a published port, an outbound connection, logs, changed files."""
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.network(Network("back", subnet="10.77.2.0/24", subnet6="fd77:2::/64"))
    lab.sink("sink", "front", "10.77.1.9", 9000)
    return lab.make(
        Suspect(
            name="suspect",
            networks=(
                Attach("front", ipv4="10.77.1.50", aliases=("web", "api")),
                Attach("back", ipv4="10.77.2.50", ipv6="fd77:2::50", aliases=("web-internal",)),
            ),
            publish={18080: 8080},
            listener=8080,
            outbound=("10.77.1.9", 9000) if state in ("running", "paused") else None,
            stdout=STDOUT,
            stderr=STDERR,
            changed={"/app/change-me.txt": b"changed\n", "/opt/dropper": b"#!/bin/sh\n"},
            deleted=("/app/delete-me.txt",),
            labels={"tier": "web"},
            state=state,
            **more,
        )
    )


def stored(bundle: Path, name: str) -> bytes:
    (found,) = [path for path in bundle.glob(f"data/local/suspect-*/{name}*") if not path.is_dir()]
    if found.suffix != ".zst":
        return found.read_bytes()
    return subprocess.run(["zstd", "-dcq", str(found)], capture_output=True, check=True).stdout


def test_a_suspect_is_contained_preserved_and_taken_back(lab: Lab, irkit: Irkit) -> None:
    irkit = replace(irkit, cold=True)
    suspect = make_suspect(lab)
    before = lab.engine.inspect(suspect)
    assert lab.wait_received("sink", more_than=20) > 20

    summary = irkit.run("contain-and-preserve", "suspect")
    bundle = Path(summary["bundle"])

    assert summary["outcome"] == "done" and summary["to_undo"] == 3
    during = lab.engine.inspect(suspect)
    assert during["NetworkSettings"]["Networks"] == {} and during["State"]["Paused"]
    silent = lab.wait_silence("sink")
    check_bundle(bundle)
    check_logs(bundle)
    check_export(lab, suspect, bundle)
    assert irkit("verify", str(bundle)).status == 0

    irkit("undo", str(bundle), "--approve", "change")
    assert differences(before, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []
    assert lab.wait_received("sink", more_than=silent) > silent
    assert "nothing is left" in irkit("undo", str(bundle), "--approve", "change").out


def check_bundle(bundle: Path) -> None:
    """The standard tools agree."""
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", name], cwd=bundle, check=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert bagit.Bag(str(bundle)).validate()
    done = subprocess.run(["sh", "verify.sh"], cwd=bundle, capture_output=True, check=False)
    assert done.returncode == 0, done
    names = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert all(path.stat().st_mode & 0o077 == 0 for path in bundle.rglob("*")), "others may read the evidence"
    assert {"data/log/run.jsonl", "metadata/bundle.json", "metadata/items.jsonl", "metadata/plan.json"} <= names


def check_logs(bundle: Path) -> None:
    assert stored(bundle, "logs/stdout.log") == b"".join(STDOUT)
    assert stored(bundle, "logs/stderr.log") == b"".join(STDERR)
    times = [json.loads(line) for line in stored(bundle, "logs/times.jsonl").splitlines()]
    assert sum(one["bytes"] for one in times if one["stream"] == "stdout") == len(b"".join(STDOUT))
    assert all(one["time"].endswith("Z") for one in times)


def check_export(lab: Lab, suspect: str, bundle: Path) -> None:
    """The archive is what `docker export` gives: members, bytes, owners, modes and link targets."""
    exported = lab.engine.docker("export", suspect).stdout
    ours = stored(bundle, "export/rootfs.tar")
    assert members(ours) == members(exported)
    index = [json.loads(line) for line in stored(bundle, "export/rootfs.index.jsonl").splitlines()]
    assert len(index) == len(members(exported))
    (item,) = [one for one in items(bundle) if one["path"].endswith("rootfs.tar.zst")]
    assert item["source_sha256"] == hashlib.sha256(ours).hexdigest()


def items(bundle: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bundle / "metadata/items.jsonl").read_bytes().splitlines()]


@pytest.mark.parametrize("state", ["paused", "exited", "restarting"])
def test_undo_restores_a_container_in_every_state(lab: Lab, irkit: Irkit, state: State) -> None:
    restart = {"restart": "always"} if state == "restarting" else {}
    suspect = make_suspect(lab, state=state, **restart)
    before = lab.engine.inspect(suspect)

    summary = irkit.run("contain-and-preserve", "suspect", status=None)
    assert lab.engine.inspect(suspect)["NetworkSettings"]["Networks"] == {}
    assert irkit("verify", summary["bundle"]).status == 0
    irkit("undo", summary["bundle"], "--approve", "change")

    more = {"exited": OF_THE_NEXT_START, "restarting": OF_A_START | LIVE | OF_THE_NEXT_START}
    ignore = ASSIGNED_ANEW | more.get(state, set())
    assert differences(before, lab.engine.inspect(suspect), ignore) == []


LIVE = {"State", "SandboxID", "IPAddress", "Gateway", "MacAddress", "IPPrefixLen", "GlobalIPv6Address", "IPv6Gateway",
        "GlobalIPv6PrefixLen", "Ports"}  # fmt: skip
"""What a container has only while it runs: one that is restarting has it now and not the next moment."""


def test_undo_restores_a_container_that_is_removed_when_it_ends(lab: Lab, irkit: Irkit) -> None:
    suspect = make_suspect(lab, auto_remove=True)
    before = lab.engine.inspect(suspect)
    summary = irkit.run("contain-and-preserve", "suspect")
    irkit("undo", summary["bundle"], "--approve", "change")
    assert differences(before, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []


def test_a_network_that_is_kept_stays(lab: Lab, irkit: Irkit) -> None:
    suspect = make_suspect(lab)
    summary = irkit.run("contain-and-preserve", "suspect", more=("--param", "keep_networks=back"))
    assert set(lab.engine.inspect(suspect)["NetworkSettings"]["Networks"]) == {"back"}
    irkit("undo", summary["bundle"], "--approve", "change")


def test_contained_twice_is_refused(lab: Lab, irkit: Irkit) -> None:
    make_suspect(lab)
    first = irkit.run("isolate", "suspect")
    second = irkit("run", "isolate", "suspect", "--approve", "change", status=1)
    assert "holds it contained already" in second.out + second.err
    irkit("undo", first["bundle"], "--approve", "change")
    third = irkit.run("isolate", "suspect")
    irkit("undo", third["bundle"], "--approve", "change")


def test_host_network_is_refused_and_not_taken_for_isolated(lab: Lab, irkit: Irkit) -> None:
    lab.make(Suspect(name="suspect", networks=(Attach("host"),)))
    ended = irkit("run", "isolate", "suspect", "--approve", "change", status=1)
    assert "host's own network" in ended.out + ended.err


@pytest.mark.parametrize(
    "playbook", [*("triage", "contain-and-preserve", "isolate", "freeze", "preserve-disk", "acquire-everything")]
)
def test_every_shipped_playbook_runs_and_comes_back(lab: Lab, irkit: Irkit, playbook: str) -> None:
    suspect = make_suspect(lab)
    before = lab.engine.inspect(suspect)
    summary = irkit.run(playbook, "suspect")
    assert irkit("verify", summary["bundle"]).status == 0
    irkit("undo", summary["bundle"], "--approve", "change")
    assert differences(before, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []
