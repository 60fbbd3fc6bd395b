"""collect.pcap on the real engine: by tcpdump and by a socket of irkit's own, locally and over SSH, against ping."""

import contextlib
import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters.memory_store import MemoryStore
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import CapturePackets
from irkit.core.ports import Deadline, Ran
from irkit.engine.deadline import Cancel
from tests.acceptance.bundles import items, playbook, stored_of
from tests.acceptance.command import Irkit
from tests.adapters.firewall_side import LabCommands, target_on
from tests.adapters.ssh_side import deadline
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.processes import all_pids, command
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

NET = Network("pcap-net", "10.79.1.0/24")
SELF, PEER = "10.79.1.10", "10.79.1.20"
STEP = "{id: packets, action: collect.pcap, with: {duration: 6s%s}}"
PINGS = 8
SLEEPS = ("sleep", "3000")


@pytest.fixture
def talker(lab: Lab) -> str:
    lab.network(NET)
    lab.make(Suspect("peer", (Attach(NET.name, ipv4=PEER),), command=SLEEPS))
    return lab.make(Suspect("talker", (Attach(NET.name, ipv4=SELF),), command=SLEEPS))


def ping(lab: Lab, size: int = 56, count: int = PINGS) -> None:
    lab.engine.docker("exec", "talker", "ping", "-c", str(count), "-i", "0.1", "-s", str(size), PEER)


def read(path: Path, *filters: str) -> list[str]:
    """What tcpdump reads of it."""
    done = subprocess.run(["tcpdump", "-n", "-r", str(path), *filters], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def carried_out(lab: Lab, irkit: Irkit, step: str, *more: str, size: int = 56, count: int = PINGS) -> dict[str, Any]:
    """A run that captures while the container pings its neighbour; its summary."""
    process = irkit.begin("run", step, "talker", "--events", "--case", "T-1", *more)
    assert process.stdout
    events = []
    for line in process.stdout:
        events.append(json.loads(line)["event"])
        if events[-1]["event"] == "operation-started" and events[-1]["operation"]["operation"] == "capture-packets":
            threading.Thread(target=ping_once_heard, args=(lab, size, count)).start()
    _, said = process.communicate(timeout=240)
    (bundle,) = irkit.evidence.glob("irb-*")
    return {"bundle": bundle, "events": events, "status": process.returncode, "err": said.decode()}


def listening(lab: Lab) -> list[int]:
    """What captures in the container's network namespace, of whoever's."""
    own = Path(f"/proc/{lab.engine.inspect('talker')['State']['Pid']}/ns/net").readlink()
    found = []
    for pid in all_pids():
        with contextlib.suppress(OSError):
            if "tcpdump" in command(pid) and Path(f"/proc/{pid}/ns/net").readlink() == own:
                found.append(pid)
    return found


def is_heard(lab: Lab) -> bool:
    """Whether somebody has a socket there that hears all packets."""
    pid = lab.engine.inspect("talker")["State"]["Pid"]
    rows = [line.split() for line in Path(f"/proc/{pid}/net/packet").read_text(encoding="ascii").splitlines()[1:]]
    return any((row[3], row[5]) == ("0003", "1") for row in rows)


def ping_once_heard(lab: Lab, size: int = 56, count: int = PINGS) -> None:
    assert wait_until(lambda: is_heard(lab)), "nobody listens"
    ping(lab, size, count)


def facts(bundle: Path, host: str = "local") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored_of(bundle, f"{host}/talker-*/network/capture.json"))
    return found


def test_what_passes_is_in_a_pcap_that_tcpdump_reads(lab: Lab, irkit: Irkit, tmp_path: Path, talker: str) -> None:
    run = carried_out(lab, irkit, playbook(tmp_path, STEP % ""))
    assert run["status"] == 0, run["err"]
    (path,) = run["bundle"].glob("data/local/talker-*/network/capture.pcap")
    requests = read(path, "icmp[icmptype]=icmp-echo", "and", "src", SELF)
    assert len(requests) == PINGS and all(f"{SELF} > {PEER}" in line for line in requests)
    assert len(read(path, "icmp[icmptype]=icmp-echoreply")) == PINGS
    told = facts(run["bundle"])
    assert told["packets"] >= 2 * PINGS and told["dropped"] == 0 and told["link"].startswith("Linux cooked")
    assert "tcpdump -i any" in told["method"] and not told["full"]
    assert irkit("verify", str(run["bundle"])).status == 0
    assert wait_until(lambda: not listening(lab)) and not any(one["partial"] for one in items(run["bundle"]))


