"""The incident at small sizes: irkit finds every item, executes nothing, disturbs nothing, and the page says so."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import connect
from tests.lab.engine import Engine
from tests.lab.processes import arguments, parent
from tests.lab.suspects import Lab

from .contents import Contents
from .items import Level
from .recall import ITEMS, PAGE, Found, find, find_by_commands, read_results, rows_of, with_table
from .seeds import SMALL, SUSPECT, Incident, make_incident

pytestmark = pytest.mark.engine
STALE = "stale: python -m tests.incident"
NAMES = [item.name for item in ITEMS]
WATCHED = ("app/keep.txt", "etc/passwd", "opt/.suid", "var/www/img/.thumb.php", "hostile/plain", "data/new.txt")
FOLDERS = ("app", "etc", "data", "hostile", "var/www/img")
"""What is looked at for access times: of the image, of the upper layer, of a volume."""


@dataclass
class Seen:
    """The container as it is seen from outside, without touching what is looked for."""

    accessed: dict[str, int]
    mounts: bytes
    processes: set[str]
    marks: list[str]

    @classmethod
    def of(cls, incident: Incident) -> "Seen":
        """Now."""
        namespace = Path(f"/proc/{incident.pid}/ns/pid").readlink()
        return cls(
            accessed={name: (incident.root / name).lstat().st_atime_ns for name in (*WATCHED, *FOLDERS)},
            mounts=Path(f"/proc/{incident.pid}/mountinfo").read_bytes(),
            processes={one.name for one in Path("/proc").glob("[0-9]*") if is_in(one, namespace)},
            marks=sorted(os.listdir(incident.root / "marks")),  # noqa: PTH208 - a path through /proc is no Path's
        )


def is_in(process: Path, namespace: Path) -> bool:
    """Whether a process is in the namespace, and stays: those that sleep a second come and go, and each is at first as
    the shell that it came from, and nothing in the end.
    """
    pid = int(process.name)
    try:
        words = arguments(pid)
        is_there = (process / "ns/pid").readlink() == namespace
    except OSError:
        return False
    is_passing = words[-2:] in ([], ["sleep", "1"]) or words == arguments(parent(pid) or 0)
    return is_there and not is_passing


@dataclass
class Collected:
    """The incident, how it was before and after, and what was found of it."""

    incident: Incident
    before: Seen
    after: Seen
    began: float
    found: Found
    commands: Found
    contents: Contents
    summary: dict[str, Any] = field(repr=False)


@pytest.fixture(scope="module")
def collected(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collected]:
    """Made once, collected once, by the shipped playbook."""
    with Lab(engine) as lab:
        incident = make_incident(lab, SMALL)
        for name in (*WATCHED, *FOLDERS):  # as if read yesterday: what reads it today shows, with relatime too
            at = (incident.root / name).lstat()
            os.utime(incident.root / name, ns=(at.st_mtime_ns - 10**9, at.st_mtime_ns), follow_symlinks=False)
        before, began = Seen.of(incident), time.time()
        irkit = connect(engine, tmp_path_factory.mktemp("incident") / "evidence")
        found, _, contents, summary = find(incident, irkit)
        after = Seen.of(incident)
        commands, _ = find_by_commands(incident)
        yield Collected(incident, before, after, began, found, commands, contents, summary)


@pytest.mark.parametrize("name", NAMES)
def test_irkit_finds_what_was_seeded(collected: Collected, name: str) -> None:
    assert collected.found[name].level is Level.FOUND, name


def test_the_run_ended_well_and_its_bundle_verifies(collected: Collected) -> None:
    assert collected.summary["failures"] == []
    assert {one["path"]: one["partial"] for one in collected.contents.items if one["partial"]} == {}


def test_the_page_says_of_the_whole_incident_what_was_found_here_of_the_small_one(collected: Collected) -> None:
    kept = read_results()
    here = rows_of({"irkit": collected.found, "commands": collected.commands})
    assert [{**row, "ssh": None} for row in kept["rows"]] == [{**row, "ssh": None} for row in here], STALE
    assert all(row["irkit"]["found"] == "found" for row in kept["rows"])
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, kept), f"{STALE} --page"


def test_nothing_of_the_container_was_executed(collected: Collected) -> None:
    assert collected.before.marks == collected.after.marks == []
    window = ("--since", f"{collected.began:.6f}", "--until", f"{time.time():.6f}")
    one = ("--filter", f"container={collected.incident.id}", "--format", "{{.Action}}")
    told = collected.incident.lab.engine.docker("events", *window, *one).stdout.decode().split("\n")
    assert {action for action in told if action.startswith("exec")} == set()
    assert {"pause", "unpause"} <= set(told), "these are events that the window has"


def test_a_program_that_is_executed_would_have_left_a_mark(collected: Collected) -> None:
    lab = collected.incident.lab
    for name in ("ps", "sh", "ls", "cat", "lsof"):
        lab.engine.docker("exec", lab.name(SUSPECT), f"/bin/{name}", "--help", check=False)
    marked = (collected.incident.root / "marks/ran").read_text().split()
    assert {"ps", "sh", "ls", "cat", "lsof"} <= set(marked)


def test_access_times_and_what_the_container_sees_of_itself_are_as_they_were(collected: Collected) -> None:
    assert collected.after.accessed == collected.before.accessed
    assert collected.after.mounts == collected.before.mounts
    assert collected.after.processes == collected.before.processes


def test_the_timeline_has_the_incident_in_it(collected: Collected, engine: Engine, tmp_path: Path) -> None:
    irkit = connect(engine, tmp_path)
    out = irkit("export", "timeline", str(collected.contents.bundle)).out
    rows = [json.loads(line) for line in out.splitlines()]
    paths = {row["path"] for row in rows}
    assert {"/var/spool/cron/crontabs/.root", "/dev/shm/.x", "/var/www/img/.thumb.php", "/bin/ls"} <= paths
    assert any(row["message"] == "deleted /app/delete-me.txt" for row in rows)
    assert any(row["source"] == "process" and "7000003" in row["message"] for row in rows)
