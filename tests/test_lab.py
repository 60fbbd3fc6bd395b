"""The lab itself, on a real engine: what it promises to the tests that build on it."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import fixtures, hostile, leftovers, processes, setup
from tests.lab.counting import wait_until
from tests.lab.engine import Engine, LabError, adopted_engine, machine_engine, start_engine
from tests.lab.images import base_image, big_image
from tests.lab.script import DELETED_EXECUTABLE
from tests.lab.suspects import LISTENER_ANSWER, Attach, Lab, Network, State, Suspect
from tests.lab.sweeping import sweep, sweep_now, swept_by_one
from tests.lab.tools import run, tool

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine")]

FRAME = b"\x02\x00\x00\x00\x00\x00\x00\x05"
TEXT = (
    b"first\n",
    b"x" * 40960 + b"\n",
    "caf\u00e9 \u202e\n".encode(),
    b"\x1b[31mred\x1b[0m\r\n",
    b"\n",
    b"no newline",
)
BINARY = (FRAME + b"fake!\n", b"\x01" + FRAME[1:] + b"\xff\xfe\x80\n", bytes(range(1, 256)) + b"\n", b"\xc3")


def exported(engine: Engine, container: str, path: str) -> tarfile.TarFile:
    raw = engine.docker("cp", f"{container}:{path}", "-").stdout
    return tarfile.open(fileobj=io.BytesIO(raw))


def content(engine: Engine, container: str, path: str) -> bytes:
    with exported(engine, container, path) as archive:
        stream = archive.extractfile(Path(path).name)
        assert stream is not None
        return stream.read()


def changes(engine: Engine, container: str) -> set[str]:
    return set(engine.docker("diff", container).stdout.decode().splitlines())


@pytest.mark.parametrize("state", ["running", "paused", "exited", "restarting", "created"])
def test_every_state(lab: Lab, state: State) -> None:
    container = lab.make(Suspect("suspect", state=state))
    # One that restarts is running in between, for a moment.
    assert wait_until(lambda: lab.engine.inspect(container)["State"]["Status"] == state)


def test_running_suspect_shows_nothing_of_the_lab(lab: Lab) -> None:
    container = lab.make(Suspect("quiet"))
    found = lab.engine.inspect(container)
    assert found["Name"] == "/quiet"
    assert found["Config"]["Labels"]["irkit.lab"] == lab.engine.lab_id
    assert found["Config"]["Cmd"] == ["/bin/sh", "/app/run.sh"]
    assert changes(lab.engine, container) == set()
    assert lab.engine.docker("logs", container).stdout == b""


@pytest.mark.parametrize(("driver", "out", "err"), [("json-file", TEXT, TEXT[::-1]), ("local", BINARY, BINARY[::-1])])
def test_log_bytes_are_exact(lab: Lab, driver: str, out: tuple[bytes, ...], err: tuple[bytes, ...]) -> None:
    container = lab.make(Suspect("talker", stdout=out, stderr=err, state="exited", log_driver=driver))
    logs = lab.engine.docker("logs", container)
    assert logs.stdout == b"".join(out)
    assert logs.stderr == b"".join(err)


def test_tty_logs_are_one_raw_stream(lab: Lab) -> None:
    container = lab.make(Suspect("terminal", stdout=(b"one\n",), stderr=(b"two\n",), tty=True, state="exited"))
    assert lab.engine.docker("logs", container).stdout == b"one\r\ntwo\r\n"


def test_files_changed_and_deleted(lab: Lab) -> None:
    raw = bytes(range(256))
    changed = {"/app/change-me.txt": raw, "/app/new/file name": b"new", "/data/vol/inside": b"v", "/run/t/inside": b"t"}
    volumes, tmpfs = {"store": "/data/vol"}, ("/run/t",)
    container = lab.make(
        Suspect("editor", changed=changed, deleted=("/app/delete-me.txt",), volumes=volumes, tmpfs=tmpfs)
    )
    assert {"C /app/change-me.txt", "D /app/delete-me.txt", "A /app/new/file name"} <= changes(lab.engine, container)
    assert content(lab.engine, container, "/app/change-me.txt") == raw
    assert content(lab.engine, container, "/data/vol/inside") == b"v"
    assert lab.engine.docker("exec", container, "cat", "/run/t/inside").stdout == b"t"
    assert lab.engine.inspect(container)["Mounts"][0]["Name"] == "store"


def test_hostile_files(lab: Lab) -> None:
    container = lab.make(Suspect("nasty", hostile_files=True, hostile_sparse=True))
    listing = lab.engine.docker("exec", container, "find", "/hostile", "-print0").stdout
    found = {name.removeprefix(b"/hostile/") for name in listing.split(b"\0")}
    assert found >= {*hostile.NAMES, hostile.FIFO, hostile.SPARSE, hostile.DEEP + b"/bottom", *hostile.HARD_LINK}
    assert found >= {name for name, _target in hostile.SYMLINKS}
    assert max(map(len, hostile.NAMES)) == 255
    size = lab.engine.docker("exec", container, "stat", "-c", "%s %b", "/hostile/sparse").stdout.split()
    assert int(size[0]) == hostile.SPARSE_BYTES
    assert int(size[1]) < 100
    # Restarting it must not fail over what is there already.
    lab.engine.docker("restart", "--time", "5", container)
    assert lab.engine.docker("logs", container).stderr == b""


SHOW_EXECUTABLES = "for each in /proc/[0-9]*/exe; do readlink $each; done"


def test_deleted_executable_runs_on(lab: Lab) -> None:
    container = lab.make(Suspect("ghost", deleted_executable=True))
    links = lab.engine.docker("exec", container, "sh", "-c", SHOW_EXECUTABLES).stdout.decode()
    assert f"{DELETED_EXECUTABLE} (deleted)" in links.splitlines()


def test_traffic_reaches_the_sink_over_one_connection(lab: Lab) -> None:
    lab.network(Network("wire", subnet="10.99.1.0/24"))
    lab.sink("drain", "wire", "10.99.1.9", 4444)
    lab.make(Suspect("sender", networks=(Attach("wire", ipv4="10.99.1.5"),), outbound=("10.99.1.9", 4444)))
    first = lab.wait_received("drain")
    assert lab.wait_received("drain", more_than=first) > first
    lines = lab.received_data("drain").decode().splitlines()
    assert lines[:2] == ["sender connection 1 line 1", "sender connection 1 line 2"]
    assert all(" connection 1 " in line for line in lines)


def test_sender_connects_again(lab: Lab) -> None:
    lab.network(Network("wire", subnet="10.99.1.0/24"))
    lab.sink("drain", "wire", "10.99.1.9", 4444)
    lab.make(Suspect("sender", networks=(Attach("wire"),), outbound=("10.99.1.9", 4444)))
    lab.wait_received("drain")
    lab.remove("drain")
    lab.sink("drain", "wire", "10.99.1.9", 4444)
    lab.wait_received("drain")
    assert b" connection 1 " not in lab.received_data("drain")


ASK = (
    "import socket, sys; print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 60).recv(99).decode(), end='')"
)


def ask(engine: Engine, address: str, port: int) -> bytes:
    argv = engine.in_namespace([sys.executable, "-c", ASK, address, str(port)])
    return subprocess.run(argv, capture_output=True, check=False, timeout=120).stdout


def test_listener_answers_directly_and_through_a_published_port(lab: Lab) -> None:
    lab.network(Network("front", subnet="10.99.2.0/24"))
    lab.network(Network("back", subnet="10.99.3.0/24", internal=True))
    networks = (Attach("front", ipv4="10.99.2.7", aliases=("web",)), Attach("back", aliases=("inner",)))
    container = lab.make(Suspect("server", networks=networks, listener=8080, publish={18080: 8080}))
    assert ask(lab.engine, "10.99.2.7", 8080) == LISTENER_ANSWER
    assert ask(lab.engine, "127.0.0.1", 18080) == LISTENER_ANSWER
    attached = lab.engine.inspect(container)["NetworkSettings"]["Networks"]
    assert set(attached) == {"front", "back"}
    assert attached["front"]["IPAddress"] == "10.99.2.7"
    assert "inner" in attached["back"]["Aliases"]


def test_network_modes_and_ipv6(lab: Lab) -> None:
    lab.network(Network("six", subnet="10.99.4.0/24", subnet6="fd00:99::/64"))
    owner = lab.make(Suspect("owner", networks=(Attach("six", ipv6="fd00:99::7"),)))
    for name, mode in (("alone", "none"), ("exposed", "host"), ("sharer", "container:owner")):
        lab.make(Suspect(name, networks=(Attach(mode),)))
        found = lab.engine.inspect(name)["HostConfig"]["NetworkMode"]
        assert found in (mode, f"container:{owner}")
    assert lab.engine.inspect("owner")["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"] == "fd00:99::7"


def test_options_are_passed_on(lab: Lab) -> None:
    suspect = Suspect(
        "options",
        labels={"team": "red"},
        env={"TOKEN": "secret"},
        restart="on-failure:3",
        privileged=True,
        command=("sleep", "1000"),
        state="created",  # not every machine that runs tests may start a privileged one
    )
    found = lab.engine.inspect(lab.make(suspect))
    assert found["Config"]["Labels"]["team"] == "red"
    assert "TOKEN=secret" in found["Config"]["Env"]
    assert found["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert found["HostConfig"]["Privileged"]
    assert found["Config"]["Cmd"] == ["sleep", "1000"]


def ours(engine: Engine) -> dict[str, list[str]]:
    mine = f"label=irkit.lab={engine.lab_id}"
    kinds = {"container": ["--all"], "network": [], "volume": []}
    return {
        kind: engine.docker(kind, "ls", *more, "--filter", mine, "-q").stdout.decode().split()
        for kind, more in kinds.items()
    }


def test_clean_removes_everything(engine: Engine) -> None:
    with Lab(engine) as one, Lab(engine, prefix="other-") as two:
        for made in (one, two):
            made.network(Network("wire"))
            made.make(Suspect("keeper", networks=(Attach("wire"),), volumes={"store": "/data"}, state="paused"))
            made.make(Suspect("brief", auto_remove=True, restart="no"))
            engine.docker("stop", "--time", "5", made.name("brief"))
            made.remove("brief")  # also waits where the engine is at it already
        assert {kind: len(found) for kind, found in ours(engine).items()} == {"container": 2, "network": 2, "volume": 2}
        assert engine.inspect("other-keeper")["State"]["Paused"]
    assert not any(ours(engine).values())


def test_a_network_that_has_an_endpoint_yet_is_removed_all_the_same(engine: Engine) -> None:
    with Lab(engine, prefix="guest-") as guest:
        with Lab(engine) as host:
            network = host.network(Network("wire"))
            container = guest.make(Suspect("keeper"))
            engine.docker("network", "connect", network, container)
        assert engine.ask("GET", f"/networks/{network}", check=False).status == 404
        assert list(engine.inspect("guest-keeper")["NetworkSettings"]["Networks"]) == ["bridge"]


def test_images(engine: Engine) -> None:
    assert base_image(engine) == base_image(engine)
    tag = big_image(engine, mib=4, files=30)
    made = engine.docker("image", "inspect", "--format", "{{.Id}}", tag).stdout
    assert big_image(engine, mib=4, files=30) == tag
    assert engine.docker("image", "inspect", "--format", "{{.Id}}", tag).stdout == made
    with Lab(engine) as lab:
        container = lab.make(Suspect("big", image=tag, command=("true",), state="created"))
        with exported(engine, container, "/data") as archive:
            sizes = [entry.size for entry in archive if entry.name.endswith(".bin")]
    assert len(sizes) == 30
    assert 4 * 2**20 - 30 <= sum(sizes) <= 4 * 2**20


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[Engine]:
    """An engine that a test may ill-treat."""
    with start_engine() as found:
        yield found


def traces(root: Path, namespace: str) -> list[str]:
    """Whatever of an engine can still be seen."""
    left = [f"process {pid}" for pid in leftovers.daemons(root) | leftovers.proxies(namespace)]
    for pid in processes.all_pids():
        if str(root).encode() in processes.read_proc(pid, "mountinfo"):
            left.append(f"mount seen by {pid}")
    places = (root, leftovers.NETNS / namespace, leftovers.STATE / f"{namespace}.json")
    return left + [str(path) for path in places if path.exists()]


def test_freeze_restart_and_stop(spare: Engine) -> None:
    spare.freeze()
    assert not spare.ping(timeout=0.3)
    spare.thaw()
    assert spare.ping()
    lab = Lab(spare)
    again = lab.make(Suspect("again", restart="always"))
    ends = lab.make(Suspect("ends"))
    before = spare.pid()
    spare.restart()
    assert spare.pid() != before
    assert [spare.inspect(name)["State"]["Running"] for name in (again, ends)] == [True, False]
    spare.restart(kill=True)
    assert spare.inspect(again)["State"]["Running"]
    spare.docker("pause", again)
    spare.stop()
    spare.stop()
    assert traces(spare.root, spare.namespace) == []


def test_stop_after_the_engine_was_killed(spare: Engine) -> None:
    lab = Lab(spare)
    frozen = lab.make(Suspect("frozen", state="paused"))
    pid = spare.inspect(lab.make(Suspect("server", listener=80, publish={8081: 80})))["State"]["Pid"]
    assert leftovers.shim_socket(spare.root, frozen).exists()
    os.kill(spare.pid(), signal.SIGKILL)
    spare.stop()
    assert not leftovers.shim_socket(spare.root, frozen).exists()
    assert not list(leftovers.CGROUP.glob(f"*/docker/{frozen}"))
    assert not processes.alive(pid)
    assert traces(spare.root, spare.namespace) == []


def test_stop_of_a_hung_engine(spare: Engine) -> None:
    Lab(spare).make(Suspect("suspect"))
    os.kill(spare.pid(), signal.SIGSTOP)  # behind the lab's back
    spare.stop()
    assert traces(spare.root, spare.namespace) == []


OWNER = """
import sys
from tests.lab.engine import start_engine
from tests.lab.suspects import Lab, Suspect
with start_engine() as engine:
    Lab(engine).make(Suspect("orphan", state="paused"))
    print(engine.root, engine.namespace, flush=True)
    sys.stdin.read()
