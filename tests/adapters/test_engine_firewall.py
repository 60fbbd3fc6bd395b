"""The firewall on a real engine: traffic before, while it is blocked, and after; what cannot be blocked is refused."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from irkit.adapters.firewall_devices import outer_devices
from irkit.adapters.firewall_place import find_process
from irkit.adapters.firewall_rules import RESOLVER
from irkit.adapters.kernel_processes import group_folders
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import (
    AnyOperation,
    BlockTraffic,
    Connect,
    Disconnect,
    ResetConnections,
    UnblockTraffic,
)
from irkit.core.ports import Deadline, Ran
from irkit.core.proof import ProofLevel
from tests.adapters.firewall_side import (
    GATEWAY,
    NET,
    OTHER_PORT,
    PEER,
    PORT,
    SLEEPS,
    TABLE,
    LabCommands,
    apply,
    make_scene,
    pid_of,
    raw_frames,
    target_on,
    traffic_of,
)
from tests.adapters.ssh_side import deadline
from tests.lab import engine as lab_engine
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Suspect
from tests.lab.leftovers import NETNS
from tests.lab.network_sides import Echo, Way, measured, namespace_of
from tests.lab.suspects import Lab
from tests.lab.tools import tool

pytestmark = pytest.mark.engine

SHORT, MIDDLE, LONG = 1.5, 5.0, 60.0
PLACES = [pytest.param("namespace", (), id="namespace"), pytest.param("veth", ("NET_ADMIN",), id="veth")]


def rules_in(lab: Lab, pid: int | None = None) -> str:
    """All rules of a process's network namespace, or of the host's."""
    argv = [tool("nft"), "list", "ruleset"]
    enter = [tool("nsenter"), "-t", str(pid), "-n", *argv] if pid else lab.engine.in_namespace(argv)
    return subprocess.run(enter, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize(("where", "capabilities"), PLACES)
def test_all_traffic_stops_both_ways_and_goes_on_after_unblocking(
    lab: Lab, where: str, capabilities: tuple[str, ...]
) -> None:
    scene = make_scene(lab, capabilities=capabilities)
    target = target_on(lab.engine)
    with traffic_of(lab, scene) as traffic:
        before = traffic.passing(LONG)
        assert before == traffic.ways.keys()
        block = BlockTraffic(scene.victim, scene.table, where)  # type: ignore[arg-type]
        outcome = apply(target, block)
        assert outcome.proof and outcome.proof.level is ProofLevel.PROVEN
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        lab.engine.docker("pause", scene.victim)
        apply(target, block)  # again, and while it is paused: its own table is replaced
        lab.engine.docker("unpause", scene.victim)
        assert rules_in(lab, scene.pid if where == "namespace" else None).count(f"netdev {scene.table}") == 1
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        (unblock,) = block.undo(target.examine(scene.victim, deadline()))
        assert apply(target, unblock).detail == ""
        assert traffic.passing(LONG) == before
        assert apply(target, unblock).detail == "the rules were gone already"
    assert "irkit" not in rules_in(lab, scene.pid) + rules_in(lab)


@pytest.mark.parametrize(("where", "capabilities"), PLACES)
def test_what_is_allowed_passes_and_nothing_else(lab: Lab, where: str, capabilities: tuple[str, ...]) -> None:
    scene = make_scene(lab, capabilities=capabilities)
    target = target_on(lab.engine)
    with traffic_of(lab, scene) as traffic:
        assert traffic.passing(LONG) == traffic.ways.keys()
        apply(target, BlockTraffic(scene.victim, scene.table, where, (f"{PEER}:{PORT}/tcp",)))  # type: ignore[arg-type]
        tcp = {"established out", "established in", "out", "in", "within"}
        assert traffic.passing(MIDDLE, tcp) == tcp
        allow = (f"{PEER}/32", "[fd00:77:1::/64]:7001/tcp")
        apply(target, BlockTraffic(scene.victim, scene.table, where, allow))  # type: ignore[arg-type]
        wanted = tcp | {"out other port", "out udp", "in udp", "out v6", "in v6"}
        assert traffic.passing(MIDDLE, wanted) == wanted
        apply(target, UnblockTraffic(scene.victim, scene.table, where))  # type: ignore[arg-type]


def test_rules_in_the_namespace_outlive_a_reconnect_and_stop_raw_frames(lab: Lab) -> None:
    scene = make_scene(lab)
    target = target_on(lab.engine)
    with traffic_of(lab, scene) as traffic, raw_frames(scene.pid, pid_of(lab.engine, scene.peer)) as is_heard:
        assert is_heard()
        apply(target, BlockTraffic(scene.victim, scene.table))
        assert not is_heard()
        place = target.examine(scene.victim, deadline()).attachments[0]
        apply(target, Disconnect(scene.victim, place.network))
        apply(target, Connect(scene.victim, place))
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        apply(target, UnblockTraffic(scene.victim, scene.table))
        assert traffic.passing(LONG) == traffic.ways.keys()


def test_a_container_on_the_hosts_network_is_cut_by_its_control_group_and_the_host_is_not(lab: Lab) -> None:
    lab.network(NET)
    peer = lab.make(Suspect("peer", (Attach(NET.name, ipv4=PEER),), command=SLEEPS))
    serves = ("sh", "-c", "nc -ll -p 7005 -e cat & sleep 3000")
    hostly = lab.make(Suspect("hostly", (Attach("host"),), command=serves))
    target = target_on(lab.engine)
    host = NETNS / lab.engine.namespace
    echo = Echo(namespace_of(pid_of(lab.engine, peer)), PORT)
    local = Echo(host, OTHER_PORT)
    table = TABLE + hostly[:12]
    ways = {
        "in": Way(host, "127.0.0.1", 7005),
        "established in": Way(host, GATEWAY, 7005),
        "host": Way(host, PEER, PORT),
    }

    def says(address: str, port: int) -> bool:
        argv = ["exec", "-i", hostly, "timeout", "2", "nc", address, str(port)]
        return b"hello" in lab.engine.docker(*argv, input=b"hello\n", check=False).stdout

    def hears(address: str, port: int) -> bool:
        return wait_until(lambda: says(address, port))

    with measured(ways, [echo, local]) as traffic, standing(lab, hostly, PEER, PORT) as is_up:
        assert traffic.passing(LONG) == ways.keys() and hears(PEER, PORT) and hears("127.0.0.1", OTHER_PORT)
        assert is_up(LONG)
        outcome = apply(target, BlockTraffic(hostly, table, "cgroup"))
        assert outcome.proof and "NET_RAW" in outcome.proof.because
        assert traffic.passing(SHORT, {"host"}) == {"host"}
        assert not says(PEER, PORT) and not says("127.0.0.1", OTHER_PORT)
        assert not is_up(1)
        apply(target, BlockTraffic(hostly, table, "cgroup", (f"{PEER}:{PORT}/tcp",)))
        assert hears(PEER, PORT) and not says("127.0.0.1", OTHER_PORT)
        allowed = BlockTraffic(hostly, table, "cgroup", (f"{PEER}:{PORT}/tcp",))
        assert target.check_rules(allowed, target.examine(hostly, deadline()), deadline()) == ""
        nft(lab, None, "delete", "table", "inet", table)
        assert "is not there" in str(target.check_rules(allowed, target.examine(hostly, deadline()), deadline()))
        apply(target, allowed)
        apply(target, UnblockTraffic(hostly, table, "cgroup"))
        assert traffic.passing(LONG) == ways.keys() and hears("127.0.0.1", OTHER_PORT) and is_up(LONG)
    assert "irkit" not in rules_in(lab)


@contextmanager
def standing(lab: Lab, container: str, address: str, port: int) -> Iterator[Callable[[float], bool]]:
    """A connection that a process of the container keeps; tells whether what it says comes back in so many seconds."""
    argv = lab.engine.docker_argv("exec", "-i", container, "nc", address, str(port))
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=lab.engine.docker_environment())
    assert process.stdin and process.stdout
    os.set_blocking(process.stdout.fileno(), False)
    heard = b""

    def is_up(seconds: float) -> bool:
        nonlocal heard
        assert process.stdin and process.stdout
        word = os.urandom(8).hex().encode()
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        end = time.monotonic() + seconds
        while word not in heard and time.monotonic() < end:
            heard += process.stdout.read() or b""
            time.sleep(0.05)
        return word in heard

    try:
        yield is_up
    finally:
        process.kill()
        process.communicate()


def test_at_a_bridge_the_host_may_connect_and_the_container_may_not(lab: Lab) -> None:
    scene = make_scene(lab)
    target = target_on(lab.engine)
    device = "br-" + lab.engine.docker("network", "inspect", "-f", "{{.Id}}", NET.name).stdout.decode()[:12]
    with traffic_of(lab, scene) as traffic:
        apply(target, BlockTraffic(scene.victim, scene.table, "bridge", device=device))
        passing = traffic.passing(SHORT, {"established from host", "from host", "published port"})
        assert not passing & {"to host", "to host udp"}
        assert passing >= {"established from host", "from host", "published port"}
        apply(target, UnblockTraffic(scene.victim, scene.table, "bridge", device=device))
        assert traffic.passing(LONG) == traffic.ways.keys()


def test_a_bridge_that_is_not_where_commands_run_is_no_place_for_rules(lab: Lab) -> None:
    """An engine may be in another network namespace than irkit: rules for a name alone would cut nothing there."""
    victim = lab.make(Suspect("victim", command=SLEEPS))
    error = refusal(lab, BlockTraffic(victim, TABLE + victim[:12], "bridge", device="irk0123456789ab"))
    assert error.reason == "NOT isolated: bridge irk0123456789ab is not on the network that commands of the host run in"
    assert "irkit" not in rules_in(lab)


def refusal(lab: Lab, operation: AnyOperation) -> TargetError:
    with pytest.raises(TargetError) as caught:
        apply(target_on(lab.engine), operation)
    return caught.value


def test_what_could_take_rules_away_or_has_no_end_on_the_host_is_refused_and_nothing_is_left(lab: Lab) -> None:
    mighty = lab.make(Suspect("mighty", command=SLEEPS, capabilities=("NET_ADMIN",)))
    hostly = lab.make(Suspect("hostly", (Attach("host"),), command=SLEEPS))
    king = lab.make(Suspect("king", (Attach("host"),), command=SLEEPS, capabilities=("NET_ADMIN",)))
    ended = lab.make(Suspect("ended", command=SLEEPS, state="created"))
    for container, where, reason in (
        (mighty, "namespace", "it has NET_ADMIN, so the rules could be taken away"),
        (hostly, "namespace", "rules in its network namespace would cut off the host"),
        (hostly, "veth", "rules in its network namespace would cut off the host"),
        (mighty, "cgroup", "it is not on the network that commands of the host run in"),
        (king, "cgroup", "it could take any rule away"),
        (ended, "namespace", "it does not run"),
    ):
        error = refusal(lab, BlockTraffic(container, TABLE + container[:12], where))  # type: ignore[arg-type]
        assert error.reason.startswith("NOT isolated: ") and reason in error.reason
    assert "connections cannot be told from the host's" in refusal(lab, ResetConnections(hostly)).reason
    assert apply(target_on(lab.engine), UnblockTraffic(ended, TABLE + ended[:12])).detail.startswith("it is created")
    assert "irkit" not in rules_in(lab)


@pytest.mark.parametrize("kind", ["veth", "tun"])
def test_an_interface_without_an_end_on_the_host_keeps_none_of_the_others_from_being_cut(lab: Lab, kind: str) -> None:
    scene = make_scene(lab, capabilities=("NET_ADMIN",))
    inner = ["nsenter", "-t", str(scene.pid), "-n", "ip"]
    if kind == "veth":  # as an overlay network has them
        peer = ["peer", "name", "far1", "netns", str(pid_of(lab.engine, scene.peer))]
        pair = ["ip", "link", "add", "far0", "netns", str(scene.pid), "type", "veth", *peer]
        subprocess.run(lab.engine.in_namespace(pair), check=True)
    else:  # as a VPN makes it
        subprocess.run([*inner, "tuntap", "add", "dev", "far0", "mode", "tun"], check=True)
    with traffic_of(lab, scene) as traffic:
        assert traffic.passing(LONG) == traffic.ways.keys()
        error = refusal(lab, BlockTraffic(scene.victim, scene.table, "veth"))
        assert error.reason.startswith(f"NOT isolated: interface far0 ({kind}) has no end of its own on the host")
        assert not error.is_final  # so that what was put in is taken back
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        apply(target_on(lab.engine), UnblockTraffic(scene.victim, scene.table, "veth"))
        assert traffic.passing(LONG) == traffic.ways.keys()


def sharer(lab: Lab, scene_prefix: str, *capabilities: str) -> str:
    place = (Attach(f"container:{scene_prefix}victim"),)
    return lab.make(Suspect("sidecar", place, command=SLEEPS, capabilities=capabilities))


def test_rules_that_a_container_sharing_the_namespace_could_take_away_are_refused(lab: Lab) -> None:
    scene = make_scene(lab)
    sidecar = sharer(lab, "", "NET_ADMIN")
    error = refusal(lab, BlockTraffic(scene.victim, scene.table))
    said = f"container {sidecar[:12]}, which shares its network, has NET_ADMIN, so the rules could be taken away"
    assert error.reason == f"NOT isolated: {said}: use where: host" and error.is_final
    assert "irkit" not in rules_in(lab, scene.pid) + rules_in(lab)
    apply(target_on(lab.engine), BlockTraffic(scene.victim, scene.table, "veth"))
    apply(target_on(lab.engine), UnblockTraffic(scene.victim, scene.table, "veth"))


def test_a_process_that_was_let_in_with_more_than_its_container_counts(lab: Lab) -> None:
    """As by `docker exec --privileged`: the first process and the engine's facts tell of none of it."""
    scene = make_scene(lab)
    groups = Path(f"/proc/{scene.pid}/cgroup").read_text()
    folder = next(one for one in group_folders(groups, scene.victim) if Path(one).is_dir())
    with subprocess.Popen([tool("nsenter"), "-t", str(scene.pid), "-n", *SLEEPS]) as mighty:
        try:
            (Path(folder) / "cgroup.procs").write_text(str(mighty.pid))
            error = refusal(lab, BlockTraffic(scene.victim, scene.table))
        finally:
            mighty.kill()
    assert error.reason.startswith("NOT isolated: it has NET_ADMIN, so the rules could be taken away")


