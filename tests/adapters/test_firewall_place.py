"""What the host shows of a container before rules are put anywhere: only what holds together is believed."""

import json
from typing import Any

import pytest

from irkit.adapters.firewall_place import (
    Process,
    check_same,
    control_group,
    find_process,
)
from irkit.core.errors import TargetError
from irkit.core.ports import Ran
from tests.adapters.scripted_commands import ScriptedCommands
from tests.adapters.ssh_side import deadline

ID = "ab" * 32
GROUPS = f"2:pids:/docker/{ID}\n0::/docker/{ID}"
STAT = "77 (a) b\n) c) S 1 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 9000\n"
STATUS = "Name:\tsh\nState:\tS (sleeping)\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"
PROCESS = Process(77, GROUPS, 0xA80425FB, "4242", "net:[2]", "net:[1]", "net:[1]")


class Scripted(ScriptedCommands):
    """A host whose commands say what they are told to."""

    def __init__(
        self, cat: str = "", readlink: str = "net:[2]\nnet:[1]\nnet:[1]\n", **links: list[dict[str, Any]]
    ) -> None:
        super().__init__()
        self.cat, self.readlink, self.links, self.status = cat, readlink, links, 0

    def answer(self, argv: tuple[str, ...], input: bytes) -> Ran | None:
        if argv[0] == "cat":
            return Ran(self.status, self.cat)
        if argv[0] == "readlink":
            return Ran(0, self.readlink)
        links = self.links.get({"nsenter": "inner", "ip": "outer"}.get(argv[0], ""))
        return None if links is None else Ran(0, json.dumps(links))


def found(cat: str = f"{GROUPS}\n{STATUS}{STAT}", **more: Any) -> Process:
    return find_process(Scripted(cat, **more), ID, 77, deadline())


def test_a_process_is_read_whatever_it_calls_itself() -> None:
    assert found() == PROCESS
    assert PROCESS.has_own_network
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


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\\n"])
@pytest.mark.parametrize("forged", ["CapBnd:", "CapBnd:\t0", "CapBnd:\t0000000000000000", "CapBnd: x", "CapPrm:"])
def test_a_process_cannot_forge_capabilities_by_its_name(end: str, forged: str) -> None:
    name = f"q{end}{forged}{end}"
    stat = STAT.replace("a) b\n) c", name)
    assert found(f"{GROUPS}\n{STATUS.replace('sh', name)}{stat}") == PROCESS


@pytest.mark.parametrize("kept", ["CapInh", "CapPrm", "CapEff", "CapAmb"])
def test_what_a_process_gave_up_for_its_children_it_may_have_itself(kept: str) -> None:
    status = f"Name:\tsh\n{kept}:\t0000000000001000\nCapBnd:\t0000000000000000\n"
    assert found(f"{GROUPS}\n{status}{STAT}").capabilities == 1 << 12


@pytest.mark.parametrize(
    "line", ["CapBnd:\n", "CapBnd:\tx\n", "CapBnd:\t0 0\n", "CapEff:\t0\n", "CapBnd:\t" + "f" * 17 + "\n"]
)
def test_capabilities_that_are_not_understood_are_none_to_rely_on(line: str) -> None:
    with pytest.raises(TargetError, match="cannot be looked at"):
        found(f"{GROUPS}\nName:\tsh\n{line}{STAT}")


def test_another_one_in_its_place_is_noticed() -> None:
    host = Scripted(f"{GROUPS}\n{STATUS}{STAT}")
    check_same(host, ID, PROCESS, deadline())
    host.cat = host.cat.replace("00000000a80425fb", "0000000000000000")  # which it may give up
    check_same(host, ID, PROCESS, deadline())
    host.cat = host.cat.replace(" 4242 ", " 4243 ")
    with pytest.raises(TargetError, match="started anew"):
        check_same(host, ID, PROCESS, deadline())


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
