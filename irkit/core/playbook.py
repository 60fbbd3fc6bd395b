"""A playbook as data: a response, its parameters and its steps. Reading one from YAML is an adapter's work."""

from typing import Any, Literal

import msgspec

ParameterValue = str | int | bool | list[str]
ParameterType = Literal["string", "integer", "boolean", "duration", "size", "when", "list"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that the responder may give; without a default it must be given."""

    type: ParameterType
    description: str = ""
    default: ParameterValue | None = None
    choices: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True, rename={"arguments": "with"}, forbid_unknown_fields=True):
    """One stage. `on_error` empty means the action's usual: `continue` for reads, `stop` for changes."""

    id: str
    action: str
    title: str = ""
    arguments: dict[str, Any] = {}
    when: str = ""
    on_error: Literal["", "continue", "stop"] = ""
    timeout: str = ""
    retries: int = 0
    accept_loss: bool = False


class Playbook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A response as a list of steps. `selects` is a CEL condition that a target must meet.

    `hold` is what is done where somebody breaks the containment while it is held: `tell`, or `contain` once more.

    `digest` is the SHA-256 of the file as read; `places` tells where in the file each step stands (`file:line`).
    """

    name: str
    version: int
    title: str = ""
    description: str = ""
    references: tuple[str, ...] = ()
    parameters: dict[str, Parameter] = {}
    selects: str = ""
    hold: Literal["tell", "contain"] = "tell"
    steps: tuple[Step, ...]
    digest: str = ""
    places: dict[str, str] = {}
