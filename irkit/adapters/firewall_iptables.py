"""The rules of a firewall by iptables, ip6tables and ebtables, on the commands of one host where nft is of no use.

iptables is there in up to two kinds, which do not know of each other's chains: `legacy`, and `nft`. The one that the
host has under the plain name is used; where its kernel does not know that, the other. Of ebtables only the second is:
the old one puts rules in by replacing all that there are.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Final, NamedTuple

from irkit.adapters.firewall_chains import Chains, Tool, chain_names
from irkit.adapters.firewall_devices import devices_in
from irkit.adapters.firewall_place import after_rules
from irkit.adapters.firewall_saved import Saved, difference, is_there, read_saved, removal_text, restore_text
from irkit.adapters.host_commands import is_missing, last_line
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostCommands

_KINDS: Final[dict[Tool, tuple[str, ...]]] = {
    "iptables": ("", "-legacy", "-nft"),
    "ip6tables": ("", "-legacy", "-nft"),
    "ebtables": ("-nft",),
}
_WAIT: Final = ("-w", "5")
"""Seconds that the lock of iptables is waited for."""
_ABSENT: Final[dict[Tool, str]] = {
    "iptables": "there is no iptables on the host",
    "ip6tables": "there is no ip6tables on the host, and it has IPv6",
    "ebtables": "there is no ebtables-nft on the host, and iptables lets other frames than those of IP pass there",
}
_WITHOUT_IPV6: Final = "; it has no IPv6"


class Placed(NamedTuple):
    """What stands: chains, and the kind of the tool that has them; `kind` None where none were needed."""

    chains: Chains
    kind: str | None


class Iptables:
    """iptables and its like, where commands run or behind the words that lead into a network namespace."""

    def __init__(self, commands: HostCommands) -> None:
        self._commands = commands

    def put(
        self, within: Sequence[str], wanted: Sequence[Chains], deadline: Deadline, ipv6_of: str
    ) -> tuple[Placed, ...]:
        """Put chains in, tool by tool, and read them back. `ipv6_of` is the process whose addresses count.

        Without ip6tables there must be no IPv6. What was put in stays where the next fails: that error is not final.
        """
        placed: list[Placed] = []
        for one in wanted:
            try:
                placed.append(Placed(one, self._put(within, one, deadline)))
            except TargetError as error:
                if self._is_needless(one.tool, error, ipv6_of, deadline):
                    placed.append(Placed(one, None))
                    continue
                with after_rules() if placed else nullcontext():
                    raise
        return tuple(placed)

    def _is_needless(self, tool: Tool, error: TargetError, ipv6_of: str, deadline: Deadline) -> bool:
        """Whether a tool that failed so is not needed, as there is no IPv6."""
        is_absent = tool == "ip6tables" and error.kind in (Refusal.UNSUPPORTED, Refusal.REFUSED)
        return is_absent and not self._has_ipv6(ipv6_of, deadline)

    def _put(self, within: Sequence[str], wanted: Chains, deadline: Deadline) -> str:
        """By the first kind of the tool that takes them."""
        last = TargetError(_ABSENT[wanted.tool], Refusal.UNSUPPORTED)
        for kind in _KINDS[wanted.tool]:
            try:
                saved = self._save(within, wanted.tool, kind, deadline)
                self._restore(within, wanted.tool, kind, restore_text(wanted, saved), deadline)
            except TargetError as error:
                if error.kind not in (Refusal.UNSUPPORTED, Refusal.REFUSED):
                    raise
                last = last if is_missing(error) else error
                continue
            with after_rules():
                saved = self._save(within, wanted.tool, kind, deadline)
            if wrong := difference(wanted, saved):
                raise TargetError(wrong, Refusal.GARBLED)
            return kind
        raise last

    def check(self, within: Sequence[str], placed: Sequence[Placed], deadline: Deadline, ipv6_of: str) -> str:
        """What of them is not there any more, in a line."""
        for chains, kind in placed:
            if kind is None:
                wrong = "it has IPv6 by now, and no rules for that" if self._has_ipv6(ipv6_of, deadline) else ""
            else:
                wrong = difference(chains, self._save(within, chains.tool, kind, deadline))
            if wrong and not self._is_moot(chains, within, deadline):
                return wrong
        return ""

    def remove(
        self, within: Sequence[str], tools: Sequence[Tool], table: str, deadline: Deadline, *, only_plain: bool
    ) -> bool | None:
        """Remove the chains of that name, of every kind of tool; whether there were any, None where no tool lists any.

        With `only_plain` only the kind that the host has under the plain name. Raises ValueError where the name is none
        of irkit's.
        """
        chain_names(table)
        was: bool | None = None
        for tool in tools:
            for kind in _KINDS[tool][:1] if only_plain else _KINDS[tool]:
                try:
                    saved = self._save(within, tool, kind, deadline)
                except TargetError as error:
                    if error.kind not in (Refusal.UNSUPPORTED, Refusal.REFUSED):
                        raise
                    continue  # it is not there, or knows nothing of this kernel
                was = self._remove(within, tool, kind, table, saved, deadline) or bool(was)
        return was

    def _remove(
        self, within: Sequence[str], tool: Tool, kind: str, table: str, saved: Saved, deadline: Deadline
    ) -> bool:
        if not is_there(saved, table):
            return False
        self._restore(within, tool, kind, removal_text(tool, table, saved), deadline)
        if is_there(self._save(within, tool, kind, deadline), table):
            raise TargetError(f"chains {table} of {tool} are still there", Refusal.REFUSED)
        return True

    def _has_ipv6(self, process: str, deadline: Deadline) -> bool:
        """Whether any interface of its network namespace has an address of IPv6; a kernel without has no such file."""
        ran = self._commands.run(("cat", f"/proc/{process}/net/if_inet6"), deadline)
        return bool(ran.out.strip()) or bool(ran.status and "No such file" not in ran.err)

    def _is_moot(self, chains: Chains, within: Sequence[str], deadline: Deadline) -> bool:
        """Whether all interfaces that these are for are gone."""
        devices = {jump.match.split()[-1] for jump in chains.jumps if jump.match}
        return bool(devices) and devices.isdisjoint(devices_in(self._commands, within, deadline))

    def _save(self, within: Sequence[str], tool: Tool, kind: str, deadline: Deadline) -> Saved:
        ran = self._commands.run((*within, f"{tool}{kind}-save"), deadline)
        if ran.status:
            raise TargetError(f"{tool}{kind}-save says: {last_line(ran.err)}", Refusal.REFUSED)
        return read_saved(ran.out, tool)

    def _restore(self, within: Sequence[str], tool: Tool, kind: str, text: str, deadline: Deadline) -> None:
        wait = () if tool == "ebtables" else _WAIT
        name = f"{tool}{kind}-restore"
        ran = self._commands.run((*within, name, "--noflush", *wait), deadline, input=text.encode())
        if ran.status:
            raise TargetError(f"{name} says: {last_line(ran.err)}", Refusal.REFUSED)


def without_ipv6(placed: Sequence[Placed]) -> str:
    """What is to be said where there are no rules for IPv6; empty where there are."""
    return _WITHOUT_IPV6 if any(one.kind is None for one in placed) else ""


def tools_of(where: str) -> Iterator[Tool]:
    """What may have rules of that place."""
    if where in ("namespace", "bridge"):
        yield from ("ip6tables", "iptables")
    elif where == "veth":
        yield "ebtables"
