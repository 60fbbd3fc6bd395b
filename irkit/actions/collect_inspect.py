"""collect.inspect: what the engine knows of a container and of what it hangs on."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import (
    Inspect,
    InspectImage,
    InspectNetwork,
    InspectVolume,
    MeasureClock,
    Operation,
    ReadEngine,
    ReadImageHistory,
)


@dataclass(frozen=True)
class CollectInspect(Action):
    """Collect the engine's facts: the container, its image and the image's history, networks, volumes, the engine.

    The engine's answers are kept byte for byte. What belongs to several targets (an image, a network, the engine
    itself) is read once a run.
    """

    name = "collect.inspect"
    phase = Phase.COLLECT

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadEngine("info")
        yield ReadEngine("version")
        yield MeasureClock("start")
        yield Inspect(container.id)
        for attachment in container.attachments:
            yield InspectNetwork(attachment.network)
        for mount in container.mounts:
            if mount.kind == "volume" and mount.name:
                yield InspectVolume(mount.name)
        if container.image_digest:
            yield InspectImage(container.image_digest)
            yield ReadImageHistory(container.image_digest)
