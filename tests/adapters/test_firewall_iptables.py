"""The firewall on a host without nft: traffic before, blocked and after, by iptables and ebtables of either kind."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import BlockTraffic, UnblockTraffic
from irkit.core.proof import ProofLevel
from tests.adapters.firewall_side import (
    LEGACY,
    NET,
    PEER,
    PORT,
    SLEEPS,
    TABLE,
    LabCommands,
    Scene,
    apply,
    host_without,
    make_scene,
    pid_of,
    raw_frames,
    target_on,
    traffic_of,
)
from tests.adapters.ssh_side import deadline
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SHORT, MIDDLE, LONG = 1.5, 5.0, 60.0
BROKEN_NFT = {"nft": 'echo "netlink: Error: cache initialization failed: Protocol not supported" >&2; exit 1'}
BROKEN_PLAIN = dict.fromkeys(LEGACY, "echo no such table >&2; exit 1")
HOSTS = [
    pytest.param(("nft",), {}, id="without nft"),
    pytest.param(("nft",), LEGACY, id="with the old iptables"),
    pytest.param((), {**BROKEN_NFT, **BROKEN_PLAIN}, id="with a kernel that knows neither nft nor its iptables"),
]


class Host:
    """An engine's host as commands find it without some programs, and what it has by then."""

    def __init__(self, lab: Lab, folder: Path, *hidden: str, scripts: dict[str, str] | None = None) -> None:
        entry = host_without(folder, *hidden, scripts=scripts)
        self.lab = lab
        self.commands = LabCommands(lab.engine, (*lab.engine.in_namespace([]), *entry))
        self.target = target_on(lab.engine, self.commands)

    def lists(self, *argv: str, pid: int = 0) -> str:
        """What a command lists, in a process's network namespace or the host's."""
        within = ("nsenter", "-t", str(pid), "-n") if pid else ()
        return LabCommands(self.lab.engine).run((*within, *argv), deadline()).out

    def left(self, pid: int) -> str:
        """All rules of irkit's that there are."""
        all_kinds = [f"{name}-{kind}-save" for name in ("iptables", "ip6tables") for kind in ("legacy", "nft")]
        listed = [self.lists(one, pid=where) for one in all_kinds for where in (pid, 0)]
        listed += [
            self.lists("ebtables-save"),
            *(self.lists("nft", "list", "ruleset", pid=where) for where in (pid, 0)),
        ]
        return "".join(line for text in listed for line in text.splitlines() if "irkit" in line)

    def check(self, block: BlockTraffic) -> str | None:
        """What is missing of the rules."""
        return self.target.check_rules(block, self.target.examine(block.container, deadline()), deadline())


def block_of(scene: Scene, where: str, allow: Sequence[str] = ()) -> BlockTraffic:
    return BlockTraffic(scene.victim, scene.table, where, tuple(allow))  # type: ignore[arg-type]


@pytest.mark.parametrize(("hidden", "scripts"), HOSTS)
def test_all_traffic_stops_both_ways_by_iptables_and_goes_on_after_unblocking(
    lab: Lab, tmp_path: Path, hidden: tuple[str, ...], scripts: dict[str, str]
) -> None:
    scene = make_scene(lab)
    host = Host(lab, tmp_path, *hidden, scripts=scripts)
    block = block_of(scene, "namespace")
    with traffic_of(lab, scene) as traffic:
        before = traffic.passing(LONG)
        assert before == traffic.ways.keys()
        outcome = apply(host.target, block)
        assert outcome.detail.startswith("by iptables: ") and "nft" in outcome.detail
        assert outcome.proof and outcome.proof.level is ProofLevel.ASSERTED
        assert "it has NET_RAW: frames of its own making pass" in outcome.proof.because
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        apply(host.target, block)
        kind = "legacy" if scripts else "nft"
        assert host.lists(f"iptables-{kind}-save", pid=scene.pid).count(f"-j {scene.table}O") == 1
        assert traffic.passing(SHORT, {"within"}) == {"within"} and host.check(block) == ""
        (unblock,) = block.undo(host.target.examine(scene.victim, deadline()))
        later = Host(lab, tmp_path / "later", *hidden, scripts=scripts).target  # one that knows of nothing
        outcome = apply(later, unblock)
        assert outcome.detail == "" and outcome.proof and outcome.proof.because.startswith("iptables lists none")
        assert traffic.passing(LONG) == before
        assert apply(later, unblock).detail == "the rules were gone already"
    assert host.left(scene.pid) == ""


