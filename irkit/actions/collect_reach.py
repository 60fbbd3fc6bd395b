"""collect.reach: whether the host still reaches the container."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import Operation, TryReach
from irkit.core.reach import DISCARD


@dataclass(frozen=True)
class CollectReach(Action):
    """Try to reach the container from its host, by one TCP request to each address that it had when the plan was made.

    For after a step that isolates: an answer then fails the step as NOT isolated, a refusal by the container's kernel
    too. It is a probe from outside, beside the proof that the kernel gives; a rootless engine's host has no way to its
    containers, isolated or not. The container can notice the request. Of a host reached by SSH it is sent through the
    SSH server; a host whose engine is reached by TCP cannot be asked. An address that another container has by then is
    not tried.
    """

    name = "collect.reach"
    phase = Phase.COLLECT

    port: Annotated[
        int, Meta(description="The port; 0 for the first TCP port that it publishes, or else 9.", ge=0, le=65535)
    ] = 0
    expect: Annotated[
        Literal["silence", "anything"], Meta(description="Whether an answer is a failure; `anything` only tells.")
    ] = "silence"

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        known = {address: one.network for one in container.attachments for address in (one.ipv4, one.ipv6) if address}
        if known and not container.shares_host_network:
            first = next((one.container_port for one in container.ports if one.protocol == "tcp"), DISCARD)
            yield TryReach(container.id, known, self.port or first, self.expect)