class WithoutTcpdump(LabCommands):
    """A host that has none."""

    def run(self, argv: Any, deadline: Deadline, *, input: bytes = b"") -> Ran:
        if argv[0] == "tcpdump":
            raise TargetError("there is no tcpdump on the host", Refusal.UNSUPPORTED)
        return super().run(argv, deadline, input=input)


def test_without_tcpdump_a_socket_of_our_own_sees_the_same(lab: Lab, tmp_path: Path, talker: str) -> None:
    store = MemoryStore()
    operation = CapturePackets(talker, 6.0, 1 << 20)
    intake = store.intake(host="local", container=None, operation=operation, task=0)
    threading.Thread(target=ping_once_heard, args=(lab, 1000)).start()
    outcome = target_on(lab.engine, WithoutTcpdump(lab.engine)).apply(operation, intake, deadline())
    assert "by a socket of irkit's own" in outcome.detail
    found = {one.path.rpartition("/")[2]: one for one in intake.close("")}
    path = tmp_path / "own.pcap"
    path.write_bytes(store.files[found["capture.pcap"].path])
    requests = read(path, "icmp[icmptype]=icmp-echo", "and", "src", SELF)
    assert len(requests) == PINGS and all("Out IP" in line and "length 1008" in line for line in requests)
    assert len(read(path, "icmp[icmptype]=icmp-echoreply")) == PINGS
    told = json.loads(store.files[found["capture.json"].path])
    assert told["link_type"] == 276 and told["dropped"] == 0 and told["packets"] == len(read(path))


def test_it_ends_when_it_is_full_and_a_ring_keeps_the_newest(
    lab: Lab, irkit: Irkit, tmp_path: Path, talker: str
) -> None:
    steps = (
        "{id: full, action: collect.pcap, with: {duration: 6s, limit: 20KB}}",
        "{id: ring, action: collect.pcap, with: {duration: 6s, limit: 20KB, ring: true}}",
    )
    run = carried_out(lab, irkit, playbook(tmp_path, *steps), size=1400, count=25)
    assert run["status"] == 0, run["err"]
    (full,) = run["bundle"].glob("data/local/talker-*/network/capture.pcap")
    ring = sorted(run["bundle"].glob("data/local/talker-*/network/capture-*.pcap"))
    assert 18_000 < full.stat().st_size <= 20_000 and len(read(full, "icmp")) >= 8
    assert 3 <= len(ring) <= 20 and sum(one.stat().st_size for one in ring) <= 20_000
    assert sum(len(read(one, "icmp")) for one in ring) > 5
    details = [
        one["detail"] for one in run["events"] if one["event"] == "operation-finished" and "packets" in one["detail"]
    ]
    assert "ended as it was full" in details[0] and "packets let go" in details[1]


def test_a_run_that_is_interrupted_keeps_what_came_and_leaves_no_tcpdump(lab: Lab, talker: str) -> None:
    store, cancel = MemoryStore(), Cancel()
    operation = CapturePackets(talker, 600.0, 1 << 20)
    intake = store.intake(host="local", container=None, operation=operation, task=0)

    def end() -> None:
        ping_once_heard(lab)
        time.sleep(1.5)  # what was heard is on its way
        cancel.set()

    threading.Thread(target=end).start()
    with pytest.raises(TargetError) as caught:
        target_on(lab.engine).apply(operation, intake, deadline(cancel=cancel))
    assert caught.value.kind is Refusal.CANCELLED
    (item,) = intake.close(caught.value.reason)
    assert item.partial and len(store.files[item.path]) > 1000
    assert wait_until(lambda: not listening(lab))


def test_over_ssh_it_is_the_same_and_where_there_is_no_root_the_plan_says_so(
    lab: Lab, engine: Engine, client: ClientSide, tmp_path: Path, talker: str
) -> None:
    users = (User("root"), User("bob", sudo=True), User("ana", groups=("docker",)))
    with start_host(name="web", engine=engine, users=users) as host:
        client.add(host, "web", user="bob")
        irkit = Irkit("", tmp_path / "evidence", client)
        run = carried_out(lab, irkit, playbook(tmp_path, STEP % ""), "--host", "web")
        assert run["status"] == 0, run["events"]
        (path,) = run["bundle"].glob("data/web/talker-*/network/capture.pcap")
        assert len(read(path, "icmp[icmptype]=icmp-echo", "and", "src", SELF)) == PINGS
        client.add(host, "low", user="ana")
        plan = irkit("plan", playbook(tmp_path, STEP % ""), "talker", "--host", "low", status=None)
        assert "root" in plan.out and "sudo" in plan.out + plan.err
    assert wait_until(lambda: not listening(lab))