@pytest.mark.parametrize("forged", ["CapBnd:", "CapBnd:\\t0", "CapPrm:"])
def test_a_program_cannot_forge_what_its_process_may_do_by_its_name(lab: Lab, forged: str) -> None:
    name = f"N=$(printf '/q\\r{forged}')"
    script = f"""{name}; printf '#!/bin/sh\\nsleep 1000\\n' >"$N"; chmod +x "$N"; exec "$N\""""
    victim = lab.make(Suspect("victim", command=("sh", "-c", script)))
    pid, end = pid_of(lab.engine, victim), time.monotonic() + LONG
    while b"\r" not in (comm := Path(f"/proc/{pid}/comm").read_bytes()) and time.monotonic() < end:
        time.sleep(0.05)
    assert comm.startswith(b"q\rCap")
    process = find_process(LabCommands(lab.engine), victim, pid, deadline())
    assert process.capabilities >> 13 & 1 and not process.capabilities >> 12 & 1
    outcome = apply(target_on(lab.engine), BlockTraffic(victim, TABLE + victim[:12]))
    assert outcome.proof and outcome.proof.level is ProofLevel.PROVEN


def test_what_a_container_sends_by_itself_is_dropped_whatever_its_first_process_says_it_may(lab: Lab) -> None:
    scene = make_scene(lab)
    find = find_process(LabCommands(lab.engine), scene.victim, scene.pid, deadline())
    with raw_frames(scene.pid, pid_of(lab.engine, scene.peer)) as is_heard:
        target = target_on(lab.engine, Meek(lab.engine))
        outcome = apply(target, BlockTraffic(scene.victim, scene.table))
        assert outcome.proof and outcome.proof.level is ProofLevel.PROVEN
        assert not is_heard()
        apply(target, UnblockTraffic(scene.victim, scene.table))
        assert is_heard() and find.capabilities


