"""The timeline of a real collection, as its users have it: hostile names in it, one row each, nothing else asked."""

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from irkit.adapters.timeline_formats import COLUMNS
from irkit.core.text import escaped
from tests.acceptance.bundles import playbook
from tests.acceptance.command import Irkit
from tests.lab import hostile
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine
STEPS = (
    "{id: facts, action: collect.inspect}",
    "{id: logs, action: collect.logs}",
    "{id: disk, action: snapshot.export}",
    "{id: freeze, action: contain.pause}",
    "{id: events, action: collect.events, with: {since: 1h}}",
)


def test_a_timeline_merges_files_logs_events_and_the_run_itself(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(
        Suspect(name="shop", hostile_files=True, stdout=(b"first\n", b"\x1b[31mred\n"), stderr=(b"e\n",))
    )
    bundle = irkit.run(playbook(tmp_path, *STEPS), "shop")["bundle"]
    out = tmp_path / "timeline.jsonl"
    told = irkit("export", "timeline", bundle, "--output", str(out)).err
    rows = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert told == f"{len(rows)} rows in {out}\n" and out.stat().st_mode & 0o777 == 0o600
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert {row["source"] for row in rows} == {"file", "log", "engine", "container", "irkit"}
    assert {row["message"] for row in rows if row["source"] == "log"} >= {"stdout: \\x1b[31mred", "stderr: e"}
    paths = {row["path"] for row in rows}
    assert {escaped(hostile.DIRECTORY + b"/" + name) for name in hostile.NAMES} <= paths
    order = [row["message"] for row in rows if row["container_id"] == suspect and row["source"] in ("irkit", "engine")]
    paused = order.index("began (change): pause")
    assert any(one.startswith("container pause ") for one in order[paused:]), "what irkit did stands by what came of it"

    again = irkit("export", "timeline", bundle, "-o", str(out), status=2).err
    assert again == f"irkit: {out} is there already: name a new file\n"
    assert list(csv.reader(irkit("export", "timeline", bundle, "--format", "csv").out.splitlines()))[1:] == [
        [str(row[name]) for name in COLUMNS] for row in rows
    ]
    body = irkit("export", "timeline", bundle, "--format", "bodyfile").out.splitlines()
    assert all(len(line.split("|")) == 11 and line.isprintable() for line in body)
    assert sum(line.count("/local/shop/hostile/") for line in body) >= len(hostile.NAMES)
    assert irkit("verify", bundle).status == 0
    irkit("undo", bundle, "--approve", "change")


def test_times_can_be_brought_to_the_responders_clock(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="shop", stdout=(b"first\n",)))
    bundle = irkit.run(playbook(tmp_path, STEPS[1]), "shop")["bundle"]
    (clock,) = Path(bundle).rglob("clock-start.json")
    offset = timedelta(microseconds=json.loads(clock.read_bytes())["offset_ns"] / 1000)
    times = []
    for more in ((), ("--align",)):
        rows = [json.loads(line) for line in irkit("export", "timeline", bundle, *more).out.splitlines()]
        times.append(next(datetime.fromisoformat(row["datetime"]) for row in rows if row["message"] == "stdout: first"))
    assert abs(times[0] - offset - times[1]) <= timedelta(microseconds=2)
