"""collect.stats: one sample of what the container uses."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, ReadStats


@dataclass(frozen=True)
class CollectStats(Action):
    """Collect one sample of CPU, memory, network and disk use, as the engine counts them."""

    name = "collect.stats"
    phase = Phase.COLLECT

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadStats(container.id)