class Meek(LabCommands):
    """A host on which no process tells of a capability, as one does that gave them up for its children."""

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        ran = super().run(argv, deadline, input=input)
        return Ran(ran.status, re.sub(r"(Cap...:\t)[0-9a-f]+", r"\g<1>0", ran.out), ran.err)


def test_filters_that_come_before_the_rules_leave_nothing_proven(lab: Lab) -> None:
    """As the datapath of Cilium has them: they may send packets on to where no rule is."""
    scene = make_scene(lab, capabilities=("NET_ADMIN",))
    target = target_on(lab.engine)
    commands = LabCommands(lab.engine)
    process = find_process(commands, scene.victim, scene.pid, deadline())
    (device,) = outer_devices(commands, process, deadline()).names
    tc = ["tc", "filter", "add", "dev", device, "ingress"]
    subprocess.run(lab.engine.in_namespace(["tc", "qdisc", "add", "dev", device, "clsact"]), check=True)
    subprocess.run(lab.engine.in_namespace([*tc, "bpf", "bytecode", "1,6 0 0 4294967295"]), check=True)
    outcome = apply(target, BlockTraffic(scene.victim, scene.table, "veth"))
    assert outcome.proof and outcome.proof.level is ProofLevel.ASSERTED
    assert f"a filter of tc (bpf) at {device} may pass its traffic on" in outcome.proof.because
    apply(target, UnblockTraffic(scene.victim, scene.table, "veth"))


