"""An engine reached by TCP, whose host has no files for us: each action says what it misses, and collects the rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.bundles import events
from tests.acceptance.command import Irkit
from tests.adapters.tls_engine import HERE, TlsEngine
from tests.incident.contents import Contents, name_of
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine
PLAYBOOK = "acquire-everything"
BLIND = ("sockets", "deleted", "tmpfs", "memory")
"""Steps that read the host's files and nothing else."""
HALF_BLIND = ("processes", "changes", "volumes", "logs", "around")
"""Steps that collect something all the same."""


@pytest.fixture
def far(engine: Engine, tmp_path: Path) -> Iterator[Irkit]:
    """irkit at the engine by TCP."""
    with TlsEngine(None, behind=engine.socket) as served:
        yield Irkit(f"tcp://{HERE}:{served.port}", tmp_path / "evidence")


def test_the_plan_and_the_bundle_say_what_is_not_seen_and_the_rest_is_collected(lab: Lab, far: Irkit) -> None:
    lab.make(
        Suspect(
            name="shop",
            changed={"/opt/dropper": b"evil\n", "/data/in-volume": b"kept\n"},
            deleted=("/app/delete-me.txt",),
            volumes={"vol": "/data"},
            stdout=(b"said\n",),
        )
    )
    plan = far("plan", PLAYBOOK, "shop").out
    summary = far.run(PLAYBOOK, "shop", status=None)
    found = events(summary["bundle"])
    unseen = {
        one["finding"]["summary"].split()[1]
        for one in found
        if one["event"] == "finding-raised" and one["finding"]["check"] == "plan.unseen"
    }
    skipped = {one["step"]: one["reason"] for one in found if one["event"] == "step-skipped"}
    assert set(BLIND) | set(HALF_BLIND) <= unseen
    assert all(f"step {step} does not see" in plan for step in (*BLIND, *HALF_BLIND))
    assert set(BLIND) <= set(skipped) and all("files of the host" in skipped[step] for step in BLIND)
    assert summary["failures"] == []

    contents = Contents(Path(summary["bundle"]))
    assert contents.of("shop", "inspect", ".json") and contents.of("shop", "processes", ".json")
    changed = {b"/" + name_of(line).strip(b"/"): line for line in contents.lines("shop", "changes/")}
    assert changed[b"/app/delete-me.txt"]["change"] == "deleted"
    assert contents.archive("shop", "changes")[b"/opt/dropper"].size == 5
    assert contents.archive("shop", "volumes")[b"/in-volume"].size == 5
    (log,) = contents.of("shop", "logs/stdout", ".log")
    assert contents.read(log) == b"said\n"
