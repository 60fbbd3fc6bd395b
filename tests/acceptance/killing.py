"""A process that kills runs: it forks one, has it end itself by SIGKILL at a chosen point, recovers, and says how.

A point is the n-th event (call, return, call into C and its return) in irkit's adapters, engine and wiring, in any
thread: before, inside and after every request, write, fsync and rename. `python -m tests.acceptance.killing SUSPECT
FIRST STEP COUNT PERCENT PLAYBOOK` prints a JSON line for each of `COUNT` points, spread evenly over so much of the run,
every STEPth from FIRST on.
"""

import itertools
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from irkit import app
from irkit.app.listing import look
from irkit.cli.execution import Shown, carry_out
from irkit.core.container import Container
from irkit.core.events import OperationFinished
from irkit.core.text import safe
from tests.lab.tools import run, tool

PLAYBOOK = """
name: everything
version: 1
steps:
  - {id: facts, action: collect.inspect}
  - {id: volatile, action: collect.processes}
  - {id: cut, action: isolate.disconnect}
  - {id: policy, action: contain.restart_policy, with: {policy: always}}
  - {id: freeze, action: contain.pause}
  - {id: logs, action: collect.logs}
  - {id: changes, action: collect.changes}
  - {id: disk, action: snapshot.export}
"""
OTHER_WAYS = """
name: other-ways
version: 1
steps:
  - {id: rules, action: isolate.firewall}
  - {id: limits, action: contain.limit, with: {cpus: "0.5", pids: 50}}
  - {id: away, action: isolate.quarantine, with: {reach: nothing}}
  - {id: freeze, action: contain.pause}
"""
PLAYBOOKS = {"everything": PLAYBOOK, "other-ways": OTHER_WAYS}
_PACKAGE = str(Path(app.__file__).parents[1])
_WATCHED = tuple(f"{_PACKAGE}/{part}" for part in ("adapters", "engine", "app"))


def count_events(at: int, reached: Callable[[], None]) -> Callable[[], int]:
    """Call `reached` at the n-th event from now on, in any thread; returns how to read the count."""
    counter = itertools.count(1)
    seen = [0]

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        if frame.f_code.co_filename.startswith(_WATCHED):
            seen[0] = number = next(counter)
            if number == at:
                reached()

    threading.setprofile(watch)
    sys.setprofile(watch)
    return lambda: seen[0]


def in_child(work: Callable[[], Any]) -> Any:
    """The result of work done in a fork; None where it was killed."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            result = {"result": work()}
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
            result = {"error": f"{type(error).__name__}: {safe(error)}"}
        os.write(write, json.dumps(result).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    if not said:
        assert os.WTERMSIG(status) == signal.SIGKILL, f"the run ended by itself with {status}"
        return None
    answer = json.loads(said)
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer["result"]


class Victim:
    """A suspect, and an evidence folder for each run on it."""

    def __init__(self, suspect: str, playbook: str) -> None:
        self.suspect = suspect
        self.folder = Path(tempfile.mkdtemp(prefix="irkit-kill-"))
        self.playbook = self.folder / f"{playbook}.yaml"
        self.playbook.write_text(PLAYBOOKS[playbook])

    def setting(self, number: int) -> app.Setting:
        return app.Setting(evidence=self.folder / f"run-{number}")

    def facts(self) -> tuple[Container, bytes]:
        """What the engine tells of it, and the tables of rules in its network namespace."""
        with app.Setting().fleet() as fleet:
            found = look(fleet, [self.suspect]).containers[0]
        return found, run([tool("nsenter"), "-t", str(found.pid), "-n", tool("nft"), "list", "tables"]).stdout

    def run(self, number: int, at: int) -> int:
        """Run the playbook; the number of events, if it lives to tell."""
        setting = self.setting(number)
        count = count_events(at, lambda: os.kill(os.getpid(), signal.SIGKILL))
        given: dict[str, str] = {}
        prepared = app.prepare(
            setting, str(self.playbook), [self.suspect], given=given, case="KILL", responder="killer"
        )
        result = carry_out(setting, prepared, Shown(lines=False), parallel=4)
        sys.setprofile(None)
        assert result.status == 0, result.run.failures
        return count()

    def recover(self, number: int) -> dict[str, Any]:
        """Seal, verify, check what was kept, undo; what was found."""
        setting = self.setting(number)
        bundles = list(setting.folder.glob("*irb-*")) if setting.folder.is_dir() else []
        if not bundles:
            return {"stage": "before the bundle"}
        assert len(bundles) == 1, bundles
        (path,) = bundles
        records = app.read_records(path) if (path / "data/log/run.jsonl").is_file() else []
        if not records:
            return {"stage": "before the first record"}
        stage = "sealed" if not path.name.startswith(".partial-") else records[-1].event.__struct_config__.tag
        if path.name.startswith(".partial-"):
            path, _ = app.seal_partial(setting, str(path))
        report = app.verify_bundle(setting, str(path))
        assert report.ok, report.problems
        _check_items(path, records)
        prepared = app.prepare_undo(setting, str(path), [], responder="killer")
        if prepared.plan.tasks:
            result = carry_out(setting, prepared, Shown(lines=False), parallel=1)
            assert result.status == 0, result.run.failures
        return {"stage": stage, "records": len(records)}


def _check_items(path: Path, records: list[Any]) -> None:
    """Every finished item is there as a whole, and whatever no record describes is marked as partial."""
    items = {one["path"]: one for one in map(json.loads, (path / "metadata/items.jsonl").read_bytes().splitlines())}
    finished = [
        one for record in records if isinstance(record.event, OperationFinished) for one in record.event.evidence
    ]
    for one in finished:
        assert not items[one.path]["partial"], f"{one.path} was finished and is called partial"
        assert items[one.path]["sha256"] == one.sha256
    whole = {one.path for one in finished} | {"data/log/run.jsonl"}
    for name, item in items.items():
        assert item["partial"] or name in whole, f"{name} was in flight and passes for whole"


def main() -> None:
    suspect, first, step, points, percent = sys.argv[1], *map(int, sys.argv[2:6])
    victim = Victim(suspect, sys.argv[6])
    before = in_child(lambda: repr(victim.facts()))
    total = in_child(lambda: victim.run(0, 0))
    in_child(lambda: victim.recover(0))
    for number in range(first, points, step):
        at = 1 + total * percent // 100 * number // points
        survived = in_child(partial(victim.run, number + 1, at))
        found = in_child(partial(victim.recover, number + 1))
        after = in_child(lambda: repr(victim.facts()))
        restored = before == after
        print(
            json.dumps({**found, "at": at, "of": total, "killed": survived is None, "restored": restored}), flush=True
        )
        if not restored:
            sys.exit(f"not restored after a kill at {at} of {total}:\n{before}\n{after}")


if __name__ == "__main__":
    main()