@pytest.mark.parametrize(
    "operation",
    [
        BlockTraffic("", "irkit_01234567_ab; flush ruleset"),
        BlockTraffic("", "filter", "veth"),
        BlockTraffic("", TABLE + "ab" * 6, "bridge", device='x" drop; #'),
        BlockTraffic("", TABLE + "ab" * 6, allow=("10.0.0.0/8; drop",)),
        UnblockTraffic("", "nat", "veth"),
        UnblockTraffic("", "filter"),
    ],
)
def test_words_that_are_not_irkits_own_never_become_rules(lab: Lab, operation: AnyOperation) -> None:
    victim = lab.make(Suspect("victim", command=SLEEPS))
    with pytest.raises(TargetError) as caught:
        apply(target_on(lab.engine), msgspec.structs.replace(operation, container=victim))
    assert caught.value.kind is Refusal.UNSUPPORTED
    assert "irkit" not in rules_in(lab)


def test_connections_are_ended_so_that_none_goes_on_and_those_within_stay(lab: Lab) -> None:
    scene = make_scene(lab)
    target = target_on(lab.engine)
    with traffic_of(lab, scene) as traffic:
        within = Way(namespace_of(scene.pid), "127.0.0.1", PORT).open()
        apply(target, BlockTraffic(scene.victim, scene.table))
        outcome = apply(target, ResetConnections(scene.victim))
        assert outcome.proof and outcome.proof.level is ProofLevel.PROVEN and outcome.detail.endswith(" ended")
        apply(target, UnblockTraffic(scene.victim, scene.table))
        wanted = {name for name in traffic.ways if not name.startswith("established")}
        assert traffic.passing(MIDDLE, wanted) == wanted
        assert within.passes(LONG)
        within.close()
    assert apply(target, ResetConnections(scene.victim)).detail == "0 ended"


