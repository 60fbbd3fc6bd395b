"""What traffic a suspect has: measured from within its network namespace, from its neighbour, its host and beyond."""

import contextlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.lab.engine import Engine

from .cells import Made
from .site import ECHO, ECHO6, PUBLISHED, Outside, Remote, within

OWN: Final = "its own stream outwards"
HOST_IN: Final = ("new TCP from the host", "established TCP from the host")
_PATIENCE: Final = 30
_LOOK: Final = 0.6
"""Seconds in which a stream that flows brings something: a suspect's sends ten times a second."""


@dataclass
class Flows:
    """The programs around one suspect, with connections kept from before it was contained."""

    outside: Outside
    inside: Remote | None
    neighbour: Remote | None
    address: str
    address6: str
    gateway: str
    neighbour_address: str
    has_published: bool
    kept: list[tuple[str, Remote]] = field(default_factory=list)

    def begin(self) -> None:
        """Have it echo, and make the connections that are kept."""
        if self.inside is None:
            return
        self.inside.ask("listen", "0.0.0.0", ECHO)
        self._wait_for_ipv6()
        if self.address6:
            self.inside.ask("listen", self.address6, ECHO)
        if self.neighbour is not None:
            self.neighbour.ask("listen", "0.0.0.0", ECHO)
        for name, remote, address, port in (
            ("established TCP outwards", self.inside, self.outside.address, ECHO),
            (HOST_IN[1], self.outside.host, self.address, ECHO),
            ("established TCP by the published port", self.outside.beyond, self.outside.near, PUBLISHED),
        ):
            if address and (port != PUBLISHED or self.has_published) and remote.ask("keep", name, address, port):
                self.kept.append((name, remote))

    def _wait_for_ipv6(self) -> None:
        """The bridge's own address is tried for duplicates first, for a second or two."""
        assert self.inside is not None
        for _ in range(_PATIENCE if self.address6 else 0):
            if self.inside.ask("probe", "tcp", self.outside.near6, ECHO6):
                break

    def measure(self, wanted: Collection[str] = ()) -> list[str]:
        """The names of what flows at this moment; what is wanted is waited for, as IPv6 addresses are tried first."""
        for _ in range(_PATIENCE):
            found = self._measure()
            if {one for one in wanted if not one.startswith("established")} <= set(found):
                break
        return found

    def _measure(self) -> list[str]:
        sunk = self.outside.beyond.ask("count")
        until = time.monotonic() + _LOOK
        found = [name for remote in self._remotes() for name in self._flowing(remote)]
        time.sleep(max(0.0, until - time.monotonic()))
        own = [OWN] if self._own_grew(sunk) else []
        return sorted({*found, *own})

    def _own_grew(self, before: int) -> bool:
        first = self.outside.beyond.ask("count")
        time.sleep(_LOOK)
        return bool(self.outside.beyond.ask("count") > first >= before)

    def _remotes(self) -> list[Remote]:
        return [one for one in (self.inside, self.neighbour, self.outside.host, self.outside.beyond) if one is not None]

    def _flowing(self, remote: Remote) -> Iterator[str]:
        """What one of the programs finds, all of its probes at once."""
        probes: list[tuple[str, list[object]]] = [
            (name, ["kept", name]) for name, owner in self.kept if owner is remote
        ]
        probes += [(name, probe) for name, owner, probe in self._probes() if owner is remote]
        answers = remote.ask("probe_all", [probe for _, probe in probes]) if probes else []
        return (name for (name, _), answer in zip(probes, answers, strict=True) if answer)

    def _probes(self) -> Iterator[tuple[str, Remote, list[object]]]:
        away, host = self.outside, self.outside.host
        if self.inside is not None:
            yield "new TCP outwards", self.inside, ["tcp", away.address, ECHO]
            yield "UDP outwards", self.inside, ["udp", away.address, ECHO]
            yield "DNS", self.inside, ["dns", "127.0.0.11", 53]
            yield "IPv6 to the host", self.inside, ["tcp", away.near6, ECHO6]
            if self.gateway:
                yield "new TCP to the host", self.inside, ["tcp", self.gateway, ECHO]
            yield "new TCP to the host's other address", self.inside, ["tcp", away.near, ECHO]
            if self.neighbour_address:
                yield "new TCP to a neighbour", self.inside, ["tcp", self.neighbour_address, ECHO]
        if self.address:
            yield HOST_IN[0], host, ["tcp", self.address, ECHO]
            if self.neighbour is not None:
                yield "new TCP from a neighbour", self.neighbour, ["tcp", self.address, ECHO]
                yield "UDP from a neighbour", self.neighbour, ["udp", self.address, ECHO]
        if self.has_published:
            yield "the published port", away.beyond, ["tcp", away.near, PUBLISHED]


@contextlib.contextmanager
def around(engine: Engine, outside: Outside, made: Made, kind: str) -> Iterator[Flows]:
    """The programs around a suspect, as it is now."""
    facts, owner = engine.inspect(made.id), engine.inspect(made.namespace_of)
    places = [one for one in owner["NetworkSettings"]["Networks"].values() if one["IPAddress"]]
    place: dict[str, str] = next(iter(places), {})
    with contextlib.ExitStack() as stack:
        # On the host's own network there is nothing of its own to measure from but what the host has.
        is_up = owner["State"]["Running"] and kind != "host" and not facts["State"]["Restarting"]
        inside = stack.enter_context(within(owner["State"]["Pid"])) if is_up else None
        others = [engine.inspect(one) for one in made.neighbours]
        neighbour = stack.enter_context(within(others[0]["State"]["Pid"])) if others and inside else None
        near = next(iter(others[0]["NetworkSettings"]["Networks"].values())) if others else {}
        flows = Flows(
            outside=outside,
            inside=inside,
            neighbour=neighbour,
            address=place.get("IPAddress", "") if inside else "",
            address6=place.get("GlobalIPv6Address", "") if inside else "",
            gateway=place.get("Gateway", ""),
            neighbour_address=near.get("IPAddress", ""),
            has_published=kind == "published",
        )
        flows.begin()
        yield flows
