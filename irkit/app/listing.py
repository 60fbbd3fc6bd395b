"""A look at hosts outside a run: their containers, and the facts of those meant."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from irkit.adapters.clock import SystemClock
from irkit.app.clones import Engines, keep_once
from irkit.app.fleet import LOOK_TIME, time_for
from irkit.core.errors import HostState, NoTargetError, Refusal, TargetError, UnreachableError
from irkit.engine.deadline import Cancel, OperationDeadline
from irkit.engine.selection import concerned, select

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.reach import HostTarget
    from irkit.core.container import Container, Summary
    from irkit.core.host import Host
    from irkit.core.plan import Refused
    from irkit.core.ports import Deadline, Target

_IDENTIFY_TIME = 10.0
_MOST_TOLD = 10
_NO_ID = "its engine tells no lasting ID: undo cannot tell whether the same engine answers"


def look_deadline(seconds: float = LOOK_TIME) -> OperationDeadline:
    """The time for one look at an engine outside a run."""
    return OperationDeadline(SystemClock(), seconds, seconds, Cancel())


def list_containers(target: Target, deadline: Deadline) -> list[Summary]:
    """The containers of a host: running first, newest first. Raises TargetError."""
    return _sorted(target.list_containers(deadline))


def list_hosts(fleet: Fleet, selectors: Sequence[str] = ()) -> Iterator[tuple[Host, list[Summary] | TargetError]]:
    """The containers of each host as it answers, or why it does not.

    With selectors all hosts are waited for: a name may mean one container of one of them only. Raises NoTargetError,
    UsageError.
    """
    if not selectors:
        return fleet.each(list_containers)
    return iter(_list_chosen(fleet, selectors))


def _list_chosen(fleet: Fleet, selectors: Sequence[str]) -> list[tuple[Host, list[Summary] | TargetError]]:
    listed = _list(fleet, selectors, identify=False)
    found: list[tuple[Host, list[Summary] | TargetError]] = []
    chosen: list[Summary] = []
    if listed.hosts:
        chosen, _ = select(listed.containers, selectors, [host.name for host in listed.hosts], listed.failures)
    for host in listed.hosts:
        if mine := [one for one in chosen if one.host == host.name]:
            found.append((host, _sorted(mine)))
    return found + [(host, listed.failures[host.name]) for host in fleet.hosts if host.name in listed.failures]


def _sorted(found: list[Summary]) -> list[Summary]:
    found.sort(key=lambda one: one.created_at, reverse=True)
    found.sort(key=lambda one: one.state not in ("running", "paused", "restarting"))
    return found


def state_of(error: TargetError) -> HostState:
    """How a host stands that failed so."""
    return error.state if isinstance(error, UnreachableError) else HostState.DOWN


@dataclass
class Look:
    """What was seen: the facts of the containers meant, in the order given, their hosts as reached, and what failed.

    `notes` are, by host, what a responder should know of how it was reached; `others` all containers that were listed.
    """

    containers: list[Container] = field(default_factory=list)
    twice: frozenset[str] = frozenset()
    hosts: list[Host] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Hosts with containers that are not to be worked on there, and which these are and why."""
    failures: dict[str, TargetError] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: list[Summary] = field(default_factory=list)

    @property
    def refusals(self) -> tuple[Refused, ...]:
        """What is refused, as a plan has it."""
        from irkit.core.plan import Refused

        return tuple(Refused(host=host, reason=reason) for host, reason in self.refused)


def look(fleet: Fleet, selectors: Sequence[str], *, identify: bool = False) -> Look:
    """Find the containers meant on all hosts of a fleet, and their facts.

    A host that fails is among the failures, and the rest goes on without it. With `identify` the hosts tell their
    engines' IDs, and one whose engine another has shown already is left out, unless `clones` takes them for two
    machines. Raises IrkitError where nothing is left.
    """
    listed = _list(fleet, selectors, identify=identify)
    if not listed.hosts:
        raise none_reached(listed.failures)
    names = [host.name for host in listed.hosts]
    chosen, twice = select(listed.containers, selectors, names, listed.failures)
    if not chosen:
        raise none_reached(listed.failures)
    return _examine(fleet, listed, chosen, twice)


def none_reached(failures: Mapping[str, TargetError]) -> TargetError | NoTargetError:
    """What to say where no host is left: of one host its own reason, of several all."""
    if len(failures) == 1:
        return next(iter(failures.values()))
    return NoTargetError(f"none of the {len(failures)} hosts could be reached: {'; '.join(_told(failures))}")


