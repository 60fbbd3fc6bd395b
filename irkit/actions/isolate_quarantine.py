"""isolate.quarantine: move a container to a network of its own that leads nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from irkit.actions.isolate_disconnect import why_attached
from irkit.actions.isolate_firewall import table_name
from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import SHORT_ID, Attachment, Container
from irkit.core.isolation import RUN_LABEL
from irkit.core.operations import BlockTraffic, Connect, Disconnect, MakeNetwork, Operation, SeeIsolated

_RUN = 8
"""Characters of a run's id in names."""


@dataclass(frozen=True)
class QuarantineContainer(Action):
    """Move a container to an internal network made for it alone, so that nothing but its host reaches it.

    Its host can connect to it, to collect from it, and it cannot connect to its host: a rule of the host's firewall
    sees to that, which needs root there. With `reach: nothing` the network's bridge has no address, so that the host
    is not on it. That needs the engine alone, but holds no container that may set up addresses itself (privileged, or
    with NET_ADMIN): it is refused. One with raw sockets may still send frames to the bridge. Undo moves it back and
    removes the network. Refused for what isolate.disconnect is refused for; on no network, or on `none`, it is left.
    """

    name = "isolate.quarantine"
    phase = Phase.CONTAIN
    needs_root = True

    reach: Annotated[
        Literal["host", "nothing"], Meta(description="Who reaches the container in quarantine: its host, or nobody.")
    ] = "host"

    def refuse(self, container: Container) -> str:
        if reason := why_attached(container):
            return reason
        if self.reach == "nothing" and container.may_change_network:
            who = "it" if container.has_net_admin else "a container that shares its network"
            return f"{who} may set up addresses itself (NET_ADMIN) and so reach its host: only reach host holds it"
        return ""

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        first = "bridge" if container.network_mode == "default" else container.network_mode
        ordered = sorted(container.attachments, key=lambda one: first in (one.network, one.network_id))
        names = [one.network for one in ordered]
        if not set(names) - {"none"}:  # by the engine's word: it may be reached all the same
            yield SeeIsolated(container.id)
            return
        short, has_host = container.id[:SHORT_ID], self.reach == "host"
        network, device = f"irkit-{run.id[:_RUN]}-{short}", f"irk{short}"
        labels = {"irkit.case": run.case, RUN_LABEL: run.id, "irkit.container": container.id}
        yield MakeNetwork(container.id, network, device, has_host, labels)
        if has_host:
            yield BlockTraffic(container.id, table_name(run, container), "bridge", device=device)
        for name in names:
            yield Disconnect(container.id, name, () if name == names[-1] else None)
        yield Connect(container.id, Attachment(network=network), alone=True)
