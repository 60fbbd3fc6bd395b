"""A change whose answer is lost on the way: done where the facts say so, else in doubt, and undo puts all back."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters import ssh_life
from irkit.core.events import OperationFinished, OperationStarted, Record
from tests.acceptance.bad_network import QUICK_SSHD, Ended, Way, all_at_once, many_ways, run_over, undo_over
from tests.acceptance.compare import ASSIGNED_ANEW, differences
from tests.acceptance.fake_engine import FakeEngine
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.fault_proxy import Direction, Fault, Kind
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

BOUND = 600
DEAD, STALL = 2.0, 5.0
"""Seconds after which a connection counts as lost here, and of a stall that lasts longer than that."""
STEPS = {
    "cut": "{id: cut, action: isolate.disconnect, timeout: 20s}",
    "freeze": "{id: freeze, action: contain.pause, timeout: 20s}",
}
REQUESTS = {"cut": "/disconnect", "freeze": "/pause"}
KINDS: tuple[Kind, ...] = ("reset", "drop", "half-close", "stall")
WAYS_TO_GO: tuple[Direction, ...] = ("up", "down")
SHARES = (0.2, 0.5, 0.7, 0.9)
"""How far into a change: while its facts are read, its request sent, its answer awaited, its result verified."""
SLEEP = ("sh", "-c", "sleep 100000")


@pytest.fixture
def host(engine: Engine) -> Iterator[LabHost]:
    with start_host(name="web", engine=engine, users=(User("root"),), sshd=QUICK_SSHD) as made:
        yield made


@pytest.fixture
def playbook(tmp_path: Path) -> str:
    path = tmp_path / "contain.yaml"
    lines = "".join(f"  - {step}\n" for step in STEPS.values())
    path.write_text(f"name: contain\nversion: 1\nsteps:\n{lines}", encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_life, "DEAD", DEAD)
    monkeypatch.setattr(ssh_life, "KEEP_ALIVE", 0.5)


@dataclass(frozen=True)
class Victim:
    """A container, as it was before anything was done to it."""

    name: str
    lab: Lab
    before: dict[str, Any]

    @classmethod
    def make(cls, lab: Lab, number: int) -> "Victim":
        name = f"victim{number}"
        made = lab.make(Suspect(name, networks=(Attach("front", ipv4=f"10.77.5.{50 + number}"),), command=SLEEP))
        return cls(name, lab, lab.engine.inspect(made))

    def has(self, step: str) -> bool:
        """Whether what a step does was done to it."""
        now = self.lab.engine.inspect(self.name)
        return bool(now["State"]["Paused"] if step == "freeze" else not now["NetworkSettings"]["Networks"])

    def do(self, step: str) -> None:
        """What the step does, without irkit."""
        argv = ("pause", self.name) if step == "freeze" else ("network", "disconnect", "front", self.name)
        self.lab.engine.docker(*argv)

    def changed(self) -> list[str]:
        """What is not as it was."""
        return differences(self.before, self.lab.engine.inspect(self.name), ASSIGNED_ANEW)


def wrong_in_log(victim: Victim, ended: Ended) -> Iterator[str]:
    """What was done to the victim is in the log as done or in doubt, and what is in there as done was done."""
    for step in STEPS:
        found = {one.took_hold for one in ended.run.operations if one.started.step == step}
        if victim.has(step) and not found & {"yes", "in doubt"}:
            yield f"{step} was done, and the log says {found}"
        if "yes" in found and not victim.has(step):
            yield f"{step} was not done, and the log says {found}"


# Wherever it happens -------------------------------------------------------------------------------------------------

Range = dict[Direction, tuple[int, int]]
"""Bytes that have passed when a change is begun, and when it is done."""


def measure(way: Way, client: ClientSide, evidence: Path, playbook: str, victim: Victim) -> dict[str, Range]:
    """A run over a way that is good, taken back again."""
    begin, begun = way.proxy.counts(), dict[str, tuple[int, int]]()
    found: dict[str, Range] = {}

    def watch(record: Record) -> None:
        event, now = record.event, way.proxy.counts()
        passed = now.up - begin.up, now.down - begin.down
        if isinstance(event, OperationStarted):
            begun[event.step] = passed
        if isinstance(event, OperationFinished) and event.step in STEPS:
            up, down = begun[event.step]
            found[event.step] = {"up": (up, passed[0]), "down": (down, passed[1])}

    ended = run_over(way, client, evidence, playbook, victim.name, watch)
    assert ended.status == 0 and ended.bundle, ended
    assert undo_over(client, evidence, ended.bundle).status == 0
    assert victim.changed() == []
    return found


def contain(fault: Fault, way: Way, *, client: ClientSide, evidence: Path, playbook: str, victim: Victim) -> list[str]:
    """A run that something befalls, taken back over the way once it is good again: what was wrong about it."""
    befallen = way.proxy.counts().befallen
    way.proxy.arm(fault)
    ended = run_over(way, client, evidence, playbook, victim.name)
    wrong = [] if way.proxy.counts().befallen > befallen else ["nothing befell it"]
    way.proxy.disarm()
    if ended.bundle is None or ended.status not in (0, 1):
        return [*wrong, f"ended with {ended.status}: {ended.reason}"]
    wrong += wrong_in_log(victim, ended)
    if fault.kind == "stall":  # what was on its way arrives late, and may take hold after the run
        assert wait_until(
            lambda: way.proxy.counts().open == 0,
        )
        time.sleep(2)
        wrong += wrong_in_log(victim, ended)
    undone = undo_over(client, evidence, ended.bundle) if ended.run.undo_operations() else Ended(0)
    return wrong + victim.changed() + ([] if undone.status == 0 else [f"undo ended with {undone.status}: {undone}"])


def test_a_change_in_the_middle_of_which_the_network_fails_is_never_taken_for_what_it_is_not(
    lab: Lab, host: LabHost, client: ClientSide, playbook: str, tmp_path: Path
) -> None:
    lab.network(Network("front", subnet="10.77.5.0/24"))
    places = list(product(STEPS, WAYS_TO_GO, enumerate(SHARES)))
    victims = [Victim.make(lab, number) for number in range(len(places))]
    with many_ways(host, client, len(places)) as ways:
        ranges = measure(ways[0], client, tmp_path / "measured", playbook, victims[0])
        faults = []
        for number, (step, to, (turn, share)) in enumerate(places):
            begin, end = ranges[step][to]
            kind = KINDS[(turn + number // len(SHARES)) % len(KINDS)]
            faults.append(Fault(kind, begin + round((end - begin) * share), to, STALL, over_all=True))
        jobs = [
            partial(
                contain,
                fault,
                client=client,
                evidence=tmp_path / f"{number}",
                playbook=playbook,
                victim=victims[number],
            )
            for number, fault in enumerate(faults)
        ]
        found = all_at_once(jobs, ways, BOUND)
    wrong = [f"{fault}: {text}" for fault, texts in zip(faults, found, strict=True) for text in texts]
    assert not wrong, "\n".join(wrong)


# At the moment that matters ------------------------------------------------------------------------------------------


class Breaking:
    """An engine whose host is lost as a change arrives: the change is `done`, `lost` too, or done `late`."""

    def __init__(self, victim: Victim, step: str, becomes: str, way: Way) -> None:
        self._victim, self._step, self._becomes, self._way = victim, step, becomes, way
        self.run_has_ended, self.is_over = threading.Event(), threading.Event()

    def answer(self, method: str, path: str) -> bytes | None:
        """What the engine says to the change; other requests it answers as ever."""
        if method != "POST" or not path.endswith(REQUESTS[self._step]):
            return None
        if self._becomes == "done":
            self._victim.do(self._step)
        self._way.proxy.strike("reset")
        if self._becomes == "late":
            self.run_has_ended.wait(BOUND)
            self._victim.do(self._step)
        self.is_over.set()
        return b""


@pytest.mark.parametrize(
    ("becomes", "status", "took_hold"), [("done", 0, "yes"), ("lost", 1, "in doubt"), ("late", 1, "in doubt")]
)
@pytest.mark.parametrize("step", STEPS)
def test_a_change_whose_answer_was_lost_is_looked_up_and_taken_back(
    lab: Lab,
    host: LabHost,
    client: ClientSide,
    playbook: str,
    tmp_path: Path,
    socket_path: Path,
    step: str,
    becomes: str,
    status: int,
    took_hold: str,
) -> None:
    lab.network(Network("front", subnet="10.77.5.0/24"))
    victim = Victim.make(lab, 0)
    with many_ways(host, client, 1) as (way,):
        breaking = Breaking(victim, step, becomes, way)
        with FakeEngine(socket_path, breaking.answer, behind=lab.engine.socket) as engine:
            host.space.show_file(engine.path, host.socket)
            ended = run_over(way, client, tmp_path / "evidence", playbook, victim.name)
            breaking.run_has_ended.set()
            assert breaking.is_over.wait(BOUND)
            host.show_socket()
        assert [one.took_hold for one in ended.run.changes if one.started.step == step] == [took_hold]
        assert ended.status == status and ended.bundle
        assert "its answer was lost" in told_of(ended, step) or took_hold == "in doubt"
        sent = [one for one in engine.requests if one.startswith("POST ") and one.endswith(REQUESTS[step])]
        assert len(sent) == 1, "a change is sent once"
        assert undo_over(client, tmp_path / "evidence", ended.bundle).status == 0
        assert victim.changed() == []


def told_of(ended: Ended, step: str) -> str:
    """What the log says of the last thing that the step did."""
    return next(one.detail or one.reason for one in reversed(ended.run.operations) if one.started.step == step)
