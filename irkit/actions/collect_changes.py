"""collect.changes: which files differ from the image."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Diff, Operation


@dataclass(frozen=True)
class CollectChanges(Action):
    """Collect the list of files added, changed and deleted since the container was made (kinds 1, 0 and 2).

    Volumes and tmpfs are not part of it.
    """

    name = "collect.changes"
    phase = Phase.COLLECT

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield Diff(container.id)
