"""contain.limit on the real engine: what the kernel has afterwards, what undo brings back, and what it cannot."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.acceptance.bundles import playbook
from tests.acceptance.command import Irkit
from tests.acceptance.compare import differences
from tests.lab.description import State, Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SLEEPS = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
MIB = 1 << 20
STEP = "{id: slow, action: contain.limit, with: {cpus: '0.1', memory: 32MiB, pids: 20}}"
MADE = {"cpu_quota": 50_000, "cpu_period": 50_000, "memory": 64 * MIB, "memory_swap": 128 * MIB, "pids": 50}
FILES = {
    "cpu": ("cpu.cfs_quota_us", "cpu.cfs_period_us"),
    "memory": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    "pids": ("pids.max",),
    "": ("cpu.max", "memory.max", "memory.swap.max", "pids.max"),
}


def of_kernel(engine: Engine, container: str) -> dict[str, str]:
    """What the container's control groups say, of either version."""
    pid = engine.inspect(container)["State"]["Pid"]
    found: dict[str, str] = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, place = line.split(":", 2)
        for controller in controllers.split(","):
            for name in FILES.get(controller, ()):
                path = Path(f"/sys/fs/cgroup/{controllers}{place}/{name}")
                if path.is_file():
                    found[name] = path.read_text(encoding="ascii").strip()
    assert found, "no control group says anything"
    return found


def throttled(found: Mapping[str, str]) -> bool:
    """Whether the limits of the step stand."""
    cpu = found.get("cpu.max", f"{found.get('cpu.cfs_quota_us')} {found.get('cpu.cfs_period_us')}").split()
    memory = found.get("memory.max", found.get("memory.limit_in_bytes"))
    return cpu[0] != "-1" and int(cpu[0]) * 10 == int(cpu[1]) and (memory, found["pids.max"]) == (str(32 * MIB), "20")


@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.parametrize("limits", [{}, MADE, {**MADE, "cpu_quota": 0, "cpu_period": 0, "nano_cpus": 500_000_000}])
def test_the_kernel_has_the_limits_and_after_undo_those_that_were_found(
    lab: Lab, irkit: Irkit, tmp_path: Path, state: State, limits: dict[str, int]
) -> None:
    made_with = {name: value for name, value in limits.items() if value}
    suspect = lab.make(Suspect("victim", command=SLEEPS, state=state, limits=made_with))
    found, kernel = lab.engine.inspect(suspect), of_kernel(lab.engine, suspect)
    summary = irkit.run(playbook(tmp_path, STEP), "victim")
    assert throttled(of_kernel(lab.engine, suspect))
    (contained,) = summary["contained"]
    assert [one["text"] for one in contained["measures"]] == [
        "limit it to 0.1 processors, 32 MiB of memory, 20 processes"
    ]
    irkit("undo", summary["bundle"], "--approve", "change")
    now = of_kernel(lab.engine, suspect)
    if limits:
        assert (now, differences(found, lab.engine.inspect(suspect), set())) == (kernel, [])
        return
    # What was without a limit has none again, and the engine tells so in other words: docs/undo.md lists them.
    assert now["pids.max"] == "max" and not throttled(now)
    assert differences(found, lab.engine.inspect(suspect), set()) == [
        "/HostConfig/CpuQuota: 0 became -1",
        f"/HostConfig/Memory: 0 became {2**51}",
        f"/HostConfig/MemorySwap: 0 became {2**52}",
        "/HostConfig/PidsLimit: None became 0",
    ]
    assert "nothing is left" in irkit("undo", summary["bundle"]).out


def test_a_limit_that_the_container_is_beyond_is_refused_or_told_to_cost_what_it_holds(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.make(Suspect("victim", command=SLEEPS))
    steps = ("{id: slow, action: contain.limit, with: {memory: 8MiB}}", "{id: look, action: collect.processes}")
    ended = irkit("run", playbook(tmp_path, *steps), "victim", "--approve", "destroy", status=2)
    assert "destroys" in ended.error_lines[-1] and "step 'look' collects after it" in ended.error_lines[-1]
    assert lab.engine.inspect("victim")["HostConfig"]["Memory"] == 0


def test_limits_that_are_tighter_already_are_left(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    limits = {"nano_cpus": 50_000_000, "memory": 16 * MIB, "memory_swap": 16 * MIB, "pids": 10}
    suspect = lab.make(Suspect("victim", command=SLEEPS, limits=limits))
    found = lab.engine.inspect(suspect)
    summary = irkit.run(playbook(tmp_path, STEP), "victim")
    assert (summary["changes"], summary["to_undo"]) == ([], 0)
    assert differences(found, lab.engine.inspect(suspect), set()) == []
