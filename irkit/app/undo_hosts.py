"""The hosts of a run that is taken back: how they are reached by now, and whether they are still the same."""

from __future__ import annotations  # see the imports for types only, below

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from irkit.app.clones import what_moved, why_a_copy
from irkit.app.fleet import LOOK_TIME, time_for
from irkit.app.hosts import CONTEXT, Hosts
from irkit.app.listing import engine_id_of, with_engine
from irkit.core.errors import Refusal, TargetError, UsageError
from irkit.core.text import safe

if TYPE_CHECKING:
    from pathlib import Path

    from irkit.app.fleet import Fleet
    from irkit.app.reach import HostTarget
    from irkit.app.setting import Setting
    from irkit.core.container import Container
    from irkit.core.host import Host
    from irkit.core.run import Run
    from irkit.engine.deadline import OperationDeadline


def ways_back(setting: Setting, recorded: Mapping[str, Host], names: Iterable[str]) -> list[Host]:
    """The hosts of these names: as the setting or the responder's ssh knows them by now, else as the run reached them.

    `recorded` are the latter. Raises UsageError.
    """
    from msgspec.structs import replace

    then = {name: replace(host, host_key="", route="", engine_id="") for name, host in recorded.items()}
    known = Hosts(setting)
    found = [_way_back(setting, known, name, then.get(name)) for name in names]
    known.tell_notes(host.name for host in found)
    for reason in known.why_left_out(host.name for host in found).values():
        if setting.tell:
            setting.tell(f"note: {reason}: it is looked for as if the inventory did not have it")
    return found


def _way_back(setting: Setting, known: Hosts, name: str, then: Host | None) -> Host:
    """One host. `then` is what the run's plan says of it, which knows addresses and none of ssh's configuration."""
    from irkit.adapters.host_address import parse_address

    if then is not None and name.startswith(CONTEXT) and name not in [host.name for host in known.contexts]:
        return then
    return known.named(name) or _by_alias(setting, name, then) or then or parse_address(name)


def _by_alias(setting: Setting, name: str, then: Host | None) -> Host | None:
    """The host by a name that the responder's ssh gives another address for: with keys and hops that go with it.

    The engine's socket is that of the run: no name tells it, and at the usual place there may be another engine.
    """
    from msgspec.structs import replace

    from irkit.adapters.host_address import parse_address
    from irkit.adapters.ssh_config import read_ssh_settings

    try:
        host = parse_address(name)
    except UsageError:
        return None  # an inventory may call its hosts what ssh would not take
    if host.reach != "ssh" or (then is not None and then.reach != "ssh"):
        return None
    found = read_ssh_settings(
        host.address,
        user=host.user,
        port=host.port,
        environment=setting.environment,
        home=setting.home,
        config=setting.ssh_config,
    )
    if found.host_name == host.address:
        return None
    return replace(host, socket=then.socket) if then is not None else host


def recorded_hosts(bundle: Path, run: Run) -> dict[str, Host]:
    """The hosts of the plan that lies in a bundle, as reached, where it is the one that the run's log names."""
    from irkit.adapters.bundle_reading import read_approved_plan

    plan = read_approved_plan(bundle, run.started.plan_digest if run.started else "")
    return {host.name: host for host in (plan.hosts if plan else ())}


@dataclass
class HostNow:
    """What a host of the run shows by now.

    `refused` says why nothing must be done there, `gone` on which container, `doubt` what speaks against the host.
    """

    host: Host
    now: dict[str, Container] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    refused: str = ""
    doubt: str = ""


def look_again(
    fleet: Fleet, keys: Sequence[str], run: Run, recorded: Mapping[str, Host]
) -> Iterator[tuple[Host, HostNow | TargetError]]:
    """What each host of a fleet shows by now of these containers of a run, or why it shows nothing.

    `recorded` are the hosts as the run reached them, as far as that is known.
    """
    engines = run.started.engines if run.started else {}
    names = run.names

    def ask(target: HostTarget, deadline: OperationDeadline) -> HostNow:
        engine = engine_id_of(target, deadline)
        seen = HostNow(with_engine(target.host, engine))
        seen.refused = _other_engine(target.host.name, engine, engines.get(target.host.name, ""))
        for key in keys if not seen.refused else ():
            host, _, container = key.partition("/")
            if host == target.host.name:
                _examine(seen, target, container, names.get(key, ""), deadline.within(LOOK_TIME))
        _compare(seen, recorded.get(seen.host.name))
        return seen

    mine = Counter(key.partition("/")[0] for key in keys)
    return fleet.each(ask, seconds=lambda host: time_for(mine[host.name], len(fleet.hosts)))


def _other_engine(host: str, engine: str, then: str) -> str:
    """Why nothing is taken back there, or empty where the engine is the same, as far as it is known."""
    if not engine or not then or engine == then:
        return ""
    return f"another engine answers for host {host}: its ID is {safe(engine, 100)}, the run was on {safe(then, 100)}"


def _compare(seen: HostNow, then: Host | None) -> None:
    """Take a host for a copy of the run's, or doubt it, by what it shows of itself and of the run's containers.

    An engine that was moved has the containers still: it is followed.
    """
    if seen.now:
        seen.doubt = what_moved(then, seen.host)
    elif seen.gone:
        seen.refused = why_a_copy(then, seen.host)


def _examine(seen: HostNow, target: HostTarget, container: str, name: str, deadline: OperationDeadline) -> None:
    key = f"{seen.host.name}/{container}"
    try:
        seen.now[key] = target.examine(container, deadline)
    except TargetError as error:
        if error.kind is not Refusal.ABSENT:
            raise
        seen.gone[key] = f"container {name or key} is gone: nothing can be put back"
