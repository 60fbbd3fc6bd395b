"""snapshot.export: the container's whole file system."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Export, Operation


@dataclass(frozen=True)
class SnapshotExport(Action):
    """Acquire the merged file system as a tar stream, hashed and compressed as it comes, with an index of its files.

    Volumes, tmpfs and deletions are not in it. The stream's own SHA-256 is kept beside that of the stored file, so
    that it can be compared with anybody's `docker export`. Reading changes access times of files in the container.
    """

    name = "snapshot.export"
    phase = Phase.ACQUIRE

    compress: Annotated[bool, Meta(description="Store as zstd, in independent frames.")] = True
    level: Annotated[int, Meta(description="zstd level; 1 is fastest.", ge=1, le=19)] = 3
    index: Annotated[bool, Meta(description="List every file with its SHA-256 beside the archive.")] = True

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield Export(container.id, self.compress, self.level, self.index)
