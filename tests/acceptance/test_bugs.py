"""A bug that one container brings about while a run goes on: what the responder sees, and what is left."""

from pathlib import Path

import pytest

from irkit.adapters import kernel_facts
from irkit.core.container import Container
from irkit.core.kernel import KernelFacts
from irkit.core.ports import Deadline, HostFiles
from tests.acceptance.bundles import events, playbook
from tests.acceptance.command import Irkit
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait")
CUT = "{id: cut, action: isolate.disconnect}"


def test_it_fails_its_own_operation_and_the_others_are_contained_held_sealed_and_undone(
    lab: Lab, irkit: Irkit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("odd", "db"):
        lab.make(Suspect(name=name, command=SLEEP))
    whole = kernel_facts.see_kernel

    def see_kernel(files: HostFiles, container: Container, deadline: Deadline) -> KernelFacts | None:
        if container.name == "odd":
            secret = ["hunter2"]
            raise IndexError(f"no such place in {secret}")
        return whole(files, container, deadline)

    monkeypatch.setattr(kernel_facts, "see_kernel", see_kernel)
    small = playbook(tmp_path, CUT, head="hold: contain")
    ended = irkit.here("run", small, "odd", "db", "--approve", "change", "--hold-for", "1s", status=1)
    assert "Traceback" not in ended.err + ended.out and "hunter2" not in ended.err + ended.out
    assert "odd cut: disconnect from network bridge: FAILED: a bug in irkit (IndexError)" in ended.err
    lines = [line for line in ended.out.splitlines() if line.startswith("BUG")]
    assert lines and all("odd: a bug in irkit while it was to" in line for line in lines)
    (bundle,) = [one for one in irkit.evidence.iterdir() if one.name.startswith("irb-")]
    assert "verifies" in irkit("verify", str(bundle)).out
    (bug, *_) = [one for one in events(bundle) if one["event"] == "bug-met"]
    assert any("adapters/docker_engine.py, line" in place for place in bug["trace"])
    assert not lab.engine.inspect("db")["NetworkSettings"]["Networks"]
    monkeypatch.undo()
    irkit("undo", str(bundle), "--approve", "change")
    for name in ("odd", "db"):
        assert lab.engine.inspect(name)["NetworkSettings"]["Networks"].keys() == {"bridge"}
