"""snapshot.commit: an image of the container as it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Commit, Operation, RemoveImage, SaveImage
from irkit.core.text import file_name


def _repository(case: str) -> str:
    """A case as part of an image's name, where dots and underscores stand single and between others only."""
    return re.sub("[^a-z0-9]+", "-", file_name(case or "no-case", 60)).strip("-") or "case"


@dataclass(frozen=True)
class SnapshotCommit(Action):
    """Make an image of the container on its host, labelled with the case and the run.

    Volumes and tmpfs are not in it. With `save` the image comes into the bundle too; with `remove` it is then taken
    off the host again, once the copy in the bundle is whole. Undo leaves the image: it is evidence.
    """

    name = "snapshot.commit"
    phase = Phase.ACQUIRE

    pause: Annotated[bool, Meta(description="Freeze the container while its files are read.")] = True
    save: Annotated[bool, Meta(description="Bring the image into the bundle.")] = False
    remove: Annotated[bool, Meta(description="Remove the image from the host once it is saved; needs `save`.")] = False

    def __post_init__(self) -> None:
        if self.remove and not self.save:
            raise ValueError("remove needs save: an image that was not saved is not removed")

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        image = f"irkit/{_repository(run.case)}:{run.id[:12]}-{container.id[:12]}"
        labels = {"irkit.case": run.case, "irkit.run": run.id, "irkit.container": container.id}
        yield Commit(container.id, image, self.pause, labels)
        if self.save:
            yield SaveImage(container.id, image)
        if self.remove:
            yield RemoveImage(container.id, image)