"""


def test_sweep_takes_what_stood_for_the_internet_beside_an_engine_too() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    name = f"irkit-lab-{ended.pid}-1-out"
    with swept_by_one():
        run([tool("ip"), "netns", "add", name])
        assert sweep() == [], "one at a time"
        assert name in sweep_now()
    assert not (leftovers.NETNS / name).exists()


def test_sweep_after_the_owner_was_killed() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", OWNER], stdin=pipe, stdout=pipe, text=True) as owner, swept_by_one():
        assert owner.stdout is not None
        root, namespace = owner.stdout.readline().split()
        assert namespace not in sweep_now()  # its owner lives
        assert traces(Path(root), namespace) != []
        owner.kill()
        owner.wait()
        assert namespace in sweep_now()
    assert traces(Path(root), namespace) == []


def test_machine_engine_keeps_what_is_not_ours(spare: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", spare.host)
    found = machine_engine()
    assert found is not None
    assert not found.own
    assert found.in_namespace(["true"]) == ["true"]
    lab = Lab(found, prefix="lab-")
    lab.network(Network("wire"))
    lab.make(Suspect("suspect", networks=(Attach("wire"),), volumes={"store": "/data"}))
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    spare.docker("import", "-", "stranger:1", input=empty.getvalue())
    stranger = spare.docker("create", "stranger:1", "/none").stdout.decode().strip()
    with pytest.raises(LabError):
        found.freeze()
    found.stop()
    assert not any(ours(found).values())
    assert spare.inspect(stranger)["State"]["Status"] == "created"
    assert not found.root.exists()


def test_exec_gives_an_engine_and_takes_it_away() -> None:
    told = "import json, os; print(json.dumps(dict(os.environ))); raise SystemExit(7)"
    argv = [sys.executable, "-m", "tests.lab", "exec", "--", sys.executable, "-c", told]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=300)
    assert done.returncode == 7, done.stderr
    env = json.loads(done.stdout)
    root = Path(env["DOCKER_HOST"].removeprefix("unix://")).parent
    assert traces(root, env["IRKIT_LAB_NAMESPACE"]) == []


def test_a_terminated_exec_leaves_nothing() -> None:
    argv = [
        sys.executable,
        "-m",
        "tests.lab",
        "exec",
        "--",
        "sh",
        "-c",
        "echo $IRKIT_LAB_ROOT $IRKIT_LAB_NAMESPACE; sleep 600",
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        root, namespace = child.stdout.readline().split()
        child.terminate()
        assert child.wait(timeout=300) == 143
    assert traces(Path(root), namespace) == []


def test_engine_can_be_adopted_but_not_stopped(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert adopted_engine() is None
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    found = adopted_engine()
    assert found is not None
    found.stop()
    assert found.ping()
    assert (found.lab_id, found.namespace, found.own) == (engine.lab_id, engine.namespace, True)


def test_a_failed_start_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    before = own_records()
    with pytest.raises(LabError, match="no-such-setting") as caught, start_engine(settings={"no-such-setting": 1}):
        pass
    assert "\n" not in str(caught.value)
    assert own_records() == before


def own_records() -> set[str]:
    """What this process has on record; engines that all tests share among it."""
    return {entry.name for entry in leftovers.STATE.iterdir() if f"-{os.getpid()}-" in entry.name}


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("precious")
    with pytest.raises(LabError, match="not empty"), start_engine(tmp_path):
        pass
    assert (tmp_path / "kept").read_text() == "precious"


def test_missing_packages_are_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "find_tool", lambda name: None)
    monkeypatch.setenv("IRKIT_LAB_INSTALL", "no")
    with pytest.raises(LabError, match=r"install docker-compose docker\.io iproute2") as caught:
        setup.ensure_packages()
    assert "\n" not in str(caught.value)


def test_missing_packages_are_installed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"apt-get": "apt-get"}
    asked: list[list[str]] = []

    def pretend(argv: list[str], **_options: object) -> None:
        asked.append(argv)
        if "docker.io" in argv:
            there.update({name: name for name, _package in (*setup.CLIENT, *setup.OWN_ENGINE, *setup.HOSTS)})

    monkeypatch.setattr(setup, "find_tool", there.get)
    monkeypatch.setattr(setup, "run", pretend)
    monkeypatch.delenv("IRKIT_LAB_INSTALL", raising=False)
    setup.ensure_packages()
    packages = ["docker-compose", "docker.io", "iproute2", "iptables", "nftables", "openssh-client", "openssh-server"]
    packages += ["perl-base", "procps", "socat", "sudo", "tcpdump", "tmux", "util-linux", "zstd"]
    assert asked == [["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *packages]]


def test_static_programs_are_told_apart() -> None:
    assert setup.is_static(setup.BUSYBOX)
    assert not setup.is_static(Path("/bin/sh"))
    assert not setup.is_static(Path("/etc/passwd"))


def test_opting_out_skips_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fixtures.OPT_OUT, "1")
    with pytest.raises(pytest.skip.Exception, match="IRKIT_NO_ENGINE"):
        fixtures.needed()


def test_ping_of_nothing(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "none.sock", tmp_path, "", own=False, lab_id="x", owner=0)
    assert not engine.ping()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(engine.socket))
        silent.listen()
        assert not engine.ping(timeout=0.1)
