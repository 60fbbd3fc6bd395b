"""The containing actions, each in a playbook of its own on the real engine: state after, undo, refusals."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, playbook, stored
from tests.acceptance.command import Irkit
from tests.acceptance.compare import ASSIGNED_ANEW, OF_A_START, differences
from tests.lab.description import State, Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

STARTED_ANEW = ASSIGNED_ANEW | OF_A_START | {"IPAddress", "MacAddress", "HostnamePath", "HostsPath"}
SIGNALS = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")


@pytest.mark.parametrize(
    ("step", "before", "during", "approve"),
    [
        ("contain.pause", "running", "paused", "change"),
        ("contain.unpause", "paused", "running", "change"),
        ("contain.stop, with: {grace: 1}", "running", "exited", "destroy"),
        ("contain.stop, with: {grace: 1}", "paused", "exited", "destroy"),
        ("contain.kill", "running", "exited", "destroy"),
        ("contain.kill", "paused", "exited", "destroy"),
    ],
)
def test_each_brings_its_state_about_and_undo_restores_what_was_found(
    lab: Lab, irkit: Irkit, tmp_path: Path, step: str, before: State, during: str, approve: str
) -> None:
    suspect = lab.make(Suspect(name="victim", state=before, command=SIGNALS))
    found = lab.engine.inspect(suspect)
    small = playbook(tmp_path, f"{{id: act, action: {step}}}")
    if approve == "destroy":
        assert "goes beyond --approve change" in irkit("run", small, "victim", "--approve", "change", status=2).err
        assert differences(found, lab.engine.inspect(suspect), set()) == []
    summary = irkit("run", small, "victim", "--approve", approve, "--json").json
    assert lab.engine.inspect(suspect)["State"]["Status"] == during
    (finished,) = [
        one for one in events(summary["bundle"]) if one["event"] == "operation-finished" and one["step"] == "act"
    ]
    assert finished["proof"] == ("asserted by the engine only" if "unpause" in step else "proven")
    again = irkit.run(small, "victim", status=1)
    assert "holds it contained already" in again["refused"][0]["reason"]
    irkit("undo", summary["bundle"], "--approve", "change")
    ignore = STARTED_ANEW if during == "exited" else set()
    assert differences(found, lab.engine.inspect(suspect), ignore) == []
    assert lab.engine.inspect(suspect)["State"]["Status"] == before


@pytest.mark.parametrize(
    ("restart", "arguments", "during"),
    [
        ("always", "policy: 'no'", {"Name": "no", "MaximumRetryCount": 0}),
        ("on-failure:3", "policy: always", {"Name": "always", "MaximumRetryCount": 0}),
        ("no", "policy: on-failure, maximum_retries: 5", {"Name": "on-failure", "MaximumRetryCount": 5}),
    ],
)
def test_a_restart_policy_is_changed_and_comes_back(
    lab: Lab, irkit: Irkit, tmp_path: Path, restart: str, arguments: str, during: dict[str, Any]
) -> None:
    suspect = lab.make(Suspect(name="victim", restart=restart, command=SIGNALS))
    found = lab.engine.inspect(suspect)
    step = f"{{id: act, action: contain.restart_policy, with: {{{arguments}}}}}"
    summary = irkit.run(playbook(tmp_path, step), "victim")
    assert lab.engine.inspect(suspect)["HostConfig"]["RestartPolicy"] == during
    irkit("undo", summary["bundle"], "--approve", "change")
    assert differences(found, lab.engine.inspect(suspect), set()) == []


def test_what_is_so_already_is_skipped_and_not_undone(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect(name="victim", state="paused", command=SIGNALS))
    steps = ("{id: a, action: contain.pause}", "{id: b, action: contain.restart_policy}")
    summary = irkit.run(playbook(tmp_path, *steps), "victim")
    assert summary["changes"] == [] and summary["to_undo"] == 0
    assert "nothing is left" in irkit("undo", summary["bundle"]).out
    assert lab.engine.inspect(suspect)["State"]["Paused"]


@pytest.mark.parametrize("action", ["contain.stop", "contain.kill"])
def test_ending_a_container_that_removes_itself_needs_the_loss_accepted(
    lab: Lab, irkit: Irkit, tmp_path: Path, action: str
) -> None:
    suspect = lab.make(Suspect(name="victim", auto_remove=True, command=SIGNALS))
    refused = irkit.run(playbook(tmp_path, f"{{id: act, action: {action}}}"), "victim", status=1)
    assert "--rm" in refused["refused"][0]["reason"] and refused["changes"] == []
    assert lab.engine.inspect(suspect)["State"]["Running"]

    small = playbook(tmp_path, "{id: a, action: collect.changes}", f"{{id: act, action: {action}, accept_loss: true}}")
    assert "undo: NONE" in irkit("plan", small, "victim").out
    summary = irkit.run(small, "victim")
    assert lab.engine.docker("container", "inspect", suspect, check=False).returncode != 0
    assert stored(summary["bundle"], "victim", "changes.json") and summary["to_undo"] == 0
    assert f"stays: victim: {'stop' if 'stop' in action else 'kill'}" in irkit("undo", summary["bundle"]).err


def test_a_step_that_destroys_what_a_later_one_collects_is_refused_before_anything_is_done(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    suspect = lab.make(Suspect(name="victim", command=SIGNALS))
    stop, look = "{id: end, action: contain.stop}", "{id: look, action: collect.processes}"
    for verb in (("plan",), ("run", "--approve", "destroy")):
        ended = irkit(*verb, playbook(tmp_path, stop, look), "victim", status=2)
        assert "step 'end' destroys processes, which step 'look' collects after it" in ended.error_lines[-1]
    assert lab.engine.inspect(suspect)["State"]["Running"]
    assert not irkit.evidence.exists() or not list(irkit.evidence.iterdir())
    summary = irkit.run(playbook(tmp_path, look, "{id: end, action: contain.stop, with: {grace: 0}}"), "victim")
    assert stored(summary["bundle"], "victim", "processes.json")


def test_a_kill_is_not_taken_back_by_a_restart_policy(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="victim", restart="always", command=SIGNALS))
    summary = irkit.run(playbook(tmp_path, "{id: end, action: contain.kill}"), "victim")
    time.sleep(1)
    assert lab.engine.inspect("victim")["State"]["Status"] == "exited"
    irkit("undo", summary["bundle"], "--approve", "change")
    assert lab.engine.inspect("victim")["State"]["Running"]
