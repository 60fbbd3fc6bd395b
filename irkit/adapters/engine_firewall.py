"""The operations that firewall a container, as commands of its host: nft by nsenter, or iptables, and ss. What each
rule says is in `firewall_rules` and `firewall_chains`, where they go in `firewall_place`; `firewall_ways` puts them in,
and sees that they stand.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, TypeAlias

from irkit.adapters import firewall_chains as chains
from irkit.adapters import firewall_rules as rules
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_sharers import facts_of, sharers_of
from irkit.adapters.firewall_chains import Chains
from irkit.adapters.firewall_crowd import Crowd, look_at_crowd
from irkit.adapters.firewall_devices import Outer, check_bridge, inner_devices, outer_devices, who_is_before
from irkit.adapters.firewall_place import Process, after_rules, check_same, control_group, find_process
from irkit.adapters.firewall_ways import Used, Ways
from irkit.adapters.host_commands import last_line
from irkit.core.allowed import parse_all
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.isolation import BlockTraffic, ResetConnections, UnblockTraffic, Where
from irkit.core.ports import Deadline, HostCommands, Intake, Outcome
from irkit.core.proof import Proof
from irkit.core.text import safe

_ALIVE: Final = ("running", "paused")
_STANDS: Final = {
    "namespace": "the rules stand in its network namespace",
    "veth": "the rules stand at the host's ends of its interfaces",
    "cgroup": "the rules stand for the sockets of its control group",
    "bridge": "the rules stand between its network and the host",
}
_STANDS_CHAINS: Final = {
    "namespace": "the rules of iptables stand in its network namespace",
    "veth": "the rules of ebtables stand at the host's ends of its interfaces",
    "bridge": "the rules of iptables stand between its network and the host",
}
_SEES: Final = "; with NET_RAW it can still see what arrives"
_SENDS: Final = "; with NET_RAW it can still send frames of its own making"
_NOT_LOCAL: Final = (
    *("state", "connected", "exclude", "time-wait"),
    *("not", "dst", "127.0.0.0/8", "not", "dst", "::1/128"),
)
_Said: TypeAlias = tuple[Used, str, str]
"""How rules were put in, what is so now, and what is in doubt."""
_UNSURE: Final = (Refusal.CANCELLED, Refusal.TIMEOUT, Refusal.LOST, Refusal.UNREACHABLE)


class Firewall:
    """The handlers, on the commands of one host. It remembers what it has put in for as long as it lives."""

    def __init__(self, commands: HostCommands) -> None:
        self._commands = commands
        self._ways = Ways(commands)

    def block(self, api: EngineApi, operation: BlockTraffic, intake: Intake, deadline: Deadline) -> Outcome:
        """Put the rules in, and read them back."""
        try:
            return self._block(api, operation, deadline)
        except ValueError as error:
            raise TargetError(f"NOT isolated: {error}", Refusal.UNSUPPORTED) from error
        except TargetError as error:
            if error.kind in _UNSURE:
                raise
            raise TargetError(f"NOT isolated: {error.reason}", error.kind) from error

    def _block(self, api: EngineApi, operation: BlockTraffic, deadline: Deadline) -> Outcome:
        if operation.where == "bridge":
            return self._block_bridge(operation, deadline)
        owner, process = self._process(api, operation.container, deadline)
        sharers = sharers_of(api, owner, deadline)
        crowd = look_at_crowd(self._commands, owner, sharers, process, deadline)
        match operation.where:
            case "namespace":
                used, said, doubt = self._block_namespace(owner, process, crowd, operation, deadline)
            case "veth":
                used, said, doubt = self._block_ends(owner, process, operation, deadline)
            case _:
                used, said, doubt = self._block_group(process, crowd, operation, deadline)
        with after_rules():
            check_same(self._commands, operation.container, process, deadline)
        return _outcome(used, said, doubt or crowd.elsewhere)

    def _block_bridge(self, operation: BlockTraffic, deadline: Deadline) -> Outcome:
        allow = parse_all(operation.allow)
        rules.check_device(operation.device)
        check_bridge(self._commands, operation.device, deadline)
        tables = rules.bridge_tables(operation.table, allow, operation.device)
        used = self._ways.put(
            operation, (), [tables], lambda: chains.bridge_chains(operation.table, allow, operation.device), deadline
        )
        return _outcome(used, _stands("bridge", used))

    def _block_namespace(
        self, owner: Container, process: Process, crowd: Crowd, operation: BlockTraffic, deadline: Deadline
    ) -> _Said:
        """With what raw sockets send, where the kernel has a hook for that; what must be known of it."""
        _check_own_network(process)
        if crowd.admin:
            raise TargetError(f"{crowd.admin}, so the rules could be taken away: use where: host", Refusal.UNSUPPORTED)
        allow, table = parse_all(operation.allow), operation.table
        devices = inner_devices(self._commands, process, deadline)
        offers = [rules.namespace_tables(table, allow)]
        if devices:
            offers.insert(0, rules.namespace_tables(table, allow, devices))
        instead = partial(chains.namespace_chains, table, allow)
        used = self._ways.put(operation, process.within, offers, instead, deadline)
        with after_rules():
            _check_all_there(owner, outer_devices(self._commands, process, deadline))
        if used.why:
            return used, _stands("namespace", used), f"{crowd.raw}: frames of its own making pass" if crowd.raw else ""
        more = (_SEES if devices else "") + (_SENDS if used.number else "")
        return used, _stands("namespace", used) + more, ""

    def _block_ends(self, owner: Container, process: Process, operation: BlockTraffic, deadline: Deadline) -> _Said:
        """Cut all ends that there are, whatever else there is; and see whether those are all."""
        _check_own_network(process)
        outer = outer_devices(self._commands, process, deadline)
        used = self._cut(outer, operation, deadline) if outer.devices else Used()
        kind = Refusal.GARBLED if outer.devices else Refusal.UNSUPPORTED
        if outer.open:
            name = ", ".join(outer.open)
            raise TargetError(f"interface {name} has no end of its own on the host: it cannot be cut there", kind)
        _check_all_there(owner, outer, kind)
        if not outer.devices:
            return used, "it has no interface but the loopback", ""
        with after_rules():
            return used, _stands("veth", used), who_is_before(self._commands, outer, deadline)

    def _cut(self, outer: Outer, operation: BlockTraffic, deadline: Deadline) -> Used:
        """By nft at all ends; or by ebtables at those that are ports of a bridge, which all have to be."""
        allow, table = parse_all(operation.allow), operation.table
        ports = [one.ifname for one in outer.devices if one.is_on_bridge]
        loose = ", ".join(one.shown for one in outer.devices if not one.is_on_bridge)
        reason = f"ebtables cuts nothing at {loose}: that is no port of a bridge"

        def instead() -> tuple[Chains, ...]:
            if not ports:
                raise TargetError(reason, Refusal.UNSUPPORTED)
            return (chains.end_chains(table, allow, ports),)

        used = self._ways.put(operation, (), [rules.veth_tables(table, allow, outer.names)], instead, deadline)
        if used.why and loose:
            raise TargetError(f"{used.why}, and {reason}", Refusal.GARBLED)
        return used

    def _block_group(self, process: Process, crowd: Crowd, operation: BlockTraffic, deadline: Deadline) -> _Said:
        """By the first name of the control group that nft takes: it looks the group up itself."""
        level, groups = _group(process, crowd, operation.container)
        allow = parse_all(operation.allow)
        offers = [rules.cgroup_tables(operation.table, allow, level, group) for group in groups]
        used = self._ways.put(operation, (), offers, _no_chains, deadline)
        return used, _STANDS["cgroup"] + _SENDS, ""

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
        try:
            was, tool = self._ways.remove(operation, within, deadline)
        except ValueError as error:
            raise TargetError(str(error), Refusal.UNSUPPORTED) from error
        detail = "" if was else "the rules were gone already"
        return Outcome(detail=detail, proof=Proof.proven(f"{tool} lists none of the rules any more"))

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
        """What is not there any more of what was put in for it; None where nothing was, or it does not run."""
        return self._ways.check(operation, container, deadline)


def _stands(where: Where, used: Used) -> str:
    """That the rules stand, and where."""
    return (_STANDS_CHAINS if used.why else _STANDS)[where] + used.note


def _outcome(used: Used, said: str, doubt: str = "") -> Outcome:
    """What is logged: by which tool, where that is not nft, and the proof."""
    detail = f"by {used.tool}: {used.why}" if used.why else ""
    return Outcome(detail=detail, proof=Proof.asserted(f"{said}, but {doubt}") if doubt else Proof.proven(said))


def _no_chains() -> tuple[Chains, ...]:
    reason = "iptables does not know whose socket a packet will reach: on the host's network only nft cuts a container"
    raise TargetError(f"{reason} off", Refusal.UNSUPPORTED)


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
