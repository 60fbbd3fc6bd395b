"""A run that holds, from the wiring's side: its plan, its order, its locks, over several hosts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from irkit.adapters.holds import hold, release
from irkit.adapters.memory import MemoryTarget
from irkit.app import Execution, Setting, lasting_changes, prepare, prepare_undo, start, verify_bundle
from irkit.cli.execution import Shown, carry_out
from irkit.core.container import Container
from irkit.core.errors import UsageError
from irkit.core.events import FindingRaised, Record
from irkit.core.finding import Hold
from irkit.core.operations import Unpause
from irkit.core.run import Run, replay
from tests.app.hosts_in_memory import Place, one_each
from tests.engine.guard import within
from tests.engine.world import PATIENCE, container

CHOSEN = ("a@x", "b@x")
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
FREEZE = "name: freeze\nversion: 1\n{head}steps:\n  - {{id: freeze, action: contain.pause}}\n"


@dataclass
class Followed:
    """A run under way, and its records so far."""

    execution: Execution
    records: list[Record] = field(default_factory=list)

    def read(self) -> None:
        for record in self.execution.records():
            self.records.append(record)

    def wait_for(self, check: str, container: str) -> None:
        end = time.monotonic() + PATIENCE
        while not any(_is_it(record, check, container) for record in self.records):
            assert time.monotonic() < end, f"no {check}: {self.records[-3:]}"
            time.sleep(0.01)

    @property
    def run(self) -> Run:
        return replay(self.records)


def _is_it(record: Record, check: str, container: str) -> bool:
    event = record.event
    return isinstance(event, FindingRaised) and (event.finding.check, event.finding.container) == (check, container)


def playbook(folder: Path, head: str = "hold: contain\n") -> str:
    path = folder / "freeze.yaml"
    path.write_text(FREEZE.format(head=head), encoding="utf-8")
    return str(path)


def order(setting: Setting, name: str, *, hold: bool = True) -> Any:
    return prepare(setting, name, ["all"], given={}, case="IR", responder="Ann", hosts=CHOSEN, hold=hold)


@contextmanager
def holding(place: Place, folder: Path, head: str = "hold: contain\n") -> Iterator[Followed]:
    """A run on all containers that holds; ended and sealed at the end of the block."""
    setting = place.setting(folder / "evidence")
    with order(setting, playbook(folder, head)) as ready:
        told = threading.Event()
        execution = start(setting, ready, holding=lambda standing: told.set())
        run = Followed(execution)
        thread = threading.Thread(target=run.read, daemon=True)
        thread.start()
        assert told.wait(PATIENCE)
        try:
            yield run
        finally:
            execution.runner.interrupt("Ctrl-C")
            within(PATIENCE, thread.join)
            execution.seal()


def one(place: Place, host: str) -> tuple[MemoryTarget, Container]:
    """A host, and its container."""
    target = place.opened[host]
    return target, next(iter(target.containers.values()))


def test_it_holds_on_all_hosts_at_once(tmp_path: Path) -> None:
    place = Place(one_each(*CHOSEN))
    with holding(place, tmp_path) as run:
        for host in CHOSEN:
            target, web = one(place, host)
            target.act(Unpause(web.id))
            run.wait_for(Hold.AGAIN, web.key)
    assert run.run.is_clean and run.run.finished and run.run.finished.outcome == "done"
    assert all(one(place, host)[1].state == "paused" for host in CHOSEN)
    assert verify_bundle(place.setting(tmp_path / "evidence"), str(run.execution.bundle.path)).ok


def test_what_joined_is_locked_described_named_and_undone(tmp_path: Path) -> None:
    web = container("web", host="a@x", labels=COMPOSE)
    second = container("web-2", host="a@x", labels=COMPOSE)
    place = Place({"a@x": [web], "b@x": [container("db", host="b@x")]})
    setting = place.setting(tmp_path / "evidence")
    with holding(place, tmp_path) as run:
        place.opened["a@x"].appear(second)
        run.wait_for(Hold.AGAIN, second.key)
        with pytest.raises(UsageError, match="another run is changing"):
            hold(setting.folder, {second.id: second.name})
    release(hold(setting.folder, {second.id: second.name}))
    path = run.execution.bundle.path
    described = msgspec.json.decode((path / "metadata/bundle.json").read_bytes())
    assert [found["name"] for found in described["containers"]] == ["web", "db", "web-2"]
    with prepare_undo(setting, str(path), ["web-2"], responder="Bob") as undo:
        assert [task.containers for task in undo.plan.tasks] == [(second.key,)]
        carry_out(setting, undo, Shown(lines=False), parallel=1)
    assert place.opened["a@x"].containers[second.id].state == "running"
    assert place.opened["a@x"].containers[web.id].state == "paused"


def test_one_that_another_run_is_at_is_not_contained(tmp_path: Path) -> None:
    second = container("web-2", host="a@x", labels=COMPOSE)
    place = Place({"a@x": [container("web", host="a@x", labels=COMPOSE)], "b@x": [container("db", host="b@x")]})
    with holding(place, tmp_path) as run:
        locks = hold(tmp_path / "evidence", {second.id: "somebody's"})
        place.opened["a@x"].appear(second)
        run.wait_for(Hold.REPLACED, second.key)
    release(locks)
    assert place.opened["a@x"].containers[second.id].state == "running"
    assert not run.run.is_clean


@pytest.mark.parametrize(("head", "wish"), [("", "tell"), ("hold: tell\n", "tell"), ("hold: contain\n", "contain")])
def test_the_plan_says_what_is_done_where_it_is_broken(tmp_path: Path, head: str, wish: str) -> None:
    setting = Place(one_each(*CHOSEN)).setting(tmp_path / "evidence")
    with order(setting, playbook(tmp_path, head)) as ready:
        assert ready.plan.hold == wish
    with order(setting, playbook(tmp_path, head), hold=False) as ready:
        assert ready.plan.hold == ""


def test_a_plan_that_contains_nothing_is_not_held(tmp_path: Path) -> None:
    setting = Place(one_each(*CHOSEN)).setting(tmp_path / "evidence")
    with pytest.raises(UsageError, match="there is nothing to hold"):
        order(setting, "triage")


def test_what_was_done_again_is_not_called_lasting(tmp_path: Path) -> None:
    place = Place(one_each(*CHOSEN))
    with holding(place, tmp_path) as run:
        target, web = one(place, "a@x")
        target.act(Unpause(web.id))
        run.wait_for(Hold.AGAIN, web.key)
    setting = place.setting(tmp_path / "evidence")
    assert sum(bool(change.started.undo) for change in run.run.changes) == 2
    assert len(run.run.changes) == 3
    assert lasting_changes(setting, str(run.execution.bundle.path)) == []
