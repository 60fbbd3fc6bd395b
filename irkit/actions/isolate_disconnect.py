"""isolate.disconnect: cut a container off from its networks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Disconnect, Operation, SeeIsolated

_NOT_THE_ENGINES = ("pasta", "slirp4netns", "ns")
"""Modes of Podman that give a container a network of which the engine lists nothing."""


@dataclass(frozen=True)
class DisconnectNetworks(Action):
    """Cut a container off from its networks, leaving it running.

    The network that the container was made with goes last, so that undo, which goes backwards, attaches it first.
    Undo restores addresses that were asked for, aliases, links and options. Established connections stop, but both
    ends keep them open: reconnecting the same address lets them go on. A container on the host's network, or on that of
    another container, is refused: it would stay attached. Network `none` reaches nothing and is left.
    """

    name = "isolate.disconnect"
    phase = Phase.CONTAIN

    keep: Annotated[tuple[str, ...], Meta(description="Networks to leave attached.")] = ()

    def refuse(self, container: Container) -> str:
        return why_attached(container)

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        first = "bridge" if container.network_mode == "default" else container.network_mode
        ordered = sorted(container.attachments, key=lambda one: first in (one.network, one.network_id))
        names = [one.network for one in ordered if one.network not in (*self.keep, "none")]
        if not names:  # by the engine's word: it may be reached all the same
            yield SeeIsolated(container.id, self.keep)
        for network in names:
            # Networks are known as they are now: the last operation checks that none has come since.
            yield Disconnect(container.id, network, self.keep if network == names[-1] else None)


def why_attached(container: Container) -> str:
    """Why no disconnect can isolate a container, or empty where one can."""
    if container.shares_host_network:
        return "it uses the host's own network: no disconnect can isolate it"
    if container.network_owner:
        return f"it shares the network of container {container.network_owner[:12]}: isolate that one"
    mode = container.network_mode.partition(":")[0]
    return f"its network is {mode}, which no engine takes it off" if mode in _NOT_THE_ENGINES else ""
