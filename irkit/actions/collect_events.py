"""collect.events: what the engine noticed lately."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts, Scope
from irkit.core.host import Host
from irkit.core.operations import Operation, ReadEvents
from irkit.core.values import Duration, check_moment


@dataclass(frozen=True)
class CollectEvents(Action):
    """Collect a window of the engine's events, of all its containers, images, networks and volumes.

    Engines remember only the latest events (Docker: 256) and none from before they were started.
    """

    name = "collect.events"
    phase = Phase.COLLECT
    scope = Scope.HOST

    since: Annotated[Duration, Meta(description="How far back the window reaches from the moment the step begins.")] = (
        "24h"
    )

    def __post_init__(self) -> None:
        check_moment(self.since)

    def plan_host(self, host: Host, run: RunFacts) -> Iterator[Operation]:
        yield ReadEvents(self.since)
