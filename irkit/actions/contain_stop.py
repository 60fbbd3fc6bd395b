"""contain.stop: end a container the way it asks to be ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, Stop


@dataclass(frozen=True)
class StopContainer(Action):
    """End a container with its stop signal, then SIGKILL: processes, memory, tmpfs and connections are lost.

    The container's own processes see the signal and may clean up behind themselves. On a container made with --rm
    everything is lost, and the plan refuses it unless `accept_loss` is set. Undo starts the container again; what it
    held in memory does not come back.
    """

    name = "contain.stop"
    phase = Phase.CONTAIN

    grace: Annotated[int, Meta(description="Seconds between the stop signal and SIGKILL.", ge=0, le=3600)] = 10

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield Stop(container.id, self.grace)
