"""What a probe works with: an engine, suspects in it, operations on them, and a second opinion on what they did."""

from dataclasses import dataclass
from typing import Any

import msgspec

from irkit.core.container import Attachment, Container
from irkit.core.operations import AnyOperation
from tests.contract.sites import NETWORKS, Site
from tests.lab.description import Attach, State, Suspect

from .site import SuiteLab, suite_site
from .starting import SuiteEngine

FRONT = Attach("front", ipv4="10.88.1.7", aliases=("shop",))


class DiffersError(Exception):
    """It was done, and not as on the engine that irkit was written for: the text says how."""


@dataclass(frozen=True)
class Bench:
    """An engine with the contract's networks in it."""

    engine: SuiteEngine
    lab: SuiteLab
    site: Site

    def suspect(self, *networks: Attach | str, state: State = "running", **more: Any) -> str:
        """A suspect that does what is described, or else only sleeps; its id."""
        places = tuple(Attach(one) if isinstance(one, str) else one for one in networks)
        if more.keys() & {"stdout", "stderr", "changed", "deleted"}:
            return self.lab.make(Suspect("probed", networks=places, state=state, **more))
        return self.site.suspect("probed", *places, state=state, **more)

    def do(self, operation: AnyOperation) -> dict[str, bytes]:
        """Carry it out, see to it that facts show it, and give its evidence by the names of the files."""
        container = operation.subject
        self.applies(operation)
        _, evidence = self.site.collect(operation)
        if said := operation.verify(self.facts(container) if container else None):
            raise DiffersError(said)
        if partial := [item.partial for item in evidence if item.partial]:
            raise DiffersError(partial[0])
        return {item.path.split("/", 3)[3]: self.site.store.files[item.path] for item in evidence}

    def applies(self, operation: AnyOperation) -> None:
        """An operation that says that it does not apply was put to the wrong suspect."""
        if operation.subject and (said := operation.inapplicable(self.facts(operation.subject))):
            raise DiffersError(said)

    def facts(self, container: str) -> Container:
        return self.site.examine(container)

    def place(self, container: str, network: str) -> Attachment:
        """Where the container is on that network."""
        found = self.facts(container).attachment(network)
        if found is None:
            raise DiffersError(f"it is not on network {network}")
        return found

    def in_namespace(self, container: str, family: str = "inet") -> list[str]:
        """The addresses of that family that the container's network namespace has, but the loopback's."""
        lines = self.engine.seen_inside(container).decode("ascii", "replace").splitlines()
        words = [line.split() for line in lines]
        return sorted(found[3].partition("/")[0] for found in words if found[2] == family and found[1] != "lo")


def made_of(raw: bytes) -> Any:
    """What an engine answered, as JSON."""
    return msgspec.json.decode(raw)


def wanted(condition: object, how: str) -> None:
    """Say how it differs where it does."""
    if not condition:
        raise DiffersError(how)


__all__ = ["FRONT", "NETWORKS", "Bench", "DiffersError", "made_of", "suite_site", "wanted"]
