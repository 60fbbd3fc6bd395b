"""Whether a container is reached from its host: what answers a request is reached, whatever the engine says."""

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from irkit.core.operation import ALIVE, Operation, Trace

if TYPE_CHECKING:
    from irkit.core.container import Container

DISCARD = 9
"""The port that is tried where the container publishes none: what answers that nothing listens there has answered."""


class Reached(StrEnum):
    """What came of one request."""

    ANSWERS = "answers"  # it was taken, or refused by a kernel that had it
    SILENT = "silent"  # nothing came back
    NO_WAY = "no way there"  # it is on no network that the host is on, or nobody on it says that they have it
    TAKEN = "another container has it"


class TryReach(Operation, frozen=True, tag="try-reach"):
    """One TCP request from the host to each of these addresses (each with its network): data is never sent.

    With `expect` silence, an answer is a failure that says NOT isolated.
    """

    container: str
    addresses: dict[str, str]
    port: int = DISCARD
    expect: Literal["silence", "anything"] = "silence"
    rank = 3
    collects = frozenset({Trace.CONFIG})

    @property
    def file(self) -> str:
        return "reach.json"

    def text(self) -> str:
        return f"send one TCP request from the host to {', '.join(self.addresses)}, port {self.port}"

    def inapplicable(self, now: "Container") -> str:
        return "" if now.state in ALIVE else f"it has no network: it is {now.state}"
