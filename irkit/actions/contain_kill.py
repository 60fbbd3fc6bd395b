"""contain.kill: end a container at once."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Kill, Operation


@dataclass(frozen=True)
class KillContainer(Action):
    """End a container at once with SIGKILL: processes, memory, tmpfs and connections are lost.

    On a container made with --rm everything is lost, and the plan refuses it unless `accept_loss` is set. Undo starts
    the container again; what it held in memory does not come back.
    """

    name = "contain.kill"
    phase = Phase.CONTAIN

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield Kill(container.id)
