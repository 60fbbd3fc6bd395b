"""How rules are put on a host: by nft, and where that is of no use there by iptables and its like.

Undo works from the bundle alone, which does not say how: so both are looked through for the name of the rules.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from irkit.adapters.firewall_chains import Chains
from irkit.adapters.firewall_iptables import Iptables, Placed, tools_of, without_ipv6
from irkit.adapters.firewall_nft import Nft
from irkit.adapters.firewall_rules import Table
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.isolation import BlockTraffic, UnblockTraffic
from irkit.core.ports import Deadline, HostCommands

_FAMILIES: Final = {
    "namespace": ("inet", "netdev"),
    "veth": ("netdev",),
    "cgroup": ("inet",),
    "bridge": ("inet",),
}
_HERE: Final = "self"


class Used(NamedTuple):
    """What was put in: the number of the tables that nft took, or by which tool instead and `why` not by nft.

    `note` is what else is to be said of it.
    """

    number: int = 0
    tool: str = "nft"
    why: str = ""
    note: str = ""


class Ways:
    """The ways of one host. It remembers what it has put in for as long as it lives."""

    def __init__(self, commands: HostCommands) -> None:
        self._nft, self._iptables = Nft(commands), Iptables(commands)
        self._tables: dict[BlockTraffic, tuple[Table, ...]] = {}
        self._placed: dict[BlockTraffic, tuple[Placed, ...]] = {}

    def put(
        self,
        operation: BlockTraffic,
        within: Sequence[str],
        offers: Sequence[Sequence[Table]],
        instead: Callable[[], Sequence[Chains]],
        deadline: Deadline,
    ) -> Used:
        """Put the first of the offers in that nft takes, or what is to be there `instead`, and read it back."""
        for number, tables in enumerate(offers):
            try:
                self._nft.put(within, tables, deadline)
            except TargetError as error:
                if error.kind is Refusal.REFUSED and number < len(offers) - 1:
                    continue
                why = self._nft.why_none(error, within, deadline)
                if not why:
                    raise
                return self._put_chains(operation, within, instead, why, deadline)
            self._forget(operation.table)
            self._tables[operation] = tuple(tables)
            return Used(number)
        raise ValueError("no rules were offered")

    def _put_chains(
        self,
        operation: BlockTraffic,
        within: Sequence[str],
        instead: Callable[[], Sequence[Chains]],
        why: str,
        deadline: Deadline,
    ) -> Used:
        try:
            placed = self._iptables.put(within, instead(), deadline, _process_of(within))
        except TargetError as error:
            raise TargetError(f"{why}, and {error.reason}", error.kind) from error
        except ValueError as error:
            raise ValueError(f"{why}, and {error}") from error
        self._forget(operation.table)
        self._placed[operation] = placed
        return Used(tool=placed[-1].chains.tool, why=why, note=without_ipv6(placed))

    def remove(self, operation: UnblockTraffic, within: Sequence[str], deadline: Deadline) -> tuple[bool, str]:
        """Remove the rules, however they were put in: whether there were any, and which tool lists none any more.

        Raises ValueError where their name is none of irkit's.
        """
        was, tool = False, "nft"
        tools = tuple(tools_of(operation.where))
        try:
            was = self._nft.remove(within, _FAMILIES[operation.where], operation.table, deadline)
        except TargetError as error:
            if not tools or not self._nft.why_none(error, within, deadline):
                raise
            tool = tools[-1]
        removed = self._iptables.remove(within, tools, operation.table, deadline, only_plain=was)
        if removed is None and tool != "nft":
            raise TargetError(f"there is neither nft nor {tool} on the host that lists rules", Refusal.UNSUPPORTED)
        self._forget(operation.table)
        return was or bool(removed), tool

    def check(self, operation: BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        """What is not there any more of what was put in for it, in a line; None where nothing was, or it does not run.

        One command as a rule: in a network namespace of its own all that there is is listed at once.
        """
        tables, placed = self._tables.get(operation), self._placed.get(operation)
        is_within = operation.where == "namespace"
        if not (tables or placed) or (is_within and container.pid <= 1):
            return None
        within = ("nsenter", "-t", str(container.pid), "-n") if is_within else ()
        if tables:
            return self._nft.check(within, tables, deadline)
        return self._iptables.check(within, placed or (), deadline, _process_of(within))

    def _forget(self, table: str) -> None:
        self._tables = {one: tables for one, tables in self._tables.items() if one.table != table}
        self._placed = {one: placed for one, placed in self._placed.items() if one.table != table}


def _process_of(within: Sequence[str]) -> str:
    """The process that tells which addresses there are where commands run behind these words."""
    return within[within.index("-t") + 1] if within else _HERE
