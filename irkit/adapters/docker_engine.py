"""A target over a container engine's API: what is asked for each operation is in `engine_handlers`."""

from __future__ import annotations  # the handlers, and the operations they know, are loaded at the first operation

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from irkit.adapters.engine_facts import container_of, summaries_of
from irkit.adapters.engine_http import Dial, EngineApi, part

if TYPE_CHECKING:
    from irkit.adapters.engine_handlers import Handler
    from irkit.core.container import Container, Summary
    from irkit.core.host import Host
    from irkit.core.host_check import HostFacts
    from irkit.core.operations import Operation
    from irkit.core.ports import Clock, Deadline, Intake, Outcome


class DockerEngine:
    """The live way to one host's engine. Streams go over `bulk` where it is given, so that they delay nothing else."""

    notes: Sequence[str] = ()

    def __init__(
        self, host: Host, dial: Dial, clock: Clock, *, bulk: Dial | None = None, repeats: bool = False
    ) -> None:
        self._host, self._clock = host, clock
        self._api = EngineApi(dial, repeats=repeats)
        self._bulk = EngineApi(bulk, repeats=repeats, like=self._api) if bulk else self._api

    @property
    def host(self) -> Host:
        """The host it reaches."""
        return self._host

    def connect(self, deadline: Deadline) -> None:
        """Nothing: every request has a connection of its own."""

    def close(self) -> None:
        """Nothing: no connection outlives its request."""

    def identify(self, deadline: Deadline) -> str:
        """The ID that the engine keeps for as long as its data; empty where it has none that lasts."""
        from irkit.adapters.engine_identity import engine_id  # noqa: PLC0415

        return engine_id(self._api, deadline)

    def check(self, deadline: Deadline) -> HostFacts:
        """What the engine tells of itself, and for one on this machine, what the machine tells."""
        from irkit.adapters.engine_identity import engine_facts  # noqa: PLC0415
        from irkit.adapters.local_facts import with_local_facts  # noqa: PLC0415

        facts = engine_facts(self._api, self._host, self._clock, deadline)
        return with_local_facts(facts) if self._host.reach == "local" else facts

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """All containers, running or not, in one request, without sizes: those make the engine walk every file."""
        return summaries_of(self._api.read("/containers/json", deadline, all="1"), self._host.name)

    def examine(self, container: str, deadline: Deadline) -> Container:
        """The facts of a container, by full id, as they are now."""
        body = self._api.read(f"/containers/{part(container)}/json", deadline)
        return container_of(body, self._host.name, podman=self._api.is_podman(deadline))

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """Carry out one operation."""
        api = self._bulk if operation.bulk and operation.touch == "read" else self._api
        return self._handlers[type(operation)](api, operation, intake, deadline)

    @cached_property
    def _handlers(self) -> dict[type[Operation], Handler]:
        from irkit.adapters.engine_handlers import handlers  # noqa: PLC0415

        return handlers(self._clock)
