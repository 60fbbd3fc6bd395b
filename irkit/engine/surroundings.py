"""What a plan has to heed beside its targets: other containers, networks, and the ways by which irkit came."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from msgspec.structs import replace

from irkit.core.container import Container, Summary
from irkit.core.network import NetworkFacts
from irkit.core.ways import Point, Session


@dataclass(frozen=True)
class Surroundings:
    """What was looked at.

    `admins` are the ids of containers that share another one's network and have NET_ADMIN, as far as they were asked.
    `others` are all containers of the hosts, targets too; `networks` those of the targets, by host and name. `own` are
    the ids of containers that irkit itself runs in. `ways` are, by host, the places that the connection to it goes
    through, the host's own last; none for an engine of this machine's. `tcp` are the hosts whose engine is spoken to by
    TCP.
    """

    others: Sequence[Summary] = ()
    admins: frozenset[str] = frozenset()
    networks: Mapping[tuple[str, str], NetworkFacts] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    ways: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    tcp: frozenset[str] = frozenset()
    session: Session | None = None

    @cached_property
    def _sharing(self) -> list[Summary]:
        """All that share the network of some other container: few, where there are many containers."""
        return [one for one in self.others if one.network_mode.startswith("container:")]

    def sharers(self, container: Container) -> list[Summary]:
        """The containers that share the network of this one, by name."""
        found = [one for one in self._sharing if one.host == container.host and _is_owner(one, container)]
        return sorted(found, key=lambda one: one.name)

    def owner(self, container: Container) -> Summary | None:
        """The container whose network this one shares, where it is known."""
        wanted = container.network_owner
        mine = [one for one in self.others if one.host == container.host and one.id != container.id]
        return next((one for one in mine if wanted and _is_called(one.id, one.name, wanted)), None)

    def complete(self, container: Container) -> Container:
        """A container with what engines do not tell with it: the drivers of its networks, and who shares its own."""
        places = tuple(
            replace(place, driver=self.driver(container.host, place.network) or place.driver)
            for place in container.attachments
        )
        shares = any(one.id in self.admins for one in self.sharers(container)) if self.admins else False
        is_same = places == container.attachments and shares == container.shares_with_admin
        return container if is_same else replace(container, attachments=places, shares_with_admin=shares)

    def driver(self, host: str, network: str) -> str:
        """The driver of a network, empty where it is not known."""
        facts = self.networks.get((host, network))
        return facts.driver if facts else ""

    def points(self) -> Iterator[tuple[str, Point, bool]]:
        """All places that irkit's connections go through: the host that they lead to, and whether it is its own."""
        for host, points in self.ways.items():
            for number, point in enumerate(points, start=1):
                yield host, point, number == len(points)


def _is_owner(one: Summary, container: Container) -> bool:
    mode, _, wanted = one.network_mode.partition(":")
    return mode == "container" and bool(wanted) and _is_called(container.id, container.name, wanted)


def _is_called(full_id: str, name: str, wanted: str) -> bool:
    return wanted == name or full_id.startswith(wanted)
