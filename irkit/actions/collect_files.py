"""collect.files: files and folders of the container by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import CopyOut, Operation
from irkit.core.values import Size, bytes_of

LARGEST = 2**53 - 1
"""What JSON can hold exactly, and more than any file."""
_Path = Annotated[str, Meta(pattern="^/", max_length=4096)]


@dataclass(frozen=True)
class CollectFiles(Action):
    """Collect given files and folders, volumes included, each as a tar stream with its metadata.

    A symbolic link is kept as a link and not followed. Of a stream larger than `max_bytes` the first part is kept,
    marked as partial. Files in tmpfs and /dev/shm cannot be read this way.
    """

    name = "collect.files"
    phase = Phase.COLLECT

    paths: Annotated[
        tuple[_Path, ...], Meta(description="Absolute paths in the container.", min_length=1, max_length=1000)
    ]
    max_bytes: Annotated[Size, Meta(description="How much is read for each path at most.")] = "1GiB"

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        limit = min(bytes_of(self.max_bytes), LARGEST)
        for number, path in enumerate(self.paths, start=1):
            yield CopyOut(container.id, path, limit, number)
