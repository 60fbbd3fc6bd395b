"""An action: what a step does, as a pure function from a container's facts to operations.

An action is a frozen dataclass; its fields are its YAML parameters (types of `values`, or plain ones), each with a
`Meta` description. Its module's one line in `actions/__init__.py` makes it known everywhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from irkit.core.container import Container
from irkit.core.host import Host
from irkit.core.operations import Operation


class Phase(StrEnum):
    """What a step is for."""

    COLLECT = "collect"
    CONTAIN = "contain"
    ACQUIRE = "acquire"


class Scope(StrEnum):
    """How often an action is planned: once for each target, image of the targets, or host."""

    CONTAINER = "container"
    IMAGE = "image"
    HOST = "host"


@dataclass(frozen=True)
class RunFacts:
    """What an action may know of the run it is planned for."""

    id: str
    case: str
    responder: str


@dataclass(frozen=True)
class Action:
    """Base of all actions."""

    name: ClassVar[str] = ""
    phase: ClassVar[Phase] = Phase.COLLECT
    scope: ClassVar[Scope] = Scope.CONTAINER
    timeout: ClassVar[str] = ""
    """How long one operation of it may take where the step does not say: a duration, or empty for the usual."""
    needs_root: ClassVar[bool] = False
    """Whether it may plan operations that need root on the host."""
    reads_files: ClassVar[bool] = False
    """Whether it may plan operations that read the host's files."""

    @classmethod
    def may_need_root(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether it may plan operations that need root on the host, given these arguments as a playbook has them."""
        return cls.needs_root

    def refuse(self, container: Container) -> str:
        """Why this action cannot do its work on that container, or empty where it can."""
        return ""

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        """The operations for one container, first to last."""
        return iter(())

    def plan_host(self, host: Host, run: RunFacts) -> Iterator[Operation]:
        """The operations for one host, of an action whose scope is the host."""
        return iter(())