def test_a_container_that_may_make_no_frames_is_proven_to_be_cut_off(lab: Lab, tmp_path: Path) -> None:
    lab.network(NET)
    place = (Attach(NET.name),)
    victim = lab.make(Suspect("victim", place, command=SLEEPS, dropped=("NET_RAW",)))
    host = Host(lab, tmp_path, "nft")
    outcome = apply(host.target, BlockTraffic(victim, TABLE + victim[:12]))
    assert outcome.proof and outcome.proof.level is ProofLevel.PROVEN
    assert outcome.proof.because == "the rules of iptables stand in its network namespace"
    apply(host.target, UnblockTraffic(victim, TABLE + victim[:12]))
    assert host.left(pid_of(lab.engine, victim)) == ""


def test_what_is_allowed_passes_iptables_and_nothing_else(lab: Lab, tmp_path: Path) -> None:
    scene = make_scene(lab)
    host = Host(lab, tmp_path, "nft", scripts=LEGACY)
    with traffic_of(lab, scene) as traffic:
        assert traffic.passing(LONG) == traffic.ways.keys()
        apply(host.target, block_of(scene, "namespace", [f"{PEER}:{PORT}/tcp"]))
        tcp = {"established out", "established in", "out", "in", "within"}
        assert traffic.passing(MIDDLE, tcp) == tcp
        apply(host.target, block_of(scene, "namespace", [f"{PEER}/32", "[fd00:77:1::/64]:7001/tcp"]))
        wanted = tcp | {"out other port", "out udp", "in udp", "out v6", "in v6"}
        assert traffic.passing(MIDDLE, wanted) == wanted
        apply(host.target, UnblockTraffic(scene.victim, scene.table))


def test_names_are_not_resolved_by_the_engine_either_unless_that_is_allowed(lab: Lab, tmp_path: Path) -> None:
    scene = make_scene(lab)
    host = Host(lab, tmp_path, "nft")

    def is_resolved() -> bool:
        argv = ("exec", scene.victim, "timeout", "3", "nslookup", "peer", "127.0.0.11")
        return PEER in lab.engine.docker(*argv, check=False).stdout.decode()

    assert wait_until(is_resolved)
    apply(host.target, block_of(scene, "namespace"))
    assert not is_resolved()
    apply(host.target, block_of(scene, "namespace", ["127.0.0.11:53/udp"]))
    assert wait_until(is_resolved)
    apply(host.target, UnblockTraffic(scene.victim, scene.table))


def test_at_the_hosts_ends_ebtables_cuts_frames_of_every_kind(lab: Lab, tmp_path: Path) -> None:
    scene = make_scene(lab, capabilities=("NET_ADMIN",))
    host = Host(lab, tmp_path, "nft")
    block = block_of(scene, "veth")
    with traffic_of(lab, scene) as traffic:
        assert traffic.passing(LONG) == traffic.ways.keys()
        outcome = apply(host.target, block)
        assert outcome.proof and outcome.proof.level is ProofLevel.PROVEN and outcome.detail.startswith("by ebtables: ")
        assert traffic.passing(SHORT, {"within"}) == {"within"} and host.check(block) == ""
        argv = ("exec", scene.victim, "arping", "-c", "1", "-w", "1", "-I", "eth0", PEER)
        assert b"Received 0 " in lab.engine.docker(*argv, check=False).stdout
        apply(host.target, block_of(scene, "veth", [f"{PEER}/32", f"[fd00:77:1::/64]:{PORT}/udp"]))
        passing = {"established out", "established in", "out", "in", "out other port", "out udp", "in udp", "within"}
        assert traffic.passing(MIDDLE, passing) == passing
        apply(host.target, UnblockTraffic(scene.victim, scene.table, "veth"))
        assert traffic.passing(LONG) == traffic.ways.keys()
    assert host.left(scene.pid) == ""


