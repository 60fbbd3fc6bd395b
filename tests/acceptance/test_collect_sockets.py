"""collect.sockets on real containers: every socket of their network, whose it is, and how the network is set up."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import items, playbook, stored, stored_of
from tests.acceptance.command import Irkit
from tests.acceptance.proc_side import entered, link, main_of, proc, wait_for
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

LOOK = "{id: look, action: collect.sockets}"
IFA_F_TENTATIVE = 0x40
FRONT = Network("front", "10.66.1.0/24", subnet6="fd00:66::/64")
HOLDS = r"""
import ctypes, socket as s, threading
held = []
def hold(*kind, bind=None, listen=False):
    one = s.socket(*kind); held.append(one)
    if bind is not None: one.bind(bind)
    if listen: one.listen()
    return one
hold(s.AF_UNIX, s.SOCK_STREAM, bind="\0hidden\n\x1b[31m", listen=True)
hold(s.AF_UNIX, s.SOCK_DGRAM)
hold(s.AF_INET, s.SOCK_DGRAM, bind=("10.66.1.7", 5353))
hold(s.AF_INET6, s.SOCK_STREAM, bind=("::1", 8443), listen=True)
hold(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP)
hold(s.AF_PACKET, s.SOCK_RAW, s.htons(3))
hold(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE, bind=(0, 0))
def away():
    assert ctypes.CDLL(None).unshare(0x40000000) == 0
    hold(s.AF_INET, s.SOCK_STREAM)
    gone.set()
    threading.Event().wait()
