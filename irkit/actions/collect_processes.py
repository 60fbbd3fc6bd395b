"""collect.processes: the container's processes as its host sees them."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import ListProcesses, Operation


@dataclass(frozen=True)
class CollectProcesses(Action):
    """Collect the process list: pid, parent, user, state, start time and command of every process.

    The engine runs the host's `ps`, never the container's. The titles are what the processes say of themselves. A
    container that is not running has none, and the step says so.
    """

    name = "collect.processes"
    phase = Phase.COLLECT

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ListProcesses(container.id)