def test_frames_made_by_hand_pass_iptables_and_not_ebtables(lab: Lab, tmp_path: Path) -> None:
    """Which is why the first is asserted of who may make them, and the second proven."""
    scene = make_scene(lab)
    target = Host(lab, tmp_path, "nft").target
    with raw_frames(scene.pid, pid_of(lab.engine, scene.peer)) as is_heard:
        for where, is_proven in (("namespace", False), ("veth", True)):
            assert is_heard()
            outcome = apply(target, block_of(scene, where))
            assert outcome.proof and (outcome.proof.level is ProofLevel.PROVEN) is is_proven
            assert is_heard() is not is_proven
            apply(target, block_of(scene, where).undo(target.examine(scene.victim, deadline()))[0])


def test_at_a_bridge_iptables_lets_the_host_connect_and_not_the_container(lab: Lab, tmp_path: Path) -> None:
    scene = make_scene(lab)
    host = Host(lab, tmp_path, "nft")
    device = "br-" + lab.engine.docker("network", "inspect", "-f", "{{.Id}}", NET.name).stdout.decode()[:12]
    block = BlockTraffic(scene.victim, scene.table, "bridge", device=device)
    with traffic_of(lab, scene) as traffic:
        assert traffic.passing(LONG) == traffic.ways.keys()
        apply(host.target, block)
        passing = traffic.passing(SHORT, {"established from host", "from host", "published port"})
        assert not passing & {"to host", "to host udp"}
        assert passing >= {"established from host", "from host", "published port"}
        assert host.check(block) == ""
        apply(host.target, UnblockTraffic(scene.victim, scene.table, "bridge", device=device))
        assert traffic.passing(LONG) == traffic.ways.keys()
    assert host.left(scene.pid) == ""


def refusal(host: Host, operation: BlockTraffic) -> TargetError:
    with pytest.raises(TargetError) as caught:
        apply(host.target, operation)
    assert caught.value.reason.startswith("NOT isolated: ")
    return caught.value


def test_what_iptables_could_do_by_half_only_is_refused_and_nothing_is_left(lab: Lab, tmp_path: Path) -> None:
    scene = make_scene(lab, capabilities=("NET_ADMIN",))
    hostly = lab.make(Suspect("hostly", (Attach("host"),), command=SLEEPS))
    place = (Attach(NET.name),)
    plain = lab.make(Suspect("plain", place, command=SLEEPS))
    host = Host(lab, tmp_path / "a", "nft")
    bare = Host(lab, tmp_path / "b", "nft", "ebtables", "ebtables-save", "ebtables-nft-save")
    old = Host(lab, tmp_path / "c", "nft", "ip6tables-save", "ip6tables-legacy-save", "ip6tables-nft-save")
    none = Host(lab, tmp_path / "d", "nft", "iptables-save", "iptables-legacy-save", "iptables-nft-save")
    for at, operation, reason in (
        (host, BlockTraffic(hostly, TABLE + hostly[:12], "cgroup"), "iptables does not know whose socket"),
        (host, block_of(scene, "veth", [f"{PEER}:{PORT}/tcp"]), "ebtables cannot tell answers of 10.77.1.20/32 from"),
        (bare, block_of(scene, "veth"), "there is no ebtables-nft on the host, and iptables lets other frames"),
        (old, BlockTraffic(plain, TABLE + plain[:12]), "there is no ip6tables on the host, and it has IPv6"),
    ):
        error = refusal(at, operation)
        assert f"there is no nft on the host, and {reason}" in error.reason and error.is_final
    missing = refusal(none, BlockTraffic(plain, TABLE + plain[:12]))
    assert missing.reason.endswith("there is no iptables on the host") and not missing.is_final  # those of IPv6 are in
    assert "-j" in host.lists("ip6tables-save", pid=pid_of(lab.engine, plain))
    apply(none.target, UnblockTraffic(plain, TABLE + plain[:12]))
    assert host.left(scene.pid) + host.left(pid_of(lab.engine, plain)) == ""


