"""snapshot.changes: the contents of what differs from the image."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, ReadChanges
from irkit.core.values import Size, bytes_of

LARGEST = 2**53 - 1
"""What JSON can hold exactly, and more than any file."""


@dataclass(frozen=True)
class SnapshotChanges(Action):
    """Acquire what differs from the image, and nothing else: contents, metadata and deletions, as one tar and an index.

    Where the host's files can be read as root, the upper folder of the container's overlay is read as it is: times to
    the nanosecond, extended attributes and capabilities, opaque folders, sparse files by their data. Links are never
    followed and special files never opened. Elsewhere the engine's list of changes and its archives serve, which know
    less; the bundle says which it was. What a layer of the image has, where `snapshot.image` came before, is not stored
    again: the index says where it is. The index has a line for every name, with SHA-256, MIME kind and whether it can
    be executed. Volumes and tmpfs are not in it. Of more than `max_bytes` of contents the rest is listed only.
    """

    name = "snapshot.changes"
    phase = Phase.ACQUIRE
    reads_files = True

    max_bytes: Annotated[Size, Meta(description="How many bytes of contents are read at most.")] = "50GiB"

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadChanges(container.id, min(bytes_of(self.max_bytes), LARGEST), run.id)
