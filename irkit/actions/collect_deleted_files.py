"""collect.deleted_files: files that processes still hold though no name leads to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, ReadDeletedFiles
from irkit.core.values import Size, bytes_of

_LARGEST = 2**53 - 1


@dataclass(frozen=True)
class CollectDeletedFiles(Action):
    """Recover deleted executables and libraries that run, memfd files, and open files that were deleted.

    Each is kept whole, with its digest, its processes, and how they hold it; the same content is kept once. They are
    read through the host's /proc, nothing in the container is run. Pipes, sockets and devices are not opened. They are
    gone when the container ends.
    """

    name = "collect.deleted_files"
    phase = Phase.COLLECT
    reads_files = True

    max_bytes: Annotated[Size, Meta(description="How much is read in all.")] = "16GiB"

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadDeletedFiles(container.id, min(bytes_of(self.max_bytes), _LARGEST))
