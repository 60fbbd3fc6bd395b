"""A target over a container engine's API: what is asked for each operation is in `engine_handlers`."""

from __future__ import annotations  # the handlers, and the operations they know, are loaded at the first operation

from functools import cached_property
from typing import TYPE_CHECKING

from irkit.adapters.engine_facts import container_of, summaries_of
from irkit.adapters.engine_http import Dial, EngineApi, part

if TYPE_CHECKING:
    from irkit.adapters.engine_handlers import Handler
    from irkit.core.container import Container, Summary
    from irkit.core.host import Host
    from irkit.core.operations import Operation
    from irkit.core.ports import Clock, Deadline, Intake, Outcome


class DockerEngine:
    """The live way to one host's engine."""

    def __init__(self, host: Host, dial: Dial, clock: Clock) -> None:
        self._host, self._api, self._clock = host, EngineApi(dial), clock

    @property
    def host(self) -> Host:
        """The host it reaches."""
        return self._host

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """All containers, running or not, in one request, without sizes: those make the engine walk every file."""
        return summaries_of(self._api.read("/containers/json", deadline, all="1"), self._host.name)

    def examine(self, container: str, deadline: Deadline) -> Container:
        """The facts of a container, by full id, as they are now."""
        return container_of(self._api.read(f"/containers/{part(container)}/json", deadline), self._host.name)

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """Carry out one operation."""
        return self._handlers[type(operation)](self._api, operation, intake, deadline)

    @cached_property
    def _handlers(self) -> dict[type[Operation], Handler]:
        from irkit.adapters.engine_handlers import handlers  # noqa: PLC0415

        return handlers(self._clock)
