"""collect.logs: what the container wrote to standard output and standard error."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, ReadLogFiles, ReadLogs
from irkit.core.values import Size, When, bytes_of, check_moment


@dataclass(frozen=True)
class CollectLogs(Action):
    """Collect both log streams, apart and byte for byte, with the engine's time stamp of every record beside them.

    Where the host's files can be read as root, the engine's own log files are kept first, raw and with all rotations:
    these are the primary evidence, whole whatever window is asked for, and lie below `daemon/` with a `files.json` that
    says what was read and what rotation has taken away. What the engine gives of the log lies below `logs/`, beside it.
    Reading ends at the moment the step begins, however fast the container goes on writing. With a terminal (tty) the
    streams cannot be told apart, and all is in `stdout.log`. A log driver that cannot be read is a failure.
    """

    name = "collect.logs"
    phase = Phase.COLLECT
    reads_files = True

    since: Annotated[When | None, Meta(description="Leave out what was written before; all where not given.")] = None
    until: Annotated[When | None, Meta(description="Leave out what was written after; the step's begin at most.")] = (
        None
    )
    tail: Annotated[int, Meta(description="Only so many records from the end; 0 for all.", ge=0, le=10**9)] = 0

    files: Annotated[bool, Meta(description="Keep the engine's own log files too, where they can be read.")] = True
    files_limit: Annotated[Size, Meta(description="Of these at most so much, the newest.")] = "16GiB"

    def __post_init__(self) -> None:
        check_moment(self.since)
        check_moment(self.until)

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        if self.files:
            yield ReadLogFiles(container.id, bytes_of(self.files_limit))
        yield ReadLogs(container.id, self.since or "", self.until or "", self.tail)
