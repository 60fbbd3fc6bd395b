"""contain.unpause: let a frozen container go on."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, Unpause


@dataclass(frozen=True)
class UnpauseContainer(Action):
    """Let a paused container go on. Undo pauses it again."""

    name = "contain.unpause"
    phase = Phase.CONTAIN

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield Unpause(container.id)
