"""The rules of a firewall by nft, on the commands of one host: put in, read back, looked at again, removed."""

from collections.abc import Sequence
from typing import Final

from irkit.adapters import firewall_rules as rules
from irkit.adapters.firewall_devices import devices_in
from irkit.adapters.firewall_place import after_rules
from irkit.adapters.firewall_proof import difference, names
from irkit.adapters.firewall_rules import Table
from irkit.adapters.host_commands import is_missing, last_line
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostCommands

_NOTHING: Final = '{"nftables": []}'


class Nft:
    """nft, where commands run or behind the words that lead into a network namespace."""

    def __init__(self, commands: HostCommands) -> None:
        self._commands = commands

    def put(self, within: Sequence[str], tables: Sequence[Table], deadline: Deadline) -> None:
        """Put tables in, all or none, and read them back."""
        self._nft(within, ("-f", "-"), deadline, rules.rules_text(tables))
        for table in tables:
            with after_rules():
                listing = self._nft(within, ("-j", "list", "table", table.family, table.name), deadline)
            if wrong := difference(table, listing):
                raise TargetError(wrong, Refusal.GARBLED)

    def check(self, within: Sequence[str], tables: Sequence[Table], deadline: Deadline) -> str:
        """What of them is not there any more, in a line. One command where they are in a namespace of their own."""
        listed = self._nft(within, ("-j", "list", "ruleset"), deadline) if within else ""
        for table in tables:
            wrong = difference(table, listed or self._list(table, deadline))
            if wrong and not self._is_moot(table, within, deadline):
                return wrong
        return ""

    def remove(self, within: Sequence[str], families: Sequence[str], table: str, deadline: Deadline) -> bool:
        """Remove the tables of that name; whether there were any. Raises ValueError where it is no name of irkit's."""
        mine = {(family, rules.check_table(table)) for family in families}
        there = mine & self._tables(within, families, deadline)
        if not there:
            return False
        self._nft(within, ("-f", "-"), deadline, rules.removal_text(table, sorted(family for family, _ in there)))
        if mine & self._tables(within, families, deadline):
            raise TargetError(f"table {table} is still there", Refusal.REFUSED)
        return True

    def why_none(self, error: TargetError, within: Sequence[str], deadline: Deadline) -> str:
        """Why nft is of no use at all there, after it failed so; empty where it is, or that is not known."""
        if is_missing(error):
            return "there is no nft on the host"
        if error.kind is not Refusal.REFUSED:
            return ""
        try:
            self._tables(within, (), deadline)
        except TargetError as again:
            return "nft cannot list any table on the host" if again.kind is Refusal.REFUSED else ""
        return ""

    def _is_moot(self, table: Table, within: Sequence[str], deadline: Deadline) -> bool:
        """Whether all interfaces that a table is for are gone: some kernels remove its chains with them."""
        devices = {one for chain in table.chains for one in chain.devices}
        return bool(devices) and devices.isdisjoint(devices_in(self._commands, within, deadline))

    def _list(self, table: Table, deadline: Deadline) -> str:
        """A table of the host's own, which may have many; that it is not there is no error."""
        try:
            return self._nft((), ("-j", "list", "table", table.family, table.name), deadline)
        except TargetError as error:
            if error.kind is not Refusal.REFUSED:
                raise
            if (table.family, table.name) in self._tables((), (table.family,), deadline):
                raise
            return _NOTHING

    def _tables(self, within: Sequence[str], families: Sequence[str], deadline: Deadline) -> set[tuple[str, str]]:
        return names(self._nft(within, ("-j", "list", "tables"), deadline), families)

    def _nft(self, within: Sequence[str], options: Sequence[str], deadline: Deadline, text: str = "") -> str:
        ran = self._commands.run((*within, "nft", *options), deadline, input=text.encode())
        if ran.status:
            lines = [line for line in ran.err.split("\n") if "rror" in line]
            raise TargetError(f"nft says: {last_line(lines[0] if lines else ran.err)}", Refusal.REFUSED)
        return ran.out
