"""collect.tmpfs: what a container has in file systems that are only in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, ReadTmpfs
from irkit.core.values import Size, bytes_of

_LARGEST = 2**53 - 1


@dataclass(frozen=True)
class CollectTmpfs(Action):
    """Collect what is in the container's tmpfs mounts and /dev/shm, which no export, commit or copy holds.

    Each mount becomes a tar, with names byte for byte and times to the nanosecond where the host tells them, and an
    index with a digest for each file. Links are kept and never followed; special files are told and never opened. It is
    read through the host's /proc. All of it is gone when the container ends.
    """

    name = "collect.tmpfs"
    phase = Phase.COLLECT
    reads_files = True

    max_bytes: Annotated[Size, Meta(description="How much content is read in all.")] = "16GiB"

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadTmpfs(container.id, min(bytes_of(self.max_bytes), _LARGEST))
