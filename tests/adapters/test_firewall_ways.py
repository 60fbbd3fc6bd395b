"""By which tool rules are put in and removed, where some are missing, not allowed, or fail. With no real host."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from irkit.adapters.firewall_chains import namespace_chains
from irkit.adapters.firewall_rules import namespace_tables
from irkit.adapters.firewall_ways import Used, Ways
from irkit.core.errors import Refusal, TargetError
from irkit.core.isolation import BlockTraffic, UnblockTraffic
from irkit.core.ports import Ran
from tests.adapters.scripted_commands import ScriptedCommands
from tests.adapters.ssh_side import deadline

NAME = "irkit_01234567_0123456789ab"
BLOCK, UNBLOCK = BlockTraffic("0123456789ab", NAME), UnblockTraffic("0123456789ab", NAME)
WITHIN = ("nsenter", "-t", "77", "-n")
NO_SUDO = "root is had by sudo only, and sudo does not allow it"
NO_TABLES = Ran(0, '{"nftables": []}', "")


@dataclass
class Tools(ScriptedCommands):
    """A host whose tools answer in this way, by name; one that is not named is not there."""

    answers: dict[str, Ran | str] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """The tools that were asked for."""
        return {_name(one) for one in self.asked}

    def answer(self, argv: tuple[str, ...], input: bytes) -> Ran | None:
        answer = self.answers.get(_name(argv), f"there is no {_name(argv)} on the host")
        if isinstance(answer, str):
            raise TargetError(answer, Refusal.UNSUPPORTED)
        return answer


def _name(argv: Sequence[str]) -> str:
    return argv[len(WITHIN)] if argv[0] == "nsenter" else argv[0]


def put(tools: Tools) -> Used:
    chains = namespace_chains(NAME, ())
    return Ways(tools).put(BLOCK, WITHIN, [namespace_tables(NAME, ())], lambda: chains, deadline())


def fault(call: Callable[[], object]) -> TargetError:
    with pytest.raises(TargetError) as caught:
        call()
    return caught.value


def test_an_nft_that_is_there_and_not_allowed_or_that_refuses_the_rules_alone_has_no_other_tool_tried() -> None:
    tools = Tools({"nft": NO_SUDO})
    assert fault(lambda: put(tools)).reason == NO_SUDO and tools.names == {"nft"}

    class Picky(Tools):
        def answer(self, argv: tuple[str, ...], input: bytes) -> Ran | None:
            return Ran(1, "", "Error: no such hook") if input else super().answer(argv, input)

    picky = Picky({"nft": NO_TABLES})
    assert fault(lambda: put(picky)).reason == "nft says: Error: no such hook" and picky.names == {"nft"}


def test_why_neither_could_is_told_of_both() -> None:
    assert fault(lambda: put(Tools({"ip6tables-save": NO_SUDO, "cat": Ran(0, "fe80 1", "")}))).reason == (
        f"there is no nft on the host, and {NO_SUDO}"
    )
    broken = Tools({"nft": Ran(1, "", "netlink: Error: Protocol not supported"), "cat": Ran(0, "fe80 1", "")})
    assert fault(lambda: put(broken)).reason == (
        "nft cannot list any table on the host, and there is no ip6tables on the host, and it has IPv6"
    )


@pytest.mark.parametrize(
    ("addresses", "is_needed"),
    [
        (Ran(0, "", ""), False),
        (Ran(1, "", "cat: /proc/77/net/if_inet6: No such file or directory"), False),  # a kernel without IPv6
        (Ran(0, "fe80000000000000 02 40 20 80 eth0", ""), True),
        (Ran(1, "", "cat: /proc/77/net/if_inet6: Permission denied"), True),
    ],
)
def test_without_ip6tables_there_must_be_no_ipv6_to_see(addresses: Ran, is_needed: bool) -> None:
    error = fault(lambda: put(Tools({"cat": addresses})))
    assert ("there is no ip6tables" in error.reason) is is_needed
    assert ("there is no iptables on the host" in error.reason) is not is_needed


def test_undo_takes_no_offence_at_tools_that_are_not_there_or_not_allowed_once_nft_has_answered() -> None:
    for tools in (Tools({"nft": NO_TABLES}), Tools({"nft": NO_TABLES, "iptables-save": NO_SUDO})):
        assert Ways(tools).remove(UNBLOCK, WITHIN, deadline()) == (False, "nft")
        assert "iptables-legacy-save" in tools.names
    assert Ways(Tools({"iptables-save": Ran(0, "", "")})).remove(UNBLOCK, WITHIN, deadline()) == (False, "iptables")


@pytest.mark.parametrize("where", ["namespace", "veth", "bridge", "cgroup"])
def test_undo_says_so_where_nothing_lists_rules(where: str) -> None:
    gone = UnblockTraffic("0123456789ab", NAME, where)  # type: ignore[arg-type]
    assert fault(lambda: Ways(Tools()).remove(gone, (), deadline())).reason.startswith("there is n")
    assert fault(lambda: Ways(Tools({"nft": NO_SUDO})).remove(gone, (), deadline())).reason == NO_SUDO


def test_chains_that_stay_where_they_were_to_be_removed_are_no_success() -> None:
    saved = f"*mangle\n:{NAME}I - [0:0]\nCOMMIT\n"
    tools = Tools({"iptables-save": Ran(0, saved, ""), "iptables-restore": Ran(0, "", "")})
    error = fault(lambda: Ways(tools).remove(UNBLOCK, WITHIN, deadline()))
    assert error.reason == f"chains {NAME} of iptables are still there"
    tools.answers["iptables-restore"] = Ran(1, "", "iptables-restore: line 3 failed\n")
    error = fault(lambda: Ways(tools).remove(UNBLOCK, WITHIN, deadline()))
    assert error.reason == "iptables-restore says: iptables-restore: line 3 failed"


def test_a_tool_that_took_rules_and_lists_others_is_not_believed() -> None:
    told = {name: Ran(0, "", "") for name in ("ip6tables-save", "ip6tables-restore")}
    error = fault(lambda: put(Tools({**told})))
    assert error.reason.endswith(f"chain {NAME}I of ip6tables is not there") and not error.is_final
