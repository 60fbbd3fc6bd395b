"""isolate.quarantine on the real engine: who reaches a container held so, what it reaches, and what undo leaves."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from irkit.core.containment import NOT_ISOLATED
from tests.acceptance.bundles import playbook
from tests.acceptance.command import Ended, Irkit
from tests.acceptance.compare import ASSIGNED_ANEW, OF_A_START, OF_THE_NEXT_START, differences
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, State, Suspect
from tests.lab.engine import Engine
from tests.lab.given import give_address
from tests.lab.hosts import LabHost
from tests.lab.leftovers import NETNS
from tests.lab.network_sides import UDP, Echo, Traffic, Way, measured, namespace_of, socket_in
from tests.lab.suspects import Lab
from tests.lab.tools import run, tool

pytestmark = pytest.mark.engine

SLEEPS = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
CRASHES = ("sh", "-c", "sleep 0.3; exit 3")
FRONT, BACK = Network("front", "10.88.1.0/24", subnet6="fd00:88:1::/64"), Network("back", "10.88.2.0/24")
VICTIM, PEER, PORT = "10.88.1.7", "10.88.1.8", 7001
PLACES = (Attach("front", ipv4=VICTIM, ipv6="fd00:88:1::7", aliases=("shop",)), Attach("back", ipv4="10.88.2.7"))


@pytest.fixture(autouse=True)
def nothing_left(lab: Lab) -> Iterator[None]:
    """What a failed test leaves must not fail the next one."""
    yield
    lab.clean()
    for network in made_networks(lab.engine):
        lab.engine.docker("network", "rm", network)
    for table in rules(lab.engine).splitlines():
        run(lab.engine.in_namespace([tool("nft"), "delete", *table.split()]))


def step(reach: str) -> str:
    return f"{{id: hold, action: isolate.quarantine, with: {{reach: {reach}}}}}"


def here(lab: Lab) -> tuple[str, ...]:
    """What runs a command as if the engine's network were this machine's, as the rules of a bridge need it."""
    return tuple(lab.engine.in_namespace([]))


def hold(lab: Lab, irkit: Irkit, tmp_path: Path, reach: str, status: int = 0) -> Ended:
    words = ("run", playbook(tmp_path, step(reach)), "victim", "--approve", "change")
    return irkit(*words, before=here(lab), status=status)


def bundle_of(ended: Ended) -> str:
    return next(line for line in ended.out.splitlines() if line.startswith("bundle")).split()[1]


def made_networks(engine: Engine) -> list[str]:
    """The networks that irkit made and that are still there."""
    found = engine.docker("network", "ls", "--filter", "label=irkit.run", "--format", "{{.Name}}").stdout
    return found.decode().split()


def rules(engine: Engine) -> str:
    """The rules that irkit made on the host and that are still there."""
    listed = run(engine.in_namespace([tool("nft"), "list", "tables"])).stdout.decode()
    return "\n".join(line for line in listed.splitlines() if "irkit_" in line)


def pid_of(engine: Engine, name: str) -> int:
    return int(engine.inspect(name)["State"]["Pid"])


@contextmanager
def held_traffic(lab: Lab, network: str) -> Iterator[Traffic]:
    """The ways to and from a victim in quarantine; its neighbour is where it was."""
    victim, peer = namespace_of(pid_of(lab.engine, "victim")), namespace_of(pid_of(lab.engine, "peer"))
    there = lab.engine.inspect("victim")["NetworkSettings"]["Networks"][network]
    at, gateway, host = there["IPAddress"], there["Gateway"], NETNS / lab.engine.namespace
    ways = {
        "from host": Way(host, at, PORT),
        "from host udp": Way(host, at, PORT, UDP),
        "from peer": Way(peer, at, PORT),
        "from peer to old address": Way(peer, VICTIM, PORT),
        "to host": Way(victim, gateway, PORT),
        "to host udp": Way(victim, gateway, PORT, UDP),
        "to host's other address": Way(victim, "10.88.1.1", PORT),
        "to peer": Way(victim, PEER, PORT),
        "within": Way(victim, "127.0.0.1", PORT),
    }
    with measured(ways, [Echo(one, PORT) for one in (victim, peer, host)]) as traffic:
        yield traffic


@pytest.mark.parametrize(
    ("reach", "passing"), [("host", {"within", "from host", "from host udp"}), ("nothing", {"within"})]
)
def test_it_is_reached_by_its_host_or_by_nothing_and_reaches_nothing(
    lab: Lab, irkit: Irkit, tmp_path: Path, reach: str, passing: set[str]
) -> None:
    lab.network(FRONT)
    lab.network(BACK)
    suspect = lab.make(Suspect("victim", PLACES, command=SLEEPS, publish={18099: PORT}))
    lab.make(Suspect("peer", (Attach("front", ipv4=PEER),), command=SLEEPS))
    found = lab.engine.inspect(suspect)
    ended = hold(lab, irkit, tmp_path, reach)
    (network,) = made_networks(lab.engine)
    assert list(lab.engine.inspect(suspect)["NetworkSettings"]["Networks"]) == [network]
    assert "contained victim: proven: " in ended.out
    with held_traffic(lab, network) as traffic:
        assert traffic.passing(1.0, passing) == passing
    irkit("undo", bundle_of(ended), "--approve", "change", before=here(lab))
    assert differences(found, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []
    assert (made_networks(lab.engine), rules(lab.engine)) == ([], "")
    assert "nothing is left" in irkit("undo", bundle_of(ended), before=here(lab)).out


@pytest.mark.parametrize("reach", ["host", "nothing"])
@pytest.mark.parametrize("state", ["paused", "exited", "restarting"])
def test_one_in_any_state_is_held_and_let_go(lab: Lab, irkit: Irkit, tmp_path: Path, state: State, reach: str) -> None:
    lab.network(FRONT)
    lab.network(BACK)
    command = CRASHES if state == "restarting" else SLEEPS
    suspect = lab.make(Suspect("victim", PLACES, command=command, state=state))
    found = lab.engine.inspect(suspect)
    ended = hold(lab, irkit, tmp_path, reach)
    (network,) = made_networks(lab.engine)
    assert list(lab.engine.inspect(suspect)["NetworkSettings"]["Networks"]) == [network]
    irkit("undo", bundle_of(ended), "--approve", "change", before=here(lab))
    ignore = ASSIGNED_ANEW | (OF_THE_NEXT_START if state == "exited" else set())
    if state == "restarting":
        lab.engine.docker("stop", suspect)
        ignore |= OF_A_START | OF_THE_NEXT_START | {"State", "LogPath", "IPAddress", "Gateway", "MacAddress"}
        ignore |= {"GlobalIPv6Address", "IPv6Gateway", "GlobalIPv6PrefixLen", "IPPrefixLen", "Ports"}
    assert differences(found, lab.engine.inspect(suspect), ignore) == []
    assert (made_networks(lab.engine), rules(lab.engine)) == ([], "")


def test_one_that_had_ended_comes_up_in_quarantine(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect("victim", command=SLEEPS, state="exited"))
    hold(lab, irkit, tmp_path, "nothing")
    lab.engine.docker("start", "victim")
    assert list(lab.engine.inspect("victim")["NetworkSettings"]["Networks"]) == made_networks(lab.engine)


def test_where_address_pools_have_run_out_nothing_is_changed(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect("victim", command=SLEEPS))
    found = lab.engine.inspect(suspect)
    filled: list[str] = []
    while lab.engine.docker("network", "create", f"fill{len(filled)}", check=False).returncode == 0:
        filled.append(f"fill{len(filled)}")
    try:
        ended = hold(lab, irkit, tmp_path, "host", status=1)
    finally:
        lab.engine.docker("network", "rm", *filled)
    assert "address pool" in ended.err and ended.out.splitlines()[-1].startswith(f"{NOT_ISOLATED}victim: ")
    assert differences(found, lab.engine.inspect(suspect), set()) == []
    assert (made_networks(lab.engine), rules(lab.engine)) == ([], "")
    assert "nothing is left" in irkit("undo", bundle_of(ended), before=here(lab)).out


def test_a_network_that_another_has_joined_stays_until_it_is_off(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect("victim", command=SLEEPS))
    lab.make(Suspect("joined", command=SLEEPS))
    found = lab.engine.inspect(suspect)
    ended = hold(lab, irkit, tmp_path, "nothing")
    (network,) = made_networks(lab.engine)
    lab.engine.docker("network", "connect", network, "joined")
    undone = irkit("undo", bundle_of(ended), "--approve", "change", before=here(lab), status=1)
    assert f"network {network} stays, as it is in use by joined" in undone.err
    assert differences(found, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []
    assert made_networks(lab.engine) == [network]
    lab.engine.docker("network", "disconnect", network, "joined")
    irkit("undo", bundle_of(ended), "--approve", "change", before=here(lab))
    assert made_networks(lab.engine) == []


def test_a_network_that_somebody_removed_is_no_obstacle(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect("victim", command=SLEEPS))
    found = lab.engine.inspect(suspect)
    ended = hold(lab, irkit, tmp_path, "nothing")
    (network,) = made_networks(lab.engine)
    lab.engine.docker("network", "disconnect", network, "victim")
    lab.engine.docker("network", "rm", network)
    undone = irkit("undo", bundle_of(ended), "--approve", "change", before=here(lab))
    assert f"remove network {network}: done (it is gone already)" in undone.err
    assert differences(found, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []


def test_of_one_that_is_gone_nothing_is_left_on_the_host(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect("victim", command=SLEEPS))
    ended = hold(lab, irkit, tmp_path, "host")
    assert len(made_networks(lab.engine)) == 1 and "irkit_" in rules(lab.engine)
    lab.remove("victim")
    undone = irkit("undo", bundle_of(ended), "--approve", "change", before=here(lab), status=1)
    assert "container victim is gone: nothing can be put back" in undone.out
    assert (made_networks(lab.engine), rules(lab.engine)) == ([], "")


def test_one_that_may_set_up_addresses_is_not_held_without_a_rule(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect("victim", command=SLEEPS, capabilities=("NET_ADMIN",)))
    refused = irkit.run(playbook(tmp_path, step("nothing")), "victim", status=1)
    assert "it may set up addresses itself" in refused["refused"][0]["reason"]
    assert made_networks(lab.engine) == []


@pytest.mark.parametrize(("user", "status"), [("root", 0), ("ana", 1)])
def test_over_ssh_the_rule_needs_root_there(
    lab: Lab, ssh_host: LabHost, client: ClientSide, tmp_path: Path, user: str, status: int
) -> None:
    suspect = lab.make(Suspect("victim", command=SLEEPS))
    found = lab.engine.inspect(suspect)
    client.add(ssh_host, "web", user=user)
    irkit = Irkit("", tmp_path / "evidence", client)
    words = ("run", playbook(tmp_path, step("host")), "victim", "--host", "web", "--approve", "change")
    ended = irkit(*words, status=status)
    assert ("REFUSED" in ended.out) is bool(status)
    assert bool(made_networks(lab.engine)) is not bool(status)
    if not status:
        irkit("undo", bundle_of(ended), "--approve", "change")
    assert differences(found, lab.engine.inspect(suspect), ASSIGNED_ANEW if not status else set()) == []
    assert (made_networks(lab.engine), rules(lab.engine)) == ([], "")


def test_one_that_sets_up_addresses_itself_is_held_by_the_rule(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect("victim", command=SLEEPS, capabilities=("NET_ADMIN",)))
    hold(lab, irkit, tmp_path, "host")
    pid, host = pid_of(lab.engine, "victim"), NETNS / lab.engine.namespace
    device = f"irk{lab.engine.inspect('victim')['Id'][:12]}"
    inner = Path(f"/proc/{pid}/net/route").read_text(encoding="ascii").splitlines()[1].split()[0]
    give_address(pid, inner, "fe80::99/64")
    shown = run(lab.engine.in_namespace([tool("ip"), "-6", "-o", "address", "show", "dev", device])).stdout.decode()
    bridge = next(word.partition("/")[0] for word in shown.split() if word.startswith("fe80:"))
    echo = Echo(host, PORT)
    try:
        assert not connects(pid, bridge, inner)
        for table in rules(lab.engine).splitlines():
            run(lab.engine.in_namespace([tool("nft"), "delete", *table.split()]))
        reached = wait_until(lambda: connects(pid, bridge, inner))
        assert reached, "without the rule it would be reached: else this shows nothing"
    finally:
        echo.close()


def connects(pid: int, address: str, device: str) -> bool:
    """Whether a process there can connect to a link-local address by an interface of its own."""
    index = next(
        int(line.split()[1], 16)
        for line in Path(f"/proc/{pid}/net/if_inet6").read_text(encoding="ascii").splitlines()
        if line.split()[-1] == device
    )
    for _ in range(3):
        with closing(socket_in(namespace_of(pid), socket.SOCK_STREAM, socket.AF_INET6)) as one:
            one.settimeout(1.0)
            with suppress(OSError):  # in vain, or an address that is tried out yet
                one.connect((address, PORT, 0, index))
                return True
    return False