def _told(failures: Mapping[str, TargetError]) -> list[str]:
    """What failed, by host, and how many more where these are many."""
    told = [f"{name}: {error.reason}" for name, error in failures.items()]
    return told[:_MOST_TOLD] + ([f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else [])


@dataclass
class _Listed:
    containers: list[Summary] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    failures: dict[str, TargetError] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _list(fleet: Fleet, selectors: Sequence[str], *, identify: bool) -> _Listed:
    """What each host has that may be meant, hosts in the order of the fleet."""

    def ask(target: HostTarget, deadline: OperationDeadline) -> tuple[list[Summary], str, Sequence[str]]:
        found = list_containers(target, deadline)
        engine = engine_id_of(target, deadline) if identify else ""
        return found, engine, [*target.notes, *([_NO_ID] if identify and not engine else [])]

    names = concerned([host.name for host in fleet.hosts], selectors)
    asked = [host for host in fleet.hosts if host.name in names]
    results = {host.name: (host, result) for host, result in fleet.each(ask, asked)}
    listed, engines = _Listed(), Engines()
    for name in names:
        host, result = results[name]
        if isinstance(result, TargetError):
            listed.failures[name] = result
            continue
        containers, engine, notes = result
        same, told = engines.take(host, engine, [one.id for one in containers])
        if same is not None:
            listed.failures[name] = _same_engine(same.name, engine)
            continue
        listed.notes[name] = (*notes, *filter(None, [told]))
        listed.hosts.append(with_engine(host, engine))
        listed.containers += containers
    return listed


def engine_id_of(target: HostTarget, deadline: OperationDeadline) -> str:
    """The ID of its engine; empty where it does not tell: an engine whose /info hangs can be contained all the same."""
    try:
        return target.identify(deadline.within(_IDENTIFY_TIME))
    except TargetError:
        return ""


def with_engine(host: Host, engine: str) -> Host:
    """A host with the ID that its engine told."""
    from msgspec.structs import replace

    return replace(host, engine_id=engine) if engine else host


def _same_engine(other: str, engine: str) -> TargetError:
    reason = f"its engine is that of host {other} (ID {engine}): what is done there must not be done twice"
    return TargetError(reason, Refusal.REFUSED)


def _examine(fleet: Fleet, listed: _Listed, chosen: Sequence[Summary], twice: frozenset[str]) -> Look:
    """The facts of those chosen. Raises NoTargetError where they are gone, and what failed where all hosts did."""
    wanted: dict[str, list[str]] = {}
    for one in chosen:
        wanted.setdefault(one.host, []).append(one.id)
    hosts = [host for host in listed.hosts if host.name in wanted]
    time = {name: time_for(len(ids), len(hosts)) for name, ids in wanted.items()}
    facts: dict[str, Container] = {}
    look = Look(twice=twice, hosts=hosts, failures=dict(listed.failures), others=listed.containers)

    def ask(target: HostTarget, deadline: OperationDeadline) -> list[Container]:
        return examine_all(target, wanted[target.host.name], deadline)

    for host, result in fleet.each(ask, hosts, lambda host: time[host.name]):
        if isinstance(result, TargetError):
            look.failures[host.name] = result
        else:
            facts.update((one.key, one) for one in result)
    look.hosts = [host for host in hosts if host.name not in look.failures]
    if not look.hosts:
        raise none_reached(look.failures)
    look.notes = {host.name: listed.notes[host.name] for host in look.hosts}
    keep_once(look, [facts[key] for key in (f"{one.host}/{one.id}" for one in chosen) if key in facts])
    if not look.containers:
        failed = "".join(f"; {one}" for one in _told(look.failures))
        raise NoTargetError(f"the containers meant are gone{failed}")
    return look


def examine_all(target: Target, ids: Sequence[str], deadline: OperationDeadline) -> list[Container]:
    """The facts of containers by full id, less those that are gone. Raises TargetError."""
    found = []
    for number, one in enumerate(ids):
        try:
            found.append(target.examine(one, deadline.within(LOOK_TIME)))
        except TargetError as error:
            if error.kind is Refusal.TIMEOUT and len(ids) > 1:
                reason = f"no more than {number} of {len(ids)} containers could be looked at in the time there is"
                raise TargetError(reason, Refusal.TIMEOUT) from error
            if error.kind is not Refusal.ABSENT:
                raise
    return found