gone = threading.Event()
threading.Thread(target=away, daemon=True).start()
gone.wait()
"""


def lines(bundle: str, start: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stored_of(bundle, f"{start}/sockets/sockets.jsonl").splitlines()]


@pytest.fixture(scope="module")
def talker(shared: Lab) -> int:
    """The first process of a container that has a listener and a connection to the outside."""
    shared.network(FRONT)
    shared.sink("sink", "front", "10.66.1.9", 4444)
    front = (Attach("front", ipv4="10.66.1.7"),)
    shared.make(Suspect(name="talker", networks=front, listener=8080, outbound=("10.66.1.9", 4444)))
    shared.wait_received("sink")
    pid = main_of(shared, "talker")
    assert wait_until(lambda: not tries_out_addresses(pid)), "its addresses are tried out still"
    return pid


def tries_out_addresses(pid: int) -> bool:
    """Whether its network asks around yet if somebody else has one of its addresses: the table tells that too."""
    flags = [int(line.split()[4], 16) for line in proc(pid, "net/if_inet6").splitlines()]
    return any(one & IFA_F_TENTATIVE for one in flags)


def check_talker(found: list[dict[str, Any]]) -> None:
    (out,) = [one for one in found if one.get("remote") == {"address": "10.66.1.9", "port": 4444}]
    assert (out["protocol"], out["state"], out["local"]["address"]) == ("tcp", "ESTABLISHED", "10.66.1.7")
    assert out["held_by_container"]
    for holder in out["processes"]:
        assert link(holder["pid"], f"fd/{holder['fd']}") == f"socket:[{out['inode']}]".encode()
        assert proc(holder["pid"], "comm") == f"{holder['name']}\n".encode()
    (listener,) = [one for one in found if one["state"] == "LISTEN" and one["local"]["port"] == 8080]
    assert listener["processes"] and listener["remote"]["port"] == 0


def test_connections_and_listeners_are_told_with_the_processes_that_hold_them(
    talker: int, irkit: Irkit, tmp_path: Path
) -> None:
    bundle = irkit.run(playbook(tmp_path, LOOK), "talker")["bundle"]
    found = lines(bundle, "local/talker-*")
    check_talker([one for one in found if one["protocol"].startswith("tcp")])
    (network,) = json.loads(stored(bundle, "talker", "sockets/network.json"))["namespaces"]
    assert f"net:[{network['namespace']}]".encode() == link(talker, "ns/net") and not network["is_hosts"]
    assert [one["name"] for one in network["interfaces"]] == ["lo", "eth0"]
    assert {"address": "10.66.1.7", "interface": "eth0"} in network["ipv4_addresses"]
    assert any(one["address"].startswith("fd00:66:") for one in network["ipv6_addresses"])
    assert network["ipv4_routes"][0]["gateway"] == "10.66.1.1"
    assert any(one["destination"] == "fd00:66::/64" for one in network["ipv6_routes"])
    assert any(one["address"] == "10.66.1.9" and one["state"] == "complete" for one in network["neighbours"])
    assert not [(one["path"], why) for one in items(bundle) if (why := one["partial"] or one["warnings"])]


def test_the_archive_has_the_tables_as_they_are(talker: int, irkit: Irkit, tmp_path: Path) -> None:
    bundle = irkit.run(playbook(tmp_path, LOOK), "talker")["bundle"]
    number = link(talker, "ns/net").decode().strip("net:[]")
    with tarfile.open(fileobj=io.BytesIO(stored(bundle, "talker", "sockets/net.tar"))) as archive:
        for name in ("route", "if_inet6", "ptype", "netlink"):
            kept = archive.extractfile(f"{number}/{name}")
            assert kept is not None and kept.read() == proc(talker, f"net/{name}")
        assert {f"{number}/{name}" for name in ("tcp", "udp", "unix", "raw", "packet", "arp")} <= set(
            archive.getnames()
        )


def test_sockets_of_every_kind_are_found_whoever_holds_them(talker: int, irkit: Irkit, tmp_path: Path) -> None:
    """Of somebody from elsewhere who came into its network, and of no process in the container."""
    with entered(talker, ["net"], HOLDS) as guest:
        bundle = irkit.run(playbook(tmp_path, LOOK), "talker")["bundle"]
        wanted = {
            int(text[8:-1])
            for one in Path(f"/proc/{guest}/fd").iterdir()
            if (text := link(guest, f"fd/{one.name}")).startswith(b"socket:[")
        }
    mine = [one for one in lines(bundle, "local/talker-*") if guest in [who["pid"] for who in one["processes"]]]
    assert {one["inode"] for one in mine} == wanted and len(wanted) == 8
    kinds = {one["protocol"]: one for one in mine if one["protocol"] != "unix"}
    assert set(kinds) == {"udp", "tcp6", "raw", "packet", "netlink", ""}
    assert kinds["udp"]["local"] == {"address": "10.66.1.7", "port": 5353}
    assert (kinds["tcp6"]["local"], kinds["tcp6"]["state"]) == ({"address": "::1", "port": 8443}, "LISTEN")
    assert (kinds["packet"]["type"], kinds["packet"]["ethernet_protocol"]) == ("raw", "all")
    assert kinds["netlink"]["family"] == "route"
    assert "of a network namespace that is not the container's" in kinds[""]["note"]
    paths = {one["path"]: one["state"] for one in mine if one["protocol"] == "unix"}
    assert paths[""] == "UNCONNECTED" and [state for path, state in paths.items() if path] == ["LISTEN"]
    assert any(path.startswith("@hidden") for path in paths)


def test_a_container_on_the_hosts_network_shows_all_and_marks_its_own(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="wide", networks=(Attach("host"),), command=("nc", "-l", "-p", "7171")))
    main = main_of(lab, "wide")
    wait_for(lambda: b":1C03 " in proc(main, "net/tcp") + proc(main, "net/tcp6"), "it does not listen")
    bundle = irkit.run(playbook(tmp_path, LOOK), "wide")["bundle"]
    found = [one for one in lines(bundle, "local/wide-*") if one["protocol"].startswith("tcp")]
    own = [one for one in found if one["held_by_container"]]
    assert [one["local"]["port"] for one in own] == [7171]


def test_over_ssh_it_is_all_the_same(talker: int, ssh_host: LabHost, client: ClientSide, tmp_path: Path) -> None:
    client.add(ssh_host, "far")
    irkit = Irkit("", tmp_path / "evidence", client)
    bundle = irkit.run(playbook(tmp_path, LOOK), "talker", more=("--host", "far"))["bundle"]
    check_talker([one for one in lines(bundle, "far/talker-*") if one["protocol"].startswith("tcp")])
    assert not [(one["path"], why) for one in items(bundle) if (why := one["partial"] or one["warnings"])]
