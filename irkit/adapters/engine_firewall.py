"""The operations that firewall a container, as commands of its host: nft by nsenter, and ss. What each rule says is in
`firewall_rules`, where they go in `firewall_place`, that they stand in `firewall_proof`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from irkit.adapters import firewall_rules as rules
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_sharers import facts_of, sharers_of
from irkit.adapters.firewall_crowd import Crowd, look_at_crowd
from irkit.adapters.firewall_devices import Outer, check_bridge, devices_in, inner_devices, outer_devices, who_is_before
from irkit.adapters.firewall_place import Process, check_same, control_group, find_process
from irkit.adapters.firewall_proof import difference, names
from irkit.adapters.firewall_rules import Table
from irkit.adapters.host_commands import last_line
from irkit.core.allowed import parse_all
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.isolation import BlockTraffic, ResetConnections, UnblockTraffic
from irkit.core.ports import Deadline, HostCommands, Intake, Outcome
from irkit.core.proof import Proof
from irkit.core.text import safe

_ALIVE: Final = ("running", "paused")
_FAMILIES: Final = {
    "namespace": ("inet", "netdev"),
    "veth": ("netdev",),
    "cgroup": ("inet",),
    "bridge": ("inet",),
}
_STANDS: Final = {
    "namespace": "the rules stand in its network namespace",
    "veth": "the rules stand at the host's ends of its interfaces",
    "cgroup": "the rules stand for the sockets of its control group",
    "bridge": "the rules stand between its network and the host",
}
_SEES: Final = "; with NET_RAW it can still see what arrives"
_SENDS: Final = "; with NET_RAW it can still send frames of its own making"
_NOT_LOCAL: Final = (
    *("state", "connected", "exclude", "time-wait"),
    *("not", "dst", "127.0.0.0/8", "not", "dst", "::1/128"),
)
_NOTHING: Final = '{"nftables": []}'
_UNSURE: Final = (Refusal.CANCELLED, Refusal.TIMEOUT, Refusal.LOST, Refusal.UNREACHABLE)


class Firewall:
    """The handlers, on the commands of one host. It remembers what it has put in for as long as it lives."""

    def __init__(self, commands: HostCommands) -> None:
        self._commands = commands
        self._put: dict[BlockTraffic, tuple[Table, ...]] = {}

    def block(self, api: EngineApi, operation: BlockTraffic, intake: Intake, deadline: Deadline) -> Outcome:
        """Put the rules in, and read them back."""
        try:
            return Outcome(proof=self._block(api, operation, deadline))
        except ValueError as error:
            raise TargetError(f"NOT isolated: {error}", Refusal.UNSUPPORTED) from error
        except TargetError as error:
            if error.kind in _UNSURE:
                raise
            raise TargetError(f"NOT isolated: {error.reason}", error.kind) from error

    def _block(self, api: EngineApi, operation: BlockTraffic, deadline: Deadline) -> Proof:
        if operation.where == "bridge":
            rules.check_device(operation.device)
            check_bridge(self._commands, operation.device, deadline)
            tables = rules.bridge_tables(operation.table, parse_all(operation.allow), operation.device)
            self._apply(operation, (), tables, deadline)
            return Proof.proven(_STANDS["bridge"])
        owner, process = self._process(api, operation.container, deadline)
        sharers = sharers_of(api, owner, deadline)
        crowd = look_at_crowd(self._commands, owner, sharers, process, deadline)
        match operation.where:
            case "namespace":
                said, doubt = self._block_namespace(owner, process, crowd, operation, deadline)
            case "veth":
                said, doubt = self._block_ends(owner, process, operation, deadline)
            case _:
                said, doubt = self._block_group(process, crowd, operation, deadline), ""
        with _after_rules():
            check_same(self._commands, operation.container, process, deadline)
        why = doubt or crowd.elsewhere
        return Proof.asserted(f"{said}, but {why}") if why else Proof.proven(said)

    def _block_namespace(
        self, owner: Container, process: Process, crowd: Crowd, operation: BlockTraffic, deadline: Deadline
    ) -> tuple[str, str]:
        """With what raw sockets send, where the kernel has a hook for that; what must be known of it."""
        _check_own_network(process)
        if crowd.admin:
            raise TargetError(f"{crowd.admin}, so the rules could be taken away: use where: host", Refusal.UNSUPPORTED)
        allow = parse_all(operation.allow)
        devices = inner_devices(self._commands, process, deadline)
        more = _SEES if devices else ""
        try:
            self._apply(operation, process.within, rules.namespace_tables(operation.table, allow, devices), deadline)
        except TargetError as error:
            if error.kind is not Refusal.REFUSED or not devices:
                raise
            self._apply(operation, process.within, rules.namespace_tables(operation.table, allow), deadline)
            more += _SENDS
        with _after_rules():
            _check_all_there(owner, outer_devices(self._commands, process, deadline))
        return _STANDS["namespace"] + more, ""

    def _block_ends(
        self, owner: Container, process: Process, operation: BlockTraffic, deadline: Deadline
    ) -> tuple[str, str]:
        """Cut all ends that there are, whatever else there is; and see whether those are all."""
        _check_own_network(process)
        outer = outer_devices(self._commands, process, deadline)
        if outer.devices:
            self._apply(
                operation, (), rules.veth_tables(operation.table, parse_all(operation.allow), outer.names), deadline
            )
        kind = Refusal.GARBLED if outer.devices else Refusal.UNSUPPORTED
        if outer.open:
            name = ", ".join(outer.open)
            raise TargetError(f"interface {name} has no end of its own on the host: it cannot be cut there", kind)
        _check_all_there(owner, outer, kind)
        if not outer.devices:
            return "it has no interface but the loopback", ""
        with _after_rules():
            return _STANDS["veth"], who_is_before(self._commands, outer, deadline)

    def _block_group(self, process: Process, crowd: Crowd, operation: BlockTraffic, deadline: Deadline) -> str:
        """By the first name of the control group that nft takes: it looks the group up itself."""
        level, (group, other) = _group(process, crowd, operation.container)
        allow = parse_all(operation.allow)
        try:
            self._apply(operation, (), rules.cgroup_tables(operation.table, allow, level, group), deadline)
        except TargetError as error:
            if error.kind is not Refusal.REFUSED:
                raise
            self._apply(operation, (), rules.cgroup_tables(operation.table, allow, level, other), deadline)
        return _STANDS["cgroup"] + _SENDS

    def unblock(self, api: EngineApi, operation: UnblockTraffic, intake: Intake, deadline: Deadline) -> Outcome:
        """Remove the rules, where they are; that they are gone already is as good."""
        within: Sequence[str] = ()
        if operation.where == "namespace":
            found = facts_of(api, operation.container, deadline)
            if found.state not in _ALIVE:
                gone = f"it is {found.state}: its network namespace is gone, and the rules with it"
                return Outcome(detail=gone, proof=Proof.proven("it has no network namespace"))
            process = find_process(self._commands, found.id, found.pid, deadline)
            _check_own_network(process)
            within = process.within
        return self._remove(within, operation, deadline)

    def _remove(self, within: Sequence[str], operation: UnblockTraffic, deadline: Deadline) -> Outcome:
        families = _FAMILIES[operation.where]
        try:
            mine = {(family, rules.check_table(operation.table)) for family in families}
            there = mine & self._tables(within, families, deadline)
            if there:
                text = rules.removal_text(operation.table, sorted(family for family, _ in there))
                self._nft(within, ("-f", "-"), deadline, text)
            left = mine & self._tables(within, families, deadline) if there else set()
        except ValueError as error:
            raise TargetError(str(error), Refusal.UNSUPPORTED) from error
        if left:
            raise TargetError(f"table {operation.table} is still there", Refusal.REFUSED)
        self._put = {one: tables for one, tables in self._put.items() if one.table != operation.table}
        detail = "" if there else "the rules were gone already"
        return Outcome(detail=detail, proof=Proof.proven("nft lists none of the rules any more"))

    def reset(self, api: EngineApi, operation: ResetConnections, intake: Intake, deadline: Deadline) -> Outcome:
        """End the connections, and see that none is left."""
        _, process = self._process(api, operation.container, deadline)
        _check_own_network(process, "its connections cannot be told from the host's")
        before = self._sockets(process, ("-H",), deadline)
        if before:
            self._sockets(process, ("-K", "-H"), deadline)
        left = self._sockets(process, ("-H",), deadline) if before else []
        check_same(self._commands, operation.container, process, deadline)
        if left:
            reason = f"{len(left)} of {len(before)} connections go on: this kernel may not end them from outside"
            return Outcome(proof=Proof.wrong(reason))
        return Outcome(
            detail=f"{len(before)} ended", proof=Proof.proven("its network namespace has no connection left")
        )

    def _sockets(self, process: Process, options: Sequence[str], deadline: Deadline) -> list[str]:
        """The TCP connections of a network namespace beyond its loopback, one a line."""
        ran = self._commands.run((*process.within, "ss", *options, "-n", "-t", *_NOT_LOCAL), deadline)
        if ran.status:
            raise TargetError(f"ss says: {last_line(ran.err)}", Refusal.REFUSED)
        return [line for line in ran.out.split("\n") if line.strip()]

    def _process(self, api: EngineApi, container: str, deadline: Deadline) -> tuple[Container, Process]:
        found = facts_of(api, container, deadline)
        if found.state == "restarting":
            raise TargetError("it starts again and again, each time in a new network namespace", Refusal.REFUSED)
        return found, find_process(self._commands, found.id, found.pid, deadline)

    def check(self, operation: BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        """What is not there any more of what was put in for it, in a line; None where nothing was, or it does not run.

        One command as a rule: in a network namespace of its own all that there is is listed at once.
        """
        tables = self._put.get(operation)
        is_within = operation.where == "namespace"
        if not tables or (is_within and container.pid <= 1):
            return None
        within = ("nsenter", "-t", str(container.pid), "-n") if is_within else ()
        listed = self._nft(within, ("-j", "list", "ruleset"), deadline) if is_within else ""
        for table in tables:
            wrong = difference(table, listed or self._list(table, deadline))
            if wrong and not self._is_moot(table, within, deadline):
                return wrong
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

    def _apply(
        self, operation: BlockTraffic, within: Sequence[str], tables: Sequence[Table], deadline: Deadline
    ) -> None:
        """Put tables in, all or none, and read them back."""
        self._nft(within, ("-f", "-"), deadline, rules.rules_text(tables))
        for table in tables:
            with _after_rules():
                listing = self._nft(within, ("-j", "list", "table", table.family, table.name), deadline)
            if wrong := difference(table, listing):
                raise TargetError(wrong, Refusal.GARBLED)
        self._put[operation] = tuple(tables)

    def _tables(self, within: Sequence[str], families: Sequence[str], deadline: Deadline) -> set[tuple[str, str]]:
        return names(self._nft(within, ("-j", "list", "tables"), deadline), families)

    def _nft(self, within: Sequence[str], options: Sequence[str], deadline: Deadline, text: str = "") -> str:
        ran = self._commands.run((*within, "nft", *options), deadline, input=text.encode())
        if ran.status:
            lines = [line for line in ran.err.split("\n") if "rror" in line]
            raise TargetError(f"nft says: {last_line(lines[0] if lines else ran.err)}", Refusal.REFUSED)
        return ran.out


@contextmanager
def _after_rules() -> Iterator[None]:
    """Whatever fails from here on, rules are in: no error may say that nothing was done."""
    try:
        yield
    except TargetError as error:
        raise TargetError(error.reason, Refusal.GARBLED if error.is_final else error.kind) from error


def _check_own_network(process: Process, reason: str = "rules in its network namespace would cut off the host") -> None:
    if not process.has_own_network:
        raise TargetError(f"it is on the host's own network: {reason}", Refusal.UNSUPPORTED)


def _check_all_there(owner: Container, outer: Outer, kind: Refusal = Refusal.GARBLED) -> None:
    """That as many interfaces were found as the engine has given it: one may be in a namespace of its own making."""
    names = [one.network for one in owner.attachments if one.network != "none" and owner.attachment(one.network)]
    count = len(outer.devices) + len(outer.open)
    if count < len(names):
        reason = f"the engine has it on {len(names)} network(s) ({', '.join(names)}), and its network namespace has"
        reason += f" {count} interface(s) that lead out: what is missing may be in another namespace, and was not cut"
        raise TargetError(safe(reason, 400), kind)


def _group(process: Process, crowd: Crowd, container: str) -> tuple[int, tuple[str, ...]]:
    if process.namespace != process.here:
        raise TargetError("it is not on the network that commands of the host run in", Refusal.UNSUPPORTED)
    if crowd.admin:
        reason = f"{crowd.admin} on the host's own network, so it could take any rule away"
        raise TargetError(reason, Refusal.UNSUPPORTED)
    return control_group(process, container)
