"""Lab hosts go without a trace, also when their owner was killed, and say in one line why they can't be had."""

import ipaddress
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.lab import host_leftovers, leftovers, links, processes
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.engine import Engine
from tests.lab.host_leftovers import HostRecord
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.sweeping import sweep_now, swept_by_one
from tests.lab.tools import LabError, run, tool

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine")]

ROUTES = ("-4", "route", "show", "table", "main")


def has_route(record: HostRecord) -> bool:
    """Whether its route is there. The network is free once it is gone: a host of another test may have taken it since,
    which is on record a moment later.
    """
    is_there = f"unreachable {record.shield} ".encode() in run([tool("ip"), *ROUTES]).stdout
    return is_there and not wait_until(lambda: is_of_another(record), 2)


def is_of_another(record: HostRecord) -> bool:
    return any(one.shield == record.shield for one in HostRecord.all() if one.name != record.name)


def traces(record: HostRecord) -> list[str]:
    """Whatever of a host can still be seen."""
    left = [f"process {pid}" for pid in host_leftovers.processes_of(record.name)]
    for pid in processes.all_pids():
        if Path(record.root).name.encode() in processes.read_proc(pid, "mountinfo"):
            left.append(f"mount seen by {pid}")
    listed = [tool("ip"), *(["-n", record.link_namespace] if record.link_namespace else []), "link", "show"]
    if not record.link_namespace or (leftovers.NETNS / record.link_namespace).exists():
        left += [f"device {record.device}"] * (record.device.encode() in run(listed).stdout)
    left += ["route"] * (bool(record.shield) and has_route(record))
    places = (Path(record.root), leftovers.NETNS / record.name, record.path)
    return left + [str(path) for path in places if path.exists()]


def own_devices() -> list[str]:
    return [device for device in host_leftovers.devices() if str(os.getpid()) in device]


def record_of(host: LabHost) -> HostRecord:
    return next(record for record in HostRecord.all() if record.name == host.mark)


def test_nothing_is_left_of_hosts_and_what_ran_on_them(engine: Engine, client: ClientSide) -> None:
    with start_host(name="outer", engine=engine) as outer, start_host(name="inner", behind=outer) as inner:
        records = [record_of(host) for host in (outer, inner)]
        client.add(outer)
        client.add(inner, jump="outer")
        client.ssh("inner", "setsid sleep 1002 >/dev/null 2>&1 </dev/null &")
        assert [len(traces(record)) > 4 for record in records] == [True, True]
        inner.stop()
        inner.stop()
        assert traces(records[1]) == []
        assert client.ssh("outer", "true").returncode == 0
    assert [traces(record) for record in records] == [[], []]
    assert engine.ping()
    assert own_devices() == []


OWNER = """
import sys
from tests.lab.client_side import ClientSide
from tests.lab.host_start import User, start_host
from pathlib import Path
with start_host(name="outer", engine=True) as outer, start_host(name="inner", behind=outer) as inner:
    client = ClientSide(Path(sys.argv[1]))
    client.add(outer)
    client.ssh("outer", "setsid sleep 1003 >/dev/null 2>&1 </dev/null &")
    print(outer.mark, inner.mark, outer.engine.namespace, outer.engine.root, flush=True)
    sys.stdin.read()
"""


