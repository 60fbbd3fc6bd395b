"""What the checks find in the containers of many hosts, for a list: the facts are asked of all hosts at once."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from irkit.app.findings import judge
from irkit.app.fleet import time_for
from irkit.app.listing import examine_all
from irkit.core.errors import TargetError
from irkit.core.exposure import risk_of

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.reach import HostTarget
    from irkit.core.container import Container, Summary
    from irkit.core.finding import Finding, Severity
    from irkit.core.host import Host
    from irkit.engine.deadline import OperationDeadline


@dataclass(frozen=True)
class Exposure:
    """What the checks find in one container: `risk` is None where they find nothing."""

    findings: tuple[Finding, ...]
    flags: str
    risk: Severity | None


@dataclass
class Exposed:
    """By key what was found; and the hosts whose facts could not be had. What is in neither was gone."""

    by_key: dict[str, Exposure] = field(default_factory=dict)
    failures: dict[str, TargetError] = field(default_factory=dict)


def exposed(fleet: Fleet, listed: Mapping[str, Sequence[Summary]]) -> Exposed:
    """Examine the containers that were listed, by host."""
    wanted = {host: [one.id for one in found] for host, found in listed.items() if found}
    hosts = [host for host in fleet.hosts if host.name in wanted]
    result = Exposed()

    def ask(target: HostTarget, deadline: OperationDeadline) -> list[Container]:
        return examine_all(target, wanted[target.host.name], deadline)

    def time(host: Host) -> float:
        return time_for(len(wanted[host.name]), len(hosts))

    for host, found in fleet.each(ask, hosts, time):
        if isinstance(found, TargetError):
            result.failures[host.name] = found
        else:
            for one in found:
                findings, flags = judge(one)
                result.by_key[one.key] = Exposure(findings, flags, risk_of(findings))
    return result
