"""One container's way back as things are by now: in which order, what cannot be done any more, what must be known.

Pure: what was looked at beforehand comes in (`Around`), operations and findings go out. Which operations a run has left
to take back is worked out by `undo`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from msgspec.structs import replace

from irkit.core.container import Attachment, Container
from irkit.core.finding import Finding, Severity
from irkit.core.found import Found
from irkit.core.kernel import KernelFacts
from irkit.core.network import NetworkFacts
from irkit.core.operation import ALIVE
from irkit.core.operations import AnyOperation, Connect, Kill, ResetConnections, Start, Stop, UnblockTraffic
from irkit.core.run import Run
from irkit.engine.addresses import holder_of, is_foreign, nearest_free
from irkit.engine.as_found import found_by, left_state

_MOST_TOLD = 20
_NUMBERED = re.compile(r"(.*?)([0-9]*)")


@dataclass(frozen=True)
class Around:
    """What was looked at beside the containers themselves.

    `planned` are the facts from which the run was planned, by key. `networks` are those that containers are to be put
    back on, by host and name: None for one that is gone; `kernels`, by key, what the kernel shows of them: None where
    it cannot be read. What is missing was not looked at. `no_root` says why a host gives no root, by its name.
    """

    planned: Mapping[str, Container] = field(default_factory=dict)
    networks: Mapping[tuple[str, str], NetworkFacts | None] = field(default_factory=dict)
    kernels: Mapping[str, KernelFacts | None] = field(default_factory=dict)
    no_root: Mapping[str, str] = field(default_factory=dict)


@dataclass
class WayBack:
    """What is to be done for a container. `given_up` are operations that nothing can do any more, each with why.

    With `is_careful` nothing goes on after an operation that failed. `refused` says why nothing is to be done at all.
    """

    operations: list[AnyOperation] = field(default_factory=list)
    given_up: list[tuple[AnyOperation, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    refused: str = ""
    is_careful: bool = False


class Guide:
    """Finds the ways back of a run's containers. One is to be used for all, as free addresses are given out once."""

    def __init__(self, run: Run, undone: Sequence[Run], around: Around, *, new_address: bool, reset: bool) -> None:
        self._run, self._undone, self._around = run, undone, around
        self._new_address, self._reset = new_address, reset
        self._reserved: dict[tuple[str, str], set[str]] = {}

    def reserve(self, host: str, operations: Sequence[AnyOperation]) -> None:
        """Keep the addresses that these ask for from being given to others."""
        for one in operations:
            if isinstance(one, Connect):
                wanted = {one.attachment.fixed_ipv4, one.attachment.fixed_ipv6} - {""}
                self._reserved.setdefault((host, one.attachment.network), set()).update(wanted)

    def found(self, key: str) -> Found:
        """How the run found a container."""
        return found_by(self._run, key, self._around.planned.get(key))

    def way_back(self, now: Container, operations: Sequence[AnyOperation]) -> WayBack:
        """The way back of one container, by its facts as they are now."""
        way = WayBack()
        way.findings += changed_since(self._run, self._undone, self.found(now.key), now, operations)
        for operation in in_order(operations):
            if isinstance(operation, Connect) and not operation.inapplicable(now):
                self._put_back(way, now, operation)
            else:
                way.operations.append(operation)
        self._heed_connections(way, now)
        return way

    def _put_back(self, way: WayBack, now: Container, operation: Connect) -> None:
        """Take in a connect, as the network is by now."""
        place, where = operation.attachment, (now.host, operation.attachment.network)
        facts = self._around.networks.get(where)
        if where in self._around.networks and facts is None:
            reason = f"network {place.network} is gone: it cannot be put back there"
            way.given_up.append((operation, reason))
            remedy = f"make a network, then connect it there, or leave it as it is: it was {_asked(place)}"
            way.findings.append(_finding(now, "undo.network-gone", Severity.HIGH, reason, remedy=remedy))
            return
        if facts is not None:
            if place.network_id and facts.id and facts.id != place.network_id:
                summary = f"network {place.network} was removed and made again: it is put on the new one"
                because = (f"its id was {place.network_id[:12]} and is {facts.id[:12]}",)
                way.findings.append(_finding(now, "undo.network-anew", Severity.MEDIUM, summary, because))
            operation = replace(operation, attachment=self._addressed(way, now, facts, place))
        way.operations.append(operation)

    def _addressed(self, way: WayBack, now: Container, facts: NetworkFacts, place: Attachment) -> Attachment:
        """A place with addresses that can be had, where that is wished; what stands against those it had is told."""
        for name in ("fixed_ipv4", "fixed_ipv6"):
            address: str = getattr(place, name)
            holder = holder_of(facts, address, now.id)
            reason = f"{holder} has it by now" if holder else ""
            if not reason and is_foreign(facts, address):
                reason = f"the network has no such address: its subnets are {', '.join(facts.subnets)}"
            if not reason:
                continue
            reserved = self._reserved.setdefault((now.host, place.network), set())
            free = nearest_free(facts, address, frozenset(reserved))
            summary = f"its address {address} on network {place.network} cannot be had: {reason}"
            remedy = f"free the address, or give it the nearest free one ({free}): irkit undo RUN --new-address"
            if self._new_address and free:
                place = replace(place, **{name: free})
                reserved.add(free)
                summary, remedy = f"{summary}. It is given {free}", ""
            elif not free:
                remedy = "free the address: no other one is free there"
            way.findings.append(_finding(now, "undo.address", Severity.HIGH, summary, (reason,), remedy))
        return place

    def _heed_connections(self, way: WayBack, now: Container) -> None:
        """Say which connections go on, or have them ended before the first operation that would let them."""
        ways_open = [
            number
            for number, one in enumerate(way.operations)
            if isinstance(one, Connect | UnblockTraffic) and not one.inapplicable(now)
        ]
        if not ways_open or now.state not in ALIVE:
            return  # what does not run has none
        if not self._reset:
            way.findings += _connections(now, self._around.kernels.get(now.key))
            return
        if why := self._around.no_root.get(now.host, ""):
            way.refused = f"its connections cannot be ended, as --reset-connections asks: {why}"
            return
        # Nothing is let through again where they could not be ended.
        way.operations.insert(ways_open[0], ResetConnections(now.id))
        way.is_careful = True