def test_rules_of_a_container_that_was_started_anew_are_gone_and_told_so(lab: Lab) -> None:
    victim = lab.make(Suspect("victim", command=SLEEPS))
    target, table = target_on(lab.engine), TABLE + victim[:12]
    apply(target, BlockTraffic(victim, table))
    lab.engine.docker("restart", "-t", "0", victim)
    assert apply(target, UnblockTraffic(victim, table)).detail == "the rules were gone already"


def test_another_process_that_got_the_number_is_not_touched(lab: Lab) -> None:
    victim = lab.make(Suspect("victim", command=SLEEPS))
    peer = lab.make(Suspect("peer", command=SLEEPS))
    with pytest.raises(TargetError) as caught:
        find_process(LabCommands(lab.engine), victim, pid_of(lab.engine, peer), deadline())
    assert "is not container" in caught.value.reason
    with pytest.raises(TargetError, match="it does not run"):
        find_process(LabCommands(lab.engine), victim, 0, deadline())


def test_interfaces_that_a_container_makes_for_itself_keep_nobody_from_cutting_it_off(lab: Lab) -> None:
    scene = make_scene(lab, capabilities=("NET_ADMIN",))
    inside = ["nsenter", "-t", str(scene.pid), "-n", "ip", "link", "add"]
    for words in (["name", "br9", "type", "bridge"], ["one", "type", "veth", "peer", "name", "other"]):
        subprocess.run([*inside, *words], check=True)
    with traffic_of(lab, scene) as traffic:
        apply(target_on(lab.engine), BlockTraffic(scene.victim, scene.table, "veth"))
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        apply(target_on(lab.engine), UnblockTraffic(scene.victim, scene.table, "veth"))


def test_a_host_with_control_groups_of_version_2_alone_is_no_different(monkeypatch: pytest.MonkeyPatch) -> None:
    mount = "mount -t cgroup2 none /sys/fs/cgroup; "
    monkeypatch.setattr(lab_engine, "OWN_SETTINGS", mount + lab_engine.OWN_SETTINGS)
    with lab_engine.start_engine() as engine, Lab(engine) as lab:
        assert engine.docker("info", "-f", "{{.CgroupVersion}}").stdout == b"2\n"
        hostly = lab.make(Suspect("hostly", (Attach("host"),), command=SLEEPS))
        commands = LabCommands(engine, ("nsenter", "-t", str(engine.pid()), "-m", "-n"))
        target = target_on(engine, commands)
        echo = Echo(NETNS / engine.namespace, PORT)
        with measured({}, [echo]), standing(lab, hostly, "127.0.0.1", PORT) as is_up:
            assert is_up(LONG)
            apply(target, BlockTraffic(hostly, TABLE + hostly[:12], "cgroup"))
            assert not is_up(1)
            apply(target, UnblockTraffic(hostly, TABLE + hostly[:12], "cgroup"))
            assert is_up(LONG)


