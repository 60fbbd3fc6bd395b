"""Who is on a container's network namespace beside it, with the facts of each, as the engine tells."""

from typing import Final

from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.engine_list import summaries_of
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

_ALIVE: Final = ("running", "paused")


def facts_of(api: EngineApi, container: str, deadline: Deadline) -> Container:
    """The facts of a container, by full id, as they are now."""
    body = api.read(f"/containers/{part(container)}/json", deadline)
    return container_of(body, "", podman=api.is_podman(deadline))


def sharers_of(api: EngineApi, owner: Container, deadline: Deadline) -> list[Container]:
    """The live containers that share the network namespace of another one, with their facts."""
    found = []
    for one in summaries_of(api.read("/containers/json", deadline), ""):
        mode, _, wanted = one.network_mode.partition(":")
        if mode != "container" or not wanted or not (owner.id.startswith(wanted) or wanted == owner.name):
            continue
        try:
            facts = facts_of(api, one.id, deadline)
        except TargetError as error:
            if error.kind is not Refusal.ABSENT:
                raise
            continue
        if facts.state in _ALIVE:
            found.append(facts)
    return found
