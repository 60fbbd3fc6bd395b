"""The interfaces of a container and their ends on the host: those that name each other, and what comes before rules."""

from typing import Any

import pytest

from irkit.adapters.firewall_devices import Link, Outer, inner_devices, outer_devices, who_is_before
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Ran
from tests.adapters.scripted_commands import ScriptedCommands
from tests.adapters.ssh_side import deadline
from tests.adapters.test_firewall_place import PROCESS, Scripted


def link(number: int, name: str, other: int = 0, kind: str = "veth", netns: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = {"ifindex": number, "ifname": name, "link_index": other, "linkinfo": {"info_kind": kind}}
    return made if netns < 0 else {**made, "link_netnsid": netns}


LO = {"ifindex": 1, "ifname": "lo", "link_type": "loopback"}
OUTER = [LO, link(2, "docker0", kind="bridge", netns=-1), link(9, "vethx", 3), link(10, "vethy", 3, netns=1)]


def test_the_hosts_ends_of_interfaces_are_those_that_name_each_other() -> None:
    inside = link(7, "br0", kind="bridge", netns=-1), link(8, "x", 11, netns=-1), link(4, "sit0", kind="sit", netns=-1)
    host = Scripted(inner=[LO, link(3, "eth0", 9), *inside], outer=OUTER)
    assert outer_devices(host, PROCESS, deadline()).names == ("vethx",)
    assert inner_devices(host, PROCESS, deadline()) == ("eth0", "br0", "x", "sit0")
    assert outer_devices(Scripted(inner=[LO], outer=OUTER), PROCESS, deadline()) == ((), ())


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
def test_an_interface_without_an_end_on_the_host_is_told_and_keeps_no_other_from_being_found(
    one: dict[str, Any],
) -> None:
    found = outer_devices(Scripted(inner=[LO, one, link(3, "eth0", 9)], outer=OUTER), PROCESS, deadline())
    kind = one.get("linkinfo", {}).get("info_kind", "of unknown kind")
    assert found.names == ("vethx",) and found.open == (f"{one['ifname']} ({kind})",)


@pytest.mark.parametrize("links", [[{"ifname": "x"}], ["x"], {"a": 1}, [{"ifindex": "1", "ifname": "x"}]])
def test_interfaces_that_make_no_sense_are_told(links: Any) -> None:
    with pytest.raises(TargetError, match="ip does not list interfaces"):
        inner_devices(Scripted(inner=links), PROCESS, deadline())


VETH = Link(ifindex=9, ifname="vethx")
NO_FILTERS = "[ ]\n"
CILIUM = (
    '[{"protocol":"all","pref":1,"kind":"bpf","chain":0},{"kind":"bpf","options":{"bpf_name":"cil_from_container"}}]'
)


class Filtered(ScriptedCommands):
    """A host whose tc says what it is told to, or is not there."""

    def __init__(self, *said: str, fault: TargetError | None = None, status: int = 0) -> None:
        super().__init__()
        self.said, self.fault, self.status = list(said), fault, status

    def answer(self, argv: tuple[str, ...], input: bytes) -> Ran | None:
        if argv[:6] != ("tc", "-j", "filter", "show", "dev", "vethx"):
            return None
        if self.fault:
            raise self.fault
        return Ran(self.status, self.said.pop(0) if self.said else NO_FILTERS)


def before(commands: Filtered, one: Link = VETH) -> str:
    return who_is_before(commands, Outer((one,), ()), deadline())


@pytest.mark.parametrize("said", ["", "[]", "[ ]\n", "[]\n"])
def test_a_device_without_filters_has_nothing_before_the_rules(said: str) -> None:
    assert before(Filtered(said, said)) == ""
    assert before(Filtered("Error: Invalid handle.", status=2)) == ""


@pytest.mark.parametrize("side", [0, 1])
def test_filters_of_tc_are_told_by_their_kind(side: int) -> None:
    said = [NO_FILTERS, NO_FILTERS]
    said[side] = CILIUM
    assert before(Filtered(*said)) == "a filter of tc (bpf) at vethx may pass its traffic on before the rules see it"
    said[side] = "something"
    assert "(which are not understood)" in before(Filtered(*said))
    said[side] = '["x", {"kind": "\\u001b[2J"}]'
    assert "\x1b" not in before(Filtered(*said)) and "filter of tc" in before(Filtered(*said))


def test_a_host_without_tc_has_no_filters_and_one_that_hides_it_may_have() -> None:
    for reason in ("there is no tc on the host", "tc cannot be run here: No such file or directory"):
        assert before(Filtered(fault=TargetError(reason, Refusal.UNSUPPORTED))) == ""
    refused = TargetError("root is had by sudo only, and sudo does not allow it", Refusal.UNSUPPORTED)
    assert "(which cannot be listed)" in before(Filtered(fault=refused))
    with pytest.raises(TargetError, match="gone"):
        before(Filtered(fault=TargetError("gone", Refusal.LOST)))


def test_a_program_at_a_device_gets_packets_first() -> None:
    listed = [LO, {**link(9, "vethx", 3), "xdp": {"mode": 2, "prog": {"id": 7}}}]
    outer = outer_devices(Scripted(inner=[LO, link(3, "eth0", 9)], outer=listed), PROCESS, deadline())
    said = who_is_before(Filtered(), outer, deadline())
    assert said == "a program (XDP) at vethx gets what it sends before the rules do"