class Failing(LabCommands):
    """Commands of which one is refused, from a certain one on."""

    def __init__(self, engine: lab_engine.Engine, words: tuple[str, ...]) -> None:
        super().__init__(engine)
        self.words = words

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        if set(self.words) <= set(argv):
            raise TargetError("root is had by sudo only, and sudo does not allow it", Refusal.UNSUPPORTED)
        return super().run(argv, deadline, input=input)


@pytest.mark.parametrize(("words", "is_done"), [(("-f",), False), (("list",), True)])
def test_nothing_is_called_undone_once_rules_are_in(lab: Lab, words: tuple[str, ...], is_done: bool) -> None:
    victim = lab.make(Suspect("victim", command=SLEEPS))
    pid, table = pid_of(lab.engine, victim), TABLE + victim[:12]
    with pytest.raises(TargetError, match="NOT isolated: root is had by sudo only") as caught:
        apply(target_on(lab.engine, Failing(lab.engine, words)), BlockTraffic(victim, table))
    assert caught.value.is_final is not is_done
    assert (table in rules_in(lab, pid)) is is_done
    apply(target_on(lab.engine), UnblockTraffic(victim, table))
    assert table not in rules_in(lab, pid)


def test_names_are_not_resolved_by_the_engine_either_unless_that_is_allowed(lab: Lab) -> None:
    scene = make_scene(lab)
    target = target_on(lab.engine)

    def is_resolved() -> bool:
        argv = ("exec", scene.victim, "timeout", "3", "nslookup", "peer", RESOLVER)
        return PEER in lab.engine.docker(*argv, check=False).stdout.decode()

    assert wait_until(is_resolved)
    apply(target, BlockTraffic(scene.victim, scene.table))
    assert not is_resolved()
    apply(target, BlockTraffic(scene.victim, scene.table, allow=(f"{RESOLVER}:53/udp",)))
    assert wait_until(is_resolved)
    apply(target, UnblockTraffic(scene.victim, scene.table))


def nft(lab: Lab, pid: int | None, *words: str) -> None:
    """A command of somebody else, in a process's network namespace or the host's."""
    argv = [tool("nft"), *words]
    enter = [tool("nsenter"), "-t", str(pid), "-n", *argv] if pid else lab.engine.in_namespace(argv)
    subprocess.run(enter, capture_output=True, check=True)


@pytest.mark.parametrize(("where", "capabilities"), PLACES)
def test_rules_that_were_put_in_can_be_looked_at_again(lab: Lab, where: str, capabilities: tuple[str, ...]) -> None:
    scene = make_scene(lab, capabilities=capabilities)
    commands = LabCommands(lab.engine)
    target = target_on(lab.engine, commands)
    block = BlockTraffic(scene.victim, scene.table, where)  # type: ignore[arg-type]
    pid = scene.pid if where == "namespace" else None

    def check() -> str | None:
        return target.check_rules(block, target.examine(scene.victim, deadline()), deadline())

    assert check() is None, "it has put nothing in yet"
    apply(target, block)
    asked = len(commands.asked)
    assert check() == "" and len(commands.asked) == asked + 1, "one command is enough"
    nft(lab, pid, "add", "chain", "netdev", scene.table, "more")
    assert "has other chains" in str(check())
    apply(target, block)
    nft(lab, pid, "flush", "table", "netdev", scene.table)
    assert "is not as it was given" in str(check())
    apply(target, block)
    nft(lab, pid, "delete", "table", "netdev", scene.table)
    assert f"table netdev {scene.table} is not there" in str(check())
    apply(target, block)
    assert check() == ""
    nft(lab, pid, "delete", "table", "netdev", scene.table)
    lab.engine.docker("network", "disconnect", NET.name, scene.victim)
    assert check() == "", "what was for its interfaces only is not missed where they are gone"
    apply(target, UnblockTraffic(scene.victim, scene.table, where))  # type: ignore[arg-type]
    assert check() is None
