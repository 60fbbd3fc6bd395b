"""A bad network between irkit and sshd: whatever happens to the bytes, evidence is whole or says what it lacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from irkit import app
from irkit.adapters import ssh_life
from irkit.adapters.clock import SystemClock
from irkit.adapters.ssh_target import SshTarget
from irkit.adapters.ssh_way import Ways
from irkit.core.events import OperationFinished, OperationStarted, Record
from irkit.core.host import Host
from irkit.core.run import replay
from irkit.core.text import safe
from irkit.engine import bench
from tests.acceptance.bad_network import QUICK_SSHD, Ended, Way, all_at_once, many_ways, run_over
from tests.acceptance.command import Irkit
from tests.acceptance.undisturbed import Undisturbed
from tests.lab.client_side import ClientSide
from tests.lab.counting import Held, thread_names, wait_released, wait_until
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.fault_proxy import Direction, Fault, Kind
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab
from tests.soak import often

pytestmark = pytest.mark.engine

WAYS, BOUND = 32, 600
DEAD = 6.0
"""Seconds after which a connection counts as lost here: more than the delay there and back."""
SECONDS = {"delay": 2.0, "stall": 3.0}
LONG = 9.0
"""Seconds of a stall in which a connection is given up."""
SAYS = "seq 2000; seq 300 >&2; mkdir /made; i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); : > /made/$i; done; echo end"
FACTS = "{id: facts, action: collect.inspect, timeout: 30s, retries: 1}"
LOGS = "{id: logs, action: collect.logs, timeout: 40s, retries: 1}"
CHANGES = "{id: changes, action: collect.changes, timeout: 30s, retries: 1}"
DISK = "{id: disk, action: snapshot.export, timeout: 30s, retries: 1}"
PLAYBOOKS = {
    "whole": (FACTS, LOGS, CHANGES, DISK),
    "few-requests": (LOGS, CHANGES, DISK),  # for what makes every request slow
    "few-bytes": (FACTS, LOGS, CHANGES),  # for what makes every byte slow
}
KINDS: tuple[Kind, ...] = ("delay", "drop", "stall", "reset", "half-close", "segments")
WAYS_TO_GO: tuple[Direction, ...] = ("up", "down")
STAGES = ("handshake", "login", "listing", "facts", "logs", "changes", "disk", "end of disk")
REACHING = STAGES[:3]
SLOW_BYTES = 40_000
"""Bytes at most that are passed on one at a time: it takes a while."""
Passed = dict[str, dict[Direction, int]]
"""Bytes that have passed at the end of each stage."""


@dataclass(frozen=True)
class Point:
    """What befalls a collection, and where."""

    stage: str
    fault: Fault

    @property
    def playbook(self) -> str:
        if self.fault.kind == "delay":
            return "few-requests"
        return "few-bytes" if self.fault.kind == "segments" and "disk" not in self.stage else "whole"

    @property
    def by_command(self) -> bool:
        """Some are tried by the command itself, the others in this process: that is faster."""
        return self.stage == "disk" and self.fault.direction == "down"

    @property
    def is_made_good(self) -> bool:
        """What befalls one connection once costs nothing, as small reads are repeated, and steps by their retries."""
        return self.fault.times == 1 and self.fault.kind != "delay" and self.stage not in REACHING


@dataclass(frozen=True)
class Collected:
    """What came of a collection at a point: how it ended, and how often it was befallen."""

    ended: Ended
    befallen: int
    evidence: Path


@pytest.fixture(scope="module")
def host(engine: Engine) -> Iterator[LabHost]:
    with start_host(name="web", engine=engine, users=(User("root"),), sshd=QUICK_SSHD) as made:
        yield made


@pytest.fixture
def victim(lab: Lab) -> str:
    """A container that has said and changed something, and is frozen since."""
    made = lab.make(Suspect("victim", command=("sh", "-c", f"{SAYS}; exec sleep 100000")))
    assert wait_until(lambda: lab.engine.docker("logs", made).stdout.endswith(b"\nend\n"))
    lab.engine.docker("pause", made)
    return "victim"


@pytest.fixture
def playbooks(tmp_path: Path) -> dict[str, str]:
    for name, steps in PLAYBOOKS.items():
        lines = "".join(f"  - {step}\n" for step in steps)
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nversion: 1\nsteps:\n{lines}", encoding="utf-8")
    return {name: str(tmp_path / f"{name}.yaml") for name in PLAYBOOKS}


def measure(way: Way, client: ClientSide, evidence: Path, playbook: str) -> Passed:
    """A collection over a way that is good: what passes over it."""
    begin, found = way.proxy.counts(), Passed()

    def passed() -> dict[Direction, int]:
        now = way.proxy.counts()
        return {"up": now.up - begin.up, "down": now.down - begin.down}

    def watch(record: Record) -> None:
        event = record.event
        if isinstance(event, OperationStarted) and event.step in ("facts", "logs"):
            found.setdefault({"facts": "listing", "logs": "facts"}[event.step], passed())
        if isinstance(event, OperationFinished) and event.step in ("logs", "changes", "disk"):
            found[event.step] = passed()

    ways = Ways(client.environment(), client.home, client.config)
    target = SshTarget(Host(name=way.name, reach="ssh"), ways, SystemClock())
    target.connect(app.look_deadline())
    target.close()
    found["login"] = passed()
    found["handshake"] = {way_to_go: size // 2 for way_to_go, size in found["login"].items()}
    begin = way.proxy.counts()
    run_over(way, client, evidence, playbook, "victim", watch)
    found["end of disk"] = found["disk"]
    found["disk"] = {to: (found["changes"][to] + found["end of disk"][to]) // 2 for to in WAYS_TO_GO}
    return found


def place_in(passed: Passed, stage: str, kind: Kind, direction: Direction) -> int:
    """After how many bytes something of that kind is to happen in a stage: each at another place."""
    number, share = STAGES.index(stage), KINDS.index(kind) + 1
    begin, end = passed[STAGES[number - 1]][direction] if number else 0, passed[stage][direction]
    if kind == "segments" and direction == "down":
        end = passed["end of disk"][direction] if "disk" in stage else end
        return max(begin, end - SLOW_BYTES // (1 + (stage == "disk")))
    return begin + (end - begin) * share // (len(KINDS) + 2)


def points_of(passed: Passed) -> list[Point]:
    """Every kind of fault in every stage, both ways, and some that go on; the slowest first."""

    def point(stage: str, kind: Kind, to: Direction, seconds: float = 0.0, times: int = 1) -> Point:
        seconds = seconds or SECONDS.get(kind, 0.0)
        return Point(stage, Fault(kind, place_in(passed, stage, kind, to), to, seconds, over_all=True, times=times))

    points = [point(stage, kind, to) for kind, stage, to in product(KINDS, STAGES, WAYS_TO_GO)]
    points += [
        point("disk", "stall", "down", LONG),
        point("disk", "reset", "down", times=0),
        point("end of disk", "drop", "down", times=0),
        point("end of disk", "half-close", "down", times=0),
    ]
    return sorted(points, key=lambda one: (KINDS.index(one.fault.kind), one.fault.times))


def collect(point: Point, way: Way, *, client: ClientSide, evidence: Path, playbook: str) -> Collected:
    """A collection that something befalls."""
    before = way.proxy.counts().befallen
    way.proxy.arm(point.fault)
    if point.by_command:
        ended = collect_by_command(way, client, evidence, playbook)
    else:
        ended = run_over(way, client, evidence, playbook, "victim")
    befallen = way.proxy.counts().befallen - before
    way.proxy.disarm()
    return Collected(ended, befallen, evidence)


def collect_by_command(way: Way, client: ClientSide, evidence: Path, playbook: str) -> Ended:
    irkit = Irkit("", evidence, client)
    ended = irkit("run", playbook, "victim", "-H", way.name, "--approve", "change", status=None)
    assert "Traceback" not in ended.err and all(safe(line, 4000) == line for line in ended.error_lines), ended.err
    bundles = list(evidence.glob("irb-*"))
    if not bundles:
        return Ended(ended.status, ended.err.strip())
    return Ended(ended.status, run=replay(app.read_records(bundles[0])), bundle=bundles[0])


def wrong_at(point: Point, found: Collected, undisturbed: Undisturbed) -> Iterator[str]:
    """What must not be at that point."""
    ended = found.ended
    if not found.befallen:
        yield "nothing befell it"
    yield from undisturbed.wrong_in(ended)
    if ended.bundle is None:
        if ended.status != 3 or not ended.reason or safe(ended.reason, 4000) != ended.reason:
            yield f"ended with {ended.status}: {ended.reason!r}"
        if point.stage not in REACHING or list(found.evidence.glob("*irb-*")):
            yield "the host was reached, and there is no bundle"
    elif ended.status not in ((0,) if point.is_made_good else (0, 1)):
        yield f"ended with {ended.status}: {[one.reason for one in ended.run.failures]}"


def test_a_collection_is_whole_or_says_what_it_lacks_whatever_befalls_it_at_any_point(
    host: LabHost,
    victim: str,
    client: ClientSide,
    playbooks: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ssh_life, "DEAD", DEAD)
    monkeypatch.setattr(ssh_life, "KEEP_ALIVE", 1.0)
    monkeypatch.setattr(bench, "READ_TIME", 15.0)
    before = Held()
    with many_ways(host, client, WAYS) as ways:
        points = points_of(measure(ways[0], client, tmp_path / "measured", playbooks["whole"]))
        assert len(points) == 100
        points = points[:: 100 // often(100, 16)]
        jobs = [
            partial(collect, one, client=client, evidence=tmp_path / f"{number}", playbook=playbooks[one.playbook])
            for number, one in enumerate(points)
        ]
        found = all_at_once(jobs, ways, BOUND)
        undisturbed = {
            name: collect_undisturbed(ways[0], client, tmp_path / name, path) for name, path in playbooks.items()
        }
    wrong = [
        f"{point}: {text}"
        for point, one in zip(points, found, strict=True)
        for text in wrong_at(point, one, undisturbed[point.playbook])
    ]
    assert not wrong, "\n".join(wrong)
    assert wait_released(before) == {}, thread_names()
    assert host.wait_sessions(0) == 0


def collect_undisturbed(way: Way, client: ClientSide, evidence: Path, playbook: str) -> Undisturbed:
    ended = run_over(way, client, evidence, playbook, "victim")
    assert ended.status == 0 and ended.bundle, ended
    return Undisturbed(ended.bundle)
