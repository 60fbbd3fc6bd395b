"""collect.logs: what the container wrote to standard output and standard error."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, ReadLogs
from irkit.core.values import When, check_moment


@dataclass(frozen=True)
class CollectLogs(Action):
    """Collect both log streams, apart and byte for byte, with the engine's time stamp of every record beside them.

    Reading ends at the moment the step begins, however fast the container goes on writing. With a terminal (tty) the
    streams cannot be told apart, and all is in `stdout.log`. A log driver that cannot be read is a failure.
    """

    name = "collect.logs"
    phase = Phase.COLLECT

    since: Annotated[When | None, Meta(description="Leave out what was written before; all where not given.")] = None
    until: Annotated[When | None, Meta(description="Leave out what was written after; the step's begin at most.")] = (
        None
    )
    tail: Annotated[int, Meta(description="Only so many records from the end; 0 for all.", ge=0, le=10**9)] = 0

    def __post_init__(self) -> None:
        check_moment(self.since)
        check_moment(self.until)

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadLogs(container.id, self.since or "", self.until or "", self.tail)
