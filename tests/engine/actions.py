"""Small actions for the tests of the playbook language."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from irkit.core.action import Action, Scope
from irkit.core.values import Size, When


@dataclass(frozen=True)
class Look(Action):
    """Look at a container.

    Nothing more.
    """

    name = "made.look"


@dataclass(frozen=True)
class Fetch(Action):
    """Fetch things."""

    name = "made.fetch"

    paths: Annotated[tuple[Annotated[str, Meta(pattern="^/")], ...], Meta(description="Which.", min_length=1)]
    since: Annotated[When | None, Meta(description="From when.")] = None
    limit: Annotated[Size, Meta(description="How much.")] = "1GiB"
    level: Annotated[int, Meta(description="How hard.", ge=1, le=19)] = 3
    quick: Annotated[bool, Meta(description="Whether in haste.")] = False
    mode: Annotated[Literal["no", "always"], Meta(description="How.")] = "no"
    note: Annotated[str, Meta(description="What for.")] = ""

    def __post_init__(self) -> None:
        if self.quick and self.mode == "always":
            raise ValueError("quick and always do not go together")


@dataclass(frozen=True)
class Listen(Action):
    """Listen to a host."""

    name = "made.listen"
    scope = Scope.HOST


MADE: dict[str, type[Action]] = {action.name: action for action in (Look, Fetch, Listen)}
