"""What a plan has to heed beside its targets, looked at before it is made: networks, ways, and where irkit itself is.

Only for playbooks that contain: those that read alone need none of it.
"""

from __future__ import annotations  # see the imports for types only, below

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from irkit.app.fleet import LOOK_TIME
from irkit.core.errors import TargetError

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.listing import Look
    from irkit.app.reach import HostTarget
    from irkit.app.setting import Setting
    from irkit.core.container import Container
    from irkit.core.network import NetworkFacts
    from irkit.core.playbook import Playbook
    from irkit.core.ways import Point
    from irkit.engine.deadline import OperationDeadline
    from irkit.engine.surroundings import Surroundings

_LOOKUP_TIME = 3.0
"""Seconds for looking up the names that lead to one host."""
_NETWORKS_TIME = 10.0
"""Seconds for looking at the networks of one host: an engine that hangs there can be contained all the same."""
_MOST_NETWORKS = 50
"""Networks that are looked at on one host."""
_MOST_SHARERS = 50
"""Containers on the networks of others that are asked on one host what they may do; a change asks once more."""


def look_around(setting: Setting, fleet: Fleet, seen: Look, playbook: Playbook) -> Surroundings:
    """What there is to heed. What cannot be told is left out: it hinders no containment."""
    from irkit.actions import ACTIONS
    from irkit.adapters.own_place import own_containers, points_of, ssh_session
    from irkit.core.action import Phase
    from irkit.engine.surroundings import Surroundings

    if not any(ACTIONS[step.action].phase is Phase.CONTAIN for step in playbook.steps):
        return Surroundings(others=seen.others)
    networks: dict[tuple[str, str], NetworkFacts] = {}
    ways: dict[str, tuple[Point, ...]] = {}
    admins: set[str] = set()
    sharing = Surroundings(others=seen.others)

    def ask(target: HostTarget, deadline: OperationDeadline) -> None:
        name = target.host.name
        ways[name] = points_of(target.host, deadline.within(_LOOKUP_TIME))
        soon = deadline.within(_NETWORKS_TIME)
        for network in _networks_of(seen.containers, name):
            with suppress(TargetError):
                networks[name, network] = target.examine_network(network, soon)
        mine = [one for container in seen.containers if container.host == name for one in sharing.sharers(container)]
        for sharer in dict.fromkeys(one.id for one in mine[:_MOST_SHARERS]):
            with suppress(TargetError):
                admins.update([sharer] if target.examine(sharer, soon).has_net_admin else [])

    deque(fleet.each(ask, seen.hosts, LOOK_TIME), maxlen=0)  # a host that fails here fails later too, and says so there
    return Surroundings(
        others=seen.others,
        admins=frozenset(admins),
        networks=dict(networks),
        own=own_containers(),
        ways=dict(ways),
        tcp=frozenset(host.name for host in seen.hosts if host.reach == "tcp"),
        session=ssh_session(setting.environment),
    )


def _networks_of(containers: Sequence[Container], host: str) -> list[str]:
    found = (place.network for one in containers if one.host == host for place in one.attachments)
    return [one for one in dict.fromkeys(found) if one not in ("none", "host")][:_MOST_NETWORKS]
