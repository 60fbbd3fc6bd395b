"""Limiting what a container may use, over an engine's API, and taking the limits away again.

Measured with Docker 20.10: a limit of CPU by `NanoCpus` and one of memory, once set, cannot be removed: 0 means to
leave it, -1 is refused. So CPU is limited by `CpuQuota` where a container has no `NanoCpus` (-1 removes that), and a
limit of memory is taken away by one that no machine has as much as. Podman 5.4 and 5.8 take limits that come without a
restart policy for the policy `no`: there they come with the one that the container has.
"""

from typing import Any, Final

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_changes import check_update
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.core.container import UNLIMITED, Limits
from irkit.core.errors import TargetError
from irkit.core.operations import SetLimits
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.core.text import safe

ALL_MEMORY: Final = 2**51
"""Bytes of memory that are set for no limit; with swap, twice as many: engines set swap to what is above memory."""
_MOST_WARNINGS: Final = 5


class _Answer(msgspec.Struct, rename="pascal", frozen=True):
    warnings: list[str] | None = None


def set_limits(api: EngineApi, operation: SetLimits, intake: Intake, deadline: Deadline) -> Outcome:
    """Update the limits that are named, and nothing else; what the engine warns of is told."""
    path = f"/containers/{part(operation.container)}/update"
    check_update(api, path, "limits", deadline)
    body: dict[str, Any] = _body(operation.limits)
    if api.is_podman(deadline):
        body["RestartPolicy"] = _policy_of(api, operation.container, deadline)
    return Outcome(detail=_warnings(api.send("POST", path, deadline, body)))


def _policy_of(api: EngineApi, container: str, deadline: Deadline) -> dict[str, object]:
    """The restart policy it has, as an update takes it."""
    found = container_of(api.read(f"/containers/{part(container)}/json", deadline), "").restart_policy
    return {"Name": found.name, "MaximumRetryCount": found.maximum_retries}


def _warnings(answer: bytes) -> str:
    """What an engine says to limits that it has set, as far as it says anything."""
    try:
        warnings = decoded(answer, _Answer).warnings or []
    except TargetError:
        return ""
    return "; ".join(safe(one, 200) for one in warnings[:_MOST_WARNINGS])


def _body(wish: Limits) -> dict[str, int]:
    # Below a limit of memory the engine knows of swap without one.
    no_swap = 2 * ALL_MEMORY if wish.memory == UNLIMITED else UNLIMITED
    asked = {
        "NanoCpus": wish.nano_cpus,
        "CpuQuota": wish.cpu_quota,
        "CpuPeriod": wish.cpu_period if wish.cpu_quota else 0,
        "Memory": ALL_MEMORY if wish.memory == UNLIMITED else wish.memory,
        "MemorySwap": no_swap if wish.memory_swap == UNLIMITED else wish.memory_swap,
        "PidsLimit": wish.pids,
    }
    return {key: value for key, value in asked.items() if value}
