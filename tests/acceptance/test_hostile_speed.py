"""Containers that work against being collected by what they do meanwhile: an end comes, and what it cut off is said.

Nothing here asserts how long it takes: the command's own limit of time does, and what a step may take at most.
"""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, items, playbook
from tests.acceptance.command import Irkit
from tests.incident.contents import Contents, name_of
from tests.lab.counting import wait_until
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

DEEP = 4096
FORKS = 1000


def run(irkit: Irkit, folder: Path, name: str, *steps: str) -> tuple[Contents, dict[str, Any]]:
    """A run of these steps, however it ended; its bundle verifies whatever befell it."""
    summary = irkit.run(playbook(folder, *steps), name, status=None)
    assert irkit("verify", summary["bundle"]).status == 0
    return Contents(Path(summary["bundle"])), summary


def check_said(contents: Contents, summary: dict[str, Any]) -> None:
    """What is partial says why, and what failed too."""
    for one in items(contents.bundle):
        assert "partial" in one
    for one in events(contents.bundle):
        if one["event"] == "operation-failed":
            assert one["reason"], one


def wait_for(lab: Lab, name: str, what: str, least: int = 1) -> int:
    """Wait until as many processes of a container sleep that long; its pid."""
    end = time.monotonic() + 240
    asleep = re.compile(rf"^ *[0-9]+ +sleep {what}$", re.MULTILINE)
    while len(asleep.findall(lab.engine.docker("top", name, "-eo", "pid,args").stdout.decode())) < least:
        assert time.monotonic() < end
        time.sleep(0.1)
    return int(lab.engine.inspect(name)["State"]["Pid"])


def test_a_log_without_end_is_read_up_to_the_moment_it_was_asked_for(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="loud", command=("sh", "-c", "while :; do echo loud $RANDOM; usleep 500; done")))
    assert wait_until(lambda: bool(lab.engine.docker("logs", "--tail", "1", "loud").stdout))
    contents, summary = run(irkit, tmp_path, "loud", "{id: logs, action: collect.logs}")
    assert summary["failures"] == []
    (log,) = contents.of("loud", "logs/stdout", ".log")
    assert contents.read(log).startswith(b"loud ")


def test_a_file_that_grows_while_it_is_read_comes_to_an_end(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    # So large at first that it has grown by the end of its reading, however quick that is.
    grow = "while :; do head -c 200000 /dev/zero; usleep 2000; done"
    script = f"head -c 50000000 /dev/zero > /opt.log; ({grow}) >> /opt.log & sleep 1000001 & wait"
    lab.make(Suspect(name="grower", command=("sh", "-c", script)))
    wait_for(lab, "grower", "1000001")
    contents, summary = run(irkit, tmp_path, "grower", "{id: changes, action: snapshot.changes}")
    check_said(contents, summary)
    line = next(one for one in contents.lines("grower", "changes/") if name_of(one).strip(b"/") == b"opt.log")
    assert line["size"] > 0 and line["grew"]
    member = contents.archive("grower", "changes").get(b"/opt.log")
    assert member is not None and member.size > 0
    lab.engine.docker("kill", "grower")


def test_processes_that_are_born_and_die_all_the_time_do_not_stop_a_collection(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    script = f"n=0; while [ $n -lt {FORKS} ]; do sleep 1000002 & n=$((n+1)); done; while :; do /bin/true; done"
    lab.make(Suspect(name="forker", command=("sh", "-c", script)))
    wait_for(lab, "forker", "1000002", FORKS)
    contents, summary = run(
        irkit, tmp_path, "forker", "{id: look, action: collect.processes}", "{id: net, action: collect.sockets}"
    )
    check_said(contents, summary)
    assert summary["failures"] == []
    told = json.dumps(contents.lines("forker", "processes"))
    assert told.count("1000002") >= FORKS
    assert len(contents.of("forker")) < 40, "hundreds of small files are one item"


def test_a_folder_thousands_deep_is_collected_to_its_end(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="deep", command=("sleep", "1000003")))
    make_deep(f"/proc/{wait_for(lab, 'deep', '1000003')}/root")
    contents, summary = run(irkit, tmp_path, "deep", "{id: changes, action: snapshot.changes}")
    check_said(contents, summary)
    bottom = b"/" + b"/".join([b"d"] * DEEP) + b"/f"
    lines = {b"/" + name_of(one).strip(b"/"): one for one in contents.lines("deep", "changes/")}
    partial = [one["partial"] for one in contents.of("deep", "changes") if one["partial"]]
    assert bottom in lines or (partial and all(partial))
    assert len(lines) > 100


def make_deep(root: str) -> None:
    """Folders one in another, with a file at the bottom; the shell of a container takes a minute for it."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(DEEP):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)


@pytest.mark.parametrize("action", ["snapshot.changes", "snapshot.memory", "collect.processes"])
def test_of_a_container_that_dies_half_way_what_came_is_kept_and_the_rest_is_said(
    lab: Lab, irkit: Irkit, tmp_path: Path, action: str
) -> None:
    script = "n=0; while [ $n -lt 3000 ]; do echo $n > /f$n; n=$((n+1)); done; sleep 1000004 & sleep 1000004 & wait"
    lab.make(Suspect(name="mortal", command=("sh", "-c", script)))
    wait_for(lab, "mortal", "1000004", 2)
    book = playbook(tmp_path, "{id: facts, action: collect.inspect}", f"{{id: it, action: {action}}}")
    process = irkit.begin("run", book, "mortal", "--approve", "change", "--events")
    assert process.stdout
    for line in process.stdout:
        if b"operation-started" in line and b'"step":"it"' in line:
            break
    lab.engine.docker("rm", "--force", "mortal")
    err = process.communicate(timeout=240)[1]
    assert process.returncode in (0, 1), err
    (bundle,) = irkit.evidence.glob("irb-*")
    assert irkit("verify", str(bundle)).status == 0
    found = events(bundle)
    ended = [one for one in found if one.get("step") == "it" and one["event"] != "operation-started"]
    assert ended, "what became of it is in the log"
    for one in ended:
        if one["event"] == "operation-failed":
            assert one["reason"]
    assert found[-1]["event"] == "run-finished"