def test_a_host_without_ip6tables_does_where_the_container_has_no_ipv6(lab: Lab, tmp_path: Path) -> None:
    victim = lab.make(Suspect("victim", command=SLEEPS))
    host = Host(lab, tmp_path, "nft", "ip6tables-save", "ip6tables-legacy-save", "ip6tables-nft-save")
    block = BlockTraffic(victim, TABLE + victim[:12])
    outcome = apply(host.target, block)
    assert outcome.proof and "stand in its network namespace; it has no IPv6" in outcome.proof.because
    assert host.check(block) == ""
    pid = pid_of(lab.engine, victim)
    host.lists("sysctl", "-w", "net.ipv6.conf.lo.disable_ipv6=0", pid=pid)
    assert host.check(block) == "it has IPv6 by now, and no rules for that"
    apply(host.target, UnblockTraffic(victim, TABLE + victim[:12]))
    assert host.left(pid) == ""


def test_an_interface_that_is_no_port_of_a_bridge_is_not_said_to_be_cut_by_ebtables(lab: Lab, tmp_path: Path) -> None:
    scene = make_scene(lab, capabilities=("NET_ADMIN",))
    host = Host(lab, tmp_path, "nft")
    host.lists("ip", "link", "add", "far9", "type", "veth", "peer", "name", "far0", "netns", str(scene.pid))
    try:
        error = refusal(host, block_of(scene, "veth"))
        assert "ebtables cuts nothing at far9 (veth): that is no port of a bridge" in error.reason
        assert not error.is_final
    finally:
        apply(host.target, UnblockTraffic(scene.victim, scene.table, "veth"))
        host.lists("ip", "link", "del", "far9")
    assert host.left(scene.pid) == ""


def test_chains_that_others_changed_are_told_and_rules_of_another_run_are_not_in_the_way(
    lab: Lab, tmp_path: Path
) -> None:
    scene = make_scene(lab)
    host = Host(lab, tmp_path, "nft", scripts=LEGACY)
    block = block_of(scene, "namespace")
    assert host.check(block) is None, "it has put nothing in yet"

    def change(*words: str) -> str | None:
        apply(host.target, block)
        assert host.check(block) == ""
        host.lists("iptables-legacy", "-t", "mangle", *words, pid=scene.pid)
        return host.check(block)

    assert change("-I", f"{scene.table}O", "-j", "RETURN") == f"chain {scene.table}O of iptables is not as it was given"
    assert change("-I", "OUTPUT", "-j", "ACCEPT") == "chain OUTPUT of iptables does not go to irkit's own first"
    host.lists("iptables-legacy", "-t", "mangle", "-F", "OUTPUT", pid=scene.pid)
    assert change("-F", "INPUT") == "chain INPUT of iptables does not go to irkit's own first"
    apply(host.target, block)
    other = BlockTraffic(scene.victim, scene.table.replace("01234567", "76543210"))
    apply(host.target, other)
    assert host.check(block) == host.check(other) == ""
    apply(host.target, UnblockTraffic(scene.victim, other.table))
    assert host.check(block) == "" and host.check(other) is None
    apply(host.target, UnblockTraffic(scene.victim, scene.table))
    assert host.left(scene.pid) == ""


def test_rules_of_iptables_are_removed_by_a_host_that_has_nft_by_then(lab: Lab, tmp_path: Path) -> None:
    scene = make_scene(lab)
    host = Host(lab, tmp_path, "nft", scripts=LEGACY)
    apply(host.target, block_of(scene, "namespace"))
    assert host.left(scene.pid)
    unblock = UnblockTraffic(scene.victim, scene.table)
    outcome = apply(target_on(lab.engine), unblock)
    assert outcome.detail == "" and outcome.proof and outcome.proof.level is ProofLevel.PROVEN
    assert host.left(scene.pid) == ""


def test_a_host_with_neither_is_refused_and_what_was_put_in_is_not_said_to_be_gone(lab: Lab, tmp_path: Path) -> None:
    scene = make_scene(lab)
    hidden = [f"{name}{kind}-save" for name in ("iptables", "ip6tables") for kind in ("", "-legacy", "-nft")]
    host = Host(lab, tmp_path, "nft", *hidden)
    error = refusal(host, block_of(scene, "namespace"))
    assert error.kind is Refusal.UNSUPPORTED and error.reason.startswith(
        "NOT isolated: there is no nft on the host, and"
    )
    with pytest.raises(TargetError, match="there is neither nft nor iptables on the host that lists rules"):
        apply(host.target, UnblockTraffic(scene.victim, scene.table))
