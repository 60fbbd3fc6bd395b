"""contain.pause: freeze a container."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, Pause


@dataclass(frozen=True)
class PauseContainer(Action):
    """Freeze all processes of a container; memory, tmpfs and connections stay.

    The host goes on acknowledging what arrives until the buffers are full. Undo unpauses.
    """

    name = "contain.pause"
    phase = Phase.CONTAIN

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield Pause(container.id)
