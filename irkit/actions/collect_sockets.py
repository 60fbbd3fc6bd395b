"""collect.sockets: what the container's network namespace has of sockets, routes and interfaces."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, ReadSockets


@dataclass(frozen=True)
class CollectSockets(Action):
    """Collect sockets, routes, neighbours and interfaces of the container's network, from the host's /proc.

    Every socket with its addresses, state, user and queues, and the processes that hold it, wherever on the host they
    are (`sockets/sockets.jsonl`); interfaces, routes and neighbours decoded (`sockets/network.json`); all as the kernel
    writes it (`sockets/net.tar`). Where processes of the container have network namespaces of their own, those too.
    A container on the host's network shows the sockets of the whole host: those that its processes hold are marked. A
    connection that just ended (TIME-WAIT) is held by nobody. It works only where the host's files are read as root.
    """

    name = "collect.sockets"
    phase = Phase.COLLECT
    reads_files = True
    timeout = "5m"  # a host may have very many processes

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadSockets(container.id)
