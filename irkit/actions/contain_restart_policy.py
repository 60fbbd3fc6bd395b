"""contain.restart_policy: whether the engine brings a container back when it ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container, RestartPolicy
from irkit.core.operations import Operation, SetRestartPolicy


@dataclass(frozen=True)
class ChangeRestartPolicy(Action):
    """Change what the engine does when the container ends, so that it does not come back by itself.

    The policy of a container made with --rm cannot be changed. Undo restores the policy found.
    """

    name = "contain.restart_policy"
    phase = Phase.CONTAIN

    policy: Annotated[
        Literal["no", "always", "unless-stopped", "on-failure"], Meta(description="When to restart it.")
    ] = "no"
    maximum_retries: Annotated[int, Meta(description="How often, with on-failure; 0 for ever.", ge=0, le=1000)] = 0

    def __post_init__(self) -> None:
        if self.maximum_retries and self.policy != "on-failure":
            raise ValueError("maximum_retries goes with policy on-failure only")

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield SetRestartPolicy(container.id, RestartPolicy(name=self.policy, maximum_retries=self.maximum_retries))
