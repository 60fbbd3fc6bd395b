"""A run killed at any moment loses nothing that was finished, passes nothing off as whole, and can be taken back."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.acceptance.command import Irkit
from tests.lab.description import Attach, Network, Suspect
from tests.lab.suspects import Lab
from tests.soak import often

pytestmark = pytest.mark.engine

PROCESSES = 4
PERCENT = often(100, 90)
"""Of a run, in which points lie: of few, none may be lost behind the end of one that has fewer events than others."""


@pytest.mark.parametrize(("playbook", "points"), [("everything", often(100, 16)), ("other-ways", often(40, 12))])
def test_a_run_killed_at_any_point_can_be_sealed_verified_and_undone(
    lab: Lab, irkit: Irkit, playbook: str, points: int
) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.network(Network("back", subnet="10.77.2.0/24"))
    killers = []
    for number in range(PROCESSES):
        places = tuple(
            Attach(net, ipv4=f"10.77.{part}.{50 + number}", aliases=(f"alias-{number}",))
            for part, net in ((1, "front"), (2, "back"))
        )
        suspect = lab.make(Suspect(name=f"suspect-{number}", networks=places, stdout=(b"hello\n",) * 50))
        argv = [
            sys.executable,
            "-m",
            "tests.acceptance.killing",
            suspect,
            *map(str, (number, PROCESSES, points, PERCENT)),
            playbook,
        ]
        environment = {**irkit.environment(), "TMPDIR": str(irkit.evidence.parent)}
        killers.append(
            subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    found = []
    for killer in killers:
        out, err = killer.communicate(timeout=1800)
        found += [json.loads(line) for line in out.splitlines()]
        assert killer.returncode == 0, err

    assert len(found) == points
    assert all(one["restored"] for one in found)
    # The last points may lie behind the end of a run that had fewer events than the one that was counted.
    assert sum(one["killed"] for one in found) >= points * 0.9
    stages = Counter(one["stage"] for one in found)
    assert {"before the bundle", "operation-started", "operation-finished"} <= stages.keys(), stages
    left = lab.engine.docker("network", "ls", "--format", "{{.Name}}").stdout.decode().split()
    assert [name for name in left if name.startswith("irkit")] == []
