"""Ctrl-C, SIGTERM and a full disk: the run ends in order, the bundle is sealed, the containers' state is recorded."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Irkit, connect
from tests.acceptance.compare import ASSIGNED_ANEW, differences
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.images import big_image
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

CONTAIN_FIRST = """
name: contain-first
version: 1
steps:
  - {id: cut, action: isolate.disconnect}
  - {id: freeze, action: contain.pause}
  - {id: disk, action: snapshot.export}
  - {id: late, action: collect.changes}
"""


@pytest.fixture
def playbook(tmp_path: Path) -> str:
    path = tmp_path / "contain-first.yaml"
    path.write_text(CONTAIN_FIRST)
    return str(path)


def big_suspect(lab: Lab) -> str:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    image = big_image(lab.engine, 400, 200)
    return lab.make(Suspect(name="suspect", image=image, networks=(Attach("front", ipv4="10.77.1.50"),)))


def events_until(process: "subprocess.Popen[bytes]", step: str) -> list[dict[str, Any]]:
    """Read the events up to the start of a step."""
    assert process.stdout
    seen = []
    for line in process.stdout:
        seen.append(json.loads(line)["event"])
        if seen[-1].get("step") == step and seen[-1]["event"] == "operation-started":
            return seen
    raise AssertionError(f"the run ended before {step}: {seen}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_and_seals_the_bundle(
    lab: Lab, irkit: Irkit, playbook: str, number: signal.Signals
) -> None:
    suspect = big_suspect(lab)
    before = lab.engine.inspect(suspect)
    process = irkit.begin("run", playbook, "suspect", "--approve", "change", "--events")
    events_until(process, "disk")
    archive = ".partial-*/data/local/suspect-*/export/rootfs.tar*"
    assert wait_until(lambda: any(path.stat().st_size for path in irkit.evidence.glob(archive)))
    process.send_signal(number)
    out, err = process.communicate(timeout=240)

    assert process.returncode == 130, err
    last = json.loads(out.splitlines()[-1])["event"]
    assert last["event"] == "run-finished" and last["outcome"] == "interrupted" and number.name in last["reason"]
    (bundle,) = irkit.evidence.glob("*irb-*")
    assert irkit("verify", str(bundle)).status == 0
    shown = irkit("show", str(bundle), "--json").json
    partial = [one for one in shown["evidence"] if one["partial"]]
    assert any("rootfs.tar" in one["path"] and one["size"] > 0 for one in partial), shown["evidence"]
    assert lab.engine.inspect(suspect)["State"]["Paused"], "the containment that was done stays"
    assert "not begun" in irkit("show", str(bundle), "--log").out
    irkit("undo", str(bundle), "--approve", "change")
    assert differences(before, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "irkit-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_run_with_a_sealed_bundle(
    lab: Lab, engine: Engine, playbook: str, small_disk: Path, tmp_path: Path
) -> None:
    irkit = connect(engine, small_disk / "evidence")
    suspect = big_suspect(lab)
    before = lab.engine.inspect(suspect)
    ended = irkit("run", playbook, "suspect", "--approve", "change", "--json", status=1)

    summary = ended.json
    bundle = Path(summary["bundle"])
    assert not bundle.name.startswith("."), "not sealed"
    assert irkit("verify", str(bundle)).status == 0
    assert any("space" in failure["reason"] for failure in summary["failures"]), summary
    assert {change["operation"]["operation"] for change in summary["changes"]} == {"disconnect", "pause"}
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(bundle, elsewhere / bundle.name)
    other = connect(engine, elsewhere)
    other("undo", str(elsewhere / bundle.name), "--approve", "change")
    assert differences(before, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []


def test_a_disk_that_is_full_from_the_start_touches_nothing(
    lab: Lab, engine: Engine, playbook: str, small_disk: Path
) -> None:
    suspect = big_suspect(lab)
    before = lab.engine.inspect(suspect)
    with (small_disk / "filler").open("wb") as filler, pytest.raises(OSError, match="No space"):
        while True:
            filler.write(bytes(1024 * 1024))
            filler.flush()
    ended = connect(engine, small_disk / "evidence")("run", playbook, "suspect", "--approve", "change", status=1)
    assert "No space left" in ended.err and "Traceback" not in ended.err
    assert differences(before, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []


def test_a_reader_that_goes_away_does_not_stop_a_containment(lab: Lab, irkit: Irkit, playbook: str) -> None:
    suspect = big_suspect(lab)
    process = irkit.begin("run", playbook, "suspect", "--approve", "change", "--events")
    assert process.stdout and process.stderr
    process.stdout.readline()
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=600) == 0
    assert lab.engine.inspect(suspect)["State"]["Paused"]
    (bundle,) = irkit.evidence.glob("*irb-*")
    irkit("undo", str(bundle), "--approve", "change")