def in_order(operations: Sequence[AnyOperation]) -> list[AnyOperation]:
    """The operations, connects that follow one another in the order of the interfaces there were, where all are known.

    Engines number interfaces in the order in which networks are attached.
    """
    found: list[AnyOperation] = []
    for is_connect, group in groupby(operations, key=lambda one: isinstance(one, Connect)):
        many = list(group)
        if is_connect and all(isinstance(one, Connect) and one.attachment.interface for one in many):
            many.sort(key=_interface_order)
        found += many
    return found


def _interface_order(operation: AnyOperation) -> tuple[str, int]:
    name = operation.attachment.interface if isinstance(operation, Connect) else ""
    found = _NUMBERED.fullmatch(name)
    stem, number = found.groups() if found else (name, "")
    return stem, int(number or 0)


def _asked(place: Attachment) -> str:
    """What a place was like, to be made again by hand."""
    parts = [one for one in (place.fixed_ipv4 or place.ipv4, place.fixed_ipv6 or place.ipv6) if one]
    aliases = f", aliases {', '.join(place.aliases)}" if place.aliases else ""
    return f"{' and '.join(parts) or 'without an address'}{aliases}"


def changed_since(
    run: Run, undone: Sequence[Run], found: Found, now: Container, left: Sequence[AnyOperation]
) -> Iterator[Finding]:
    """What became of a container since the run left it, that neither the run did nor those that took it back so far."""
    done = [one.started.operation for undo in undone for one in undo.operations if one.key == now.key]
    told = []
    if found.name and found.name != now.name:
        told.append(f"it was called {found.name} and is called {now.name}")
    state = left_state(run, undone, found)
    if state and _alike(state) != _alike(now.state):
        told.append(f"it was left {state} and is {now.state}")
    elif _is_started_anew(run, found, now) and not any(isinstance(one, Start) for one in done):
        told.append(f"it was started again at {now.started_at}: its processes, memory and connections of then are gone")
    own = {one.attachment.network for one in done if isinstance(one, Connect)}
    for one in left:
        if isinstance(one, Connect) and one.inapplicable(now) and one.attachment.network not in own:
            told.append(f"somebody else has put it on network {one.attachment.network} again")
    if told:
        summary = f"since the run: {'; '.join(told)}"
        yield _finding(now, "undo.changed-since", Severity.MEDIUM, summary, tuple(told))


def _is_started_anew(run: Run, found: Found, now: Container) -> bool:
    """Whether it was started since it was found, and the run itself did not end it."""
    ended = any(one.key == now.key and isinstance(one.started.operation, Stop | Kill) for one in run.operations)
    return bool(found.started_at and now.started_at) and found.started_at != now.started_at and not ended


def _alike(state: str) -> str:
    same = {"restarting": "running", "created": "exited", "dead": "exited"}
    return same.get(state, state)


def _connections(now: Container, kernel: KernelFacts | None) -> Iterator[Finding]:
    """The connections that go on once it is back, or that this cannot be told."""
    remedy = "--reset-connections ends them first, as root on the host; or end the container"
    if kernel is None:
        summary = "connections that were open when it was cut off may go on when it is back"
        because = ("what its host's kernel shows of it cannot be read from here",)
        yield _finding(now, "undo.connections", Severity.MEDIUM, summary, because, remedy)
    elif kernel.connections:
        ends = [f"{one.local} to {one.remote}" for one in kernel.connections]
        many = f"{len(ends)} connections go" if len(ends) > 1 else "1 connection goes"
        rest = f"{len(ends) - _MOST_TOLD} more" if not kernel.has_more_connections else "more than were counted"
        more = f"; and {rest}" if len(ends) > _MOST_TOLD or kernel.has_more_connections else ""
        summary = f"{many} on when it is back: {'; '.join(ends[:_MOST_TOLD])}{more}"
        yield _finding(now, "undo.connections", Severity.HIGH, summary, tuple(ends), remedy)


def _finding(
    now: Container, check: str, severity: Severity, summary: str, because: tuple[str, ...] = (), remedy: str = ""
) -> Finding:
    return Finding(
        check=check,
        severity=severity,
        host=now.host,
        container=now.key,
        summary=summary,
        because=because,
        remedy=remedy,
    )
