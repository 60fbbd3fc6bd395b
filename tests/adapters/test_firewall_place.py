"""What the host shows of a container before rules are put anywhere: only what holds together is believed."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from irkit.adapters.firewall_place import (
    Process,
    check_same,
    control_group,
    find_process,
    inner_devices,
    outer_devices,
)
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, Ran
from tests.adapters.ssh_side import deadline

ID = "ab" * 32
GROUPS = f"2:pids:/docker/{ID}\n0::/docker/{ID}"
STAT = "77 (a) b\n) c) S 1 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 9000\n"
STATUS = "Name:\tsh\nState:\tS (sleeping)\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"
PROCESS = Process(77, GROUPS, 0xA80425FB, "4242", "net:[2]", "net:[1]", "net:[1]")


class Scripted:
    """A host whose commands say what they are told to."""

    def __init__(
        self, cat: str = "", readlink: str = "net:[2]\nnet:[1]\nnet:[1]\n", **links: list[dict[str, Any]]
    ) -> None:
        self.cat, self.readlink, self.links, self.status = cat, readlink, links, 0

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        if argv[0] == "cat":
            return Ran(self.status, self.cat)
        if argv[0] == "readlink":
            return Ran(0, self.readlink)
        return Ran(0, json.dumps(self.links["inner" if argv[0] == "nsenter" else "outer"]))

    def stream(
        self, argv: Sequence[str], deadline: Deadline, *, told: Callable[[str], None] | None = None
    ) -> Iterator[memoryview]:
        raise NotImplementedError

    def why_not(self, deadline: Deadline) -> str:
        return ""


def found(cat: str = f"{GROUPS}\n{STATUS}{STAT}", **more: Any) -> Process:
    return find_process(Scripted(cat, **more), ID, 77, deadline())


def test_a_process_is_read_whatever_it_calls_itself() -> None:
    assert found() == PROCESS
    assert PROCESS.has_own_network and PROCESS.may_go_raw and not PROCESS.may_change_rules
    assert PROCESS.within == ("nsenter", "-t", "77", "-n")
    assert not found(readlink="net:[1]\nnet:[1]\n").has_own_network
    assert not found(readlink="net:[2]\nnet:[1]\nnet:[2]\n").has_own_network


@pytest.mark.parametrize(
    ("cat", "reason"),
    [
        ("", "is not container abababababab's own"),
        (f"0::/docker/{'cd' * 32}\n{STATUS}{STAT}", "is not container"),
        (f"0::/\nName:\t{ID}\n{STAT}", "is not container"),
        (f"{GROUPS}\n{STATUS}", "cannot be looked at"),
        (f"{GROUPS}\n{STAT}", "cannot be looked at"),
        (f"{GROUPS}\nName:\tsh\n{STAT}", "cannot be looked at"),
    ],
)
def test_a_process_that_is_not_the_containers_own_is_not_touched(cat: str, reason: str) -> None:
    with pytest.raises(TargetError, match=reason):
        found(cat)


def test_another_one_in_its_place_is_noticed() -> None:
    host = Scripted(f"{GROUPS}\n{STATUS}{STAT}")
    check_same(host, ID, PROCESS, deadline())
    host.cat = host.cat.replace(" 4242 ", " 4243 ")
    with pytest.raises(TargetError, match="started anew"):
        check_same(host, ID, PROCESS, deadline())


def link(number: int, name: str, other: int = 0, kind: str = "veth", netns: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = {"ifindex": number, "ifname": name, "link_index": other, "linkinfo": {"info_kind": kind}}
    return made if netns < 0 else {**made, "link_netnsid": netns}


LO = {"ifindex": 1, "ifname": "lo", "link_type": "loopback"}
OUTER = [LO, link(2, "docker0", kind="bridge", netns=-1), link(9, "vethx", 3), link(10, "vethy", 3, netns=1)]


def test_the_hosts_ends_of_interfaces_are_those_that_name_each_other() -> None:
    inside = link(7, "br0", kind="bridge", netns=-1), link(8, "x", 11, netns=-1), link(4, "sit0", kind="sit", netns=-1)
    host = Scripted(inner=[LO, link(3, "eth0", 9), *inside], outer=OUTER)
    assert outer_devices(host, PROCESS, deadline()) == ("vethx",)
    assert inner_devices(host, PROCESS, deadline()) == ("eth0", "br0", "x", "sit0")
    assert outer_devices(Scripted(inner=[LO], outer=OUTER), PROCESS, deadline()) == ()


@pytest.mark.parametrize(
    "one",
    [
        link(3, "eth0", 2, "macvlan"),
        link(3, "eth0", 2, "ipvlan"),
        link(3, "eth0", 99),
        link(4, "eth0", 9),
        link(3, "eth0", 9, kind="vxlan"),
        link(3, "tap0", kind="tun", netns=-1),
        {"ifindex": 3, "ifname": "eth0"},
    ],
)
def test_an_interface_without_an_end_on_the_host_is_told(one: dict[str, Any]) -> None:
    with pytest.raises(TargetError, match="has no end of its own on the host"):
        outer_devices(Scripted(inner=[LO, one], outer=OUTER), PROCESS, deadline())


@pytest.mark.parametrize("links", [[{"ifname": "x"}], ["x"], {"a": 1}, [{"ifindex": "1", "ifname": "x"}]])
def test_interfaces_that_make_no_sense_are_told(links: Any) -> None:
    with pytest.raises(TargetError, match="ip does not list interfaces"):
        inner_devices(Scripted(inner=links), PROCESS, deadline())


@pytest.mark.parametrize(
    ("groups", "place"),
    [
        (f"0::/system.slice/docker-{ID}.scope", f"system.slice/docker-{ID}.scope"),
        (f"0::/machine.slice/libpod-{ID}.scope/container", f"machine.slice/libpod-{ID}.scope"),
        (f"5:name=systemd:/\n0::/docker/{ID}/init.scope", f"docker/{ID}"),
        (f"2:pids:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/docker/{ID}", f"unified/docker/{ID}"),
    ],
)
def test_a_control_group_is_the_containers_own_whatever_it_has_below(groups: str, place: str) -> None:
    depth, places = control_group(Process(77, groups, 0, "1", "a", "a", "a"), ID)
    assert depth == 2 and places[0] == place
    assert {one.removeprefix("unified/") for one in places} == {place.removeprefix("unified/")}


@pytest.mark.parametrize("groups", ["", "0::/", f"2:pids:/docker/{ID}\n0::/system.slice/docker.service"])
def test_a_host_without_control_groups_of_version_2_cannot_tell_containers_apart(groups: str) -> None:
    with pytest.raises(TargetError, match="version 2 is not its own"):
        control_group(Process(77, groups, 0, "1", "a", "a", "a"), ID)
