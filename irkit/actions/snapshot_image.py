"""snapshot.image: the image that a container was made from."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts, Scope
from irkit.core.container import Container
from irkit.core.operations import Operation, ReadImage


@dataclass(frozen=True)
class SnapshotImage(Action):
    """Acquire the image of the targets: settings and layers, each layer once, with an index of its files.

    It is done once for each image of a host, however many containers were made from it, and a layer that several of
    these images share is stored once: together with what each container has changed, that is all of their files.
    `layers.json` lists the layers in order and says where each lies. The engine's answer can be put together again byte
    for byte, to be loaded elsewhere (docs/acquisition.md). Nothing is changed on the host.
    """

    name = "snapshot.image"
    phase = Phase.ACQUIRE
    scope = Scope.IMAGE

    def refuse(self, container: Container) -> str:
        return "" if container.image_digest else "its engine does not tell which image it was made from"

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadImage(container.image_digest, run.id)