def test_a_sweep_removes_hosts_whose_owner_was_killed(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    argv = [sys.executable, "-c", OWNER, str(tmp_path)]
    sweeper = [sys.executable, "-m", "tests.lab", "sweep"]
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as owner, swept_by_one():
        assert owner.stdout is not None
        *marks, namespace, root = owner.stdout.readline().split()
        records = [record for record in HostRecord.all() if record.name in marks]
        assert not set(sweep_now()) & set(marks)  # their owner lives
        owner.kill()
        owner.wait()
        assert [bool(traces(record)) for record in records] == [True, True]
        done = subprocess.run(sweeper, capture_output=True, text=True, check=True)
    assert all(name in done.stderr for name in (*marks, namespace))
    assert [traces(record) for record in records] == [[], []]
    assert not Path(root).exists()


def test_a_sweep_removes_a_wire_and_a_namespace_that_are_on_no_record() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    device, namespace = f"{host_leftovers.OUTER}{child.pid}-1", f"irkit-lab-{child.pid}-h1"
    with swept_by_one():
        run([tool("ip"), "netns", "add", namespace])
        run([tool("ip"), "link", "add", device, "type", "veth", "peer", "name", "ili0-1", "netns", namespace])
        assert {device, namespace} <= set(sweep_now())
    assert device not in host_leftovers.devices()


def test_a_host_that_does_not_start_is_one_line_and_leaves_nothing() -> None:
    before = _own_records()
    with pytest.raises(LabError, match="NoSuchOption") as caught, start_host(sshd={"NoSuchOption": "1"}):
        pass
    assert "\n" not in str(caught.value)
    assert _own_records() == before
    assert own_devices() == []
    assert not [each for each in leftovers.NETNS.iterdir() if f"-{os.getpid()}-h" in each.name]


def _own_records() -> set[HostRecord]:
    """Other processes may have hosts of their own meanwhile."""
    return {record for record in HostRecord.all() if record.owner == os.getpid()}


def test_without_root_a_host_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root"), start_host():
        pass


def test_where_namespaces_cannot_be_made_a_host_is_refused_in_one_line() -> None:
    program = "from tests.lab.host_start import start_host\nwith start_host(): pass"
    weak = [tool("setpriv"), "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    done = subprocess.run([*weak, sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tests.lab.tools.LabError: exit 1")
    assert "netns add" in last


def test_an_engine_without_a_namespace_is_refused(engine: Engine) -> None:
    machine = Engine(engine.socket, engine.root, "", own=False, lab_id="x", owner=0)
    with pytest.raises(LabError, match="an engine of the lab's own"), start_host(engine=machine):
        pass


def test_a_directory_that_the_host_would_hide_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: "/run/irkit-lab-hidden")
    with pytest.raises(LabError, match="set TMPDIR"), start_host():
        pass
    assert not Path("/run/irkit-lab-hidden").exists()


def networks(*texts: str) -> list[ipaddress.IPv4Network]:
    return [ipaddress.IPv4Network(text) for text in texts]


def test_a_wire_takes_addresses_that_no_route_has() -> None:
    assert str(links.free_network([])) == "10.231.0.0/30"
    assert str(links.free_network(networks("10.231.0.0/29", "10.231.0.12/32", "192.168.0.0/16"))) == "10.231.0.8/30"
    assert str(links.free_network(networks("10.0.0.0/8"))) == "198.18.0.0/30"
    with pytest.raises(LabError, match="no address is free"):
        links.free_network(networks("10.0.0.0/8", "198.18.0.0/15"))


def test_a_route_of_the_machine_is_left_alone() -> None:
    run([tool("ip"), "route", "add", "unreachable", "10.231.0.0/24"])
    try:
        with start_host() as host:
            assert not host.address.startswith("10.231.0.")
    finally:
        run([tool("ip"), "route", "delete", "unreachable", "10.231.0.0/24"])


def test_hosts_of_several_processes_do_not_take_the_same_addresses() -> None:
    program = "from tests.lab.links import lay_link\nfrom tests.lab.host_leftovers import remove_link\n"
    program += "import sys\nlink = lay_link('', sys.argv[1])\nprint(link.network, flush=True)\n"
    program += "sys.stdin.read()\nremove_link('', link.outer.device, '')"
    namespace = f"irkit-lab-{os.getpid()}-h9999"
    run([tool("ip"), "netns", "add", namespace])
    pipe = subprocess.PIPE
    argv = [sys.executable, "-c", program, namespace]
    owners = [subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) for _number in range(3)]
    try:
        found = {owner.stdout.readline() for owner in owners if owner.stdout}
        assert len(found) == 3
    finally:
        for owner in owners:
            owner.communicate(timeout=120)
        leftovers.remove_namespace(namespace)


def test_the_client_sees_nothing_of_the_machines_settings(client: ClientSide, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_AUTH_SOCK", "DOCKER_HOST", "XDG_CONFIG_HOME", "IRKIT_EVIDENCE"):
        monkeypatch.setenv(name, "/of/the/machine")
    told = client.environment({"EXTRA": "1"})
    assert "/of/the/machine" not in told.values()
    assert (told["HOME"], told["IRKIT_SSH_CONFIG"], told["EXTRA"]) == (str(client.home), str(client.config), "1")
    assert client.config.stat().st_mode & 0o077 == 0 or client.config.parent.stat().st_mode & 0o077 == 0


def test_a_stopped_owner_does_not_take_its_hosts_down_twice() -> None:
    with start_host(users=[User("root")]) as host:
        child = os.fork()
        if child == 0:
            host.stop()  # another process's: nothing may happen
            os._exit(0)
        os.waitpid(child, 0)
        assert host.sshd.process is not None
        assert processes.alive(host.sshd.process.pid)
        os.kill(host.sshd.process.pid, signal.SIGKILL)
    assert wait_until(lambda: not host_leftovers.processes_of(host.mark))
