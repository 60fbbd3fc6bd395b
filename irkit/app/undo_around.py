"""What is looked at beside the containers before an undo is planned: their networks, their connections, root."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from irkit.app.fleet import LOOK_TIME
from irkit.core.errors import Refusal, TargetError

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.reach import HostTarget
    from irkit.core.container import Container
    from irkit.core.host import Host
    from irkit.core.kernel import KernelFacts
    from irkit.core.network import NetworkFacts
    from irkit.core.operations import AnyOperation
    from irkit.core.plan import Plan
    from irkit.engine.deadline import OperationDeadline
    from irkit.engine.way_back import Around

Left = Sequence[tuple[str, str, "AnyOperation"]]
"""What is left to take back: host, container and operation."""


def look_around(
    fleet: Fleet, hosts: Sequence[Host], left: Left, now: Mapping[str, Container], plan: Plan | None, *, root: bool
) -> Around:
    """What planning needs to know of these hosts. What cannot be told is left out: it hinders no undo.

    `plan` is that of the run, as far as it is at hand; with `root` each host is asked whether it gives root.
    """
    from irkit.engine.way_back import Around

    networks: dict[tuple[str, str], NetworkFacts | None] = {}
    kernels: dict[str, KernelFacts | None] = {}
    no_root: dict[str, str] = {}

    def ask(target: HostTarget, deadline: OperationDeadline) -> None:
        host = target.host.name
        soon = deadline.within(LOOK_TIME)
        for network in _networks(left, host):
            _see_network(target, network, networks, soon)
        for one in _let_through(left, now, host):
            kernels[one.key] = _kernel(target, one, soon)
        if root and (why := target.why_no_root(deadline.within(LOOK_TIME))):
            no_root[host] = why

    for host, result in fleet.each(ask, hosts, LOOK_TIME * 2):
        if root and isinstance(result, TargetError):
            no_root.setdefault(host.name, result.reason)
    planned = {one.key: one for one in plan.targets} if plan else {}
    return Around(planned=planned, networks=networks, kernels=kernels, no_root=no_root)


def _networks(left: Left, host: str) -> list[str]:
    """The networks of a host that containers are to be put back on."""
    from irkit.core.operations import Connect

    found = (one.attachment.network for where, _, one in left if where == host and isinstance(one, Connect))
    return list(dict.fromkeys(found))


def _let_through(left: Left, now: Mapping[str, Container], host: str) -> list[Container]:
    """The containers of a host that traffic will reach again."""
    from irkit.core.operations import Connect, UnblockTraffic

    opening = (one for one in left if one[0] == host and isinstance(one[2], Connect | UnblockTraffic))
    keys = dict.fromkeys(f"{host}/{container}" for _, container, _ in opening)
    return [now[key] for key in keys if key in now]


def _see_network(
    target: HostTarget,
    network: str,
    networks: dict[tuple[str, str], NetworkFacts | None],
    deadline: OperationDeadline,
) -> None:
    try:
        networks[target.host.name, network] = target.examine_network(network, deadline)
    except TargetError as error:
        if error.kind is Refusal.ABSENT:
            networks[target.host.name, network] = None


def _kernel(target: HostTarget, container: Container, deadline: OperationDeadline) -> KernelFacts | None:
    try:
        return target.see_kernel(container, deadline)
    except TargetError:
        return None
