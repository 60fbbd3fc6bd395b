"""Which engine answers, and what it is: from `/info`, `/version` and pings, over any way to it.

What only the host itself can tell (free space over SFTP, the responder's privileges) is left to who reaches it.
"""

import statistics
from typing import Annotated, Final

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_reads import sample_clock
from irkit.core.errors import TargetError
from irkit.core.host import Host
from irkit.core.host_check import HostFacts
from irkit.core.ports import Clock, Deadline

_PINGS: Final = 5
_CLOCK_SAMPLES: Final = 3
_TEXT_LIMIT: Final = 200
_FIXED_POLICIES: Final = ("1", "2", "3", "4")
"""Majors of Podman that cannot change a restart policy."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class _Info(msgspec.Struct, rename="pascal"):
    id: str | None = msgspec.field(default=None, name="ID")
    containers: _Count | None = None
    containers_running: _Count | None = None
    driver: str | None = None
    cgroup_version: str | None = None
    cgroup_driver: str | None = None
    security_options: list[str] | None = None
    docker_root_dir: str | None = None
    os_type: str | None = msgspec.field(default=None, name="OSType")


class _Component(msgspec.Struct, rename="pascal"):
    name: str = ""


class _Version(msgspec.Struct, rename="pascal"):
    version: str | None = None
    api_version: str | None = None
    min_api_version: str | None = msgspec.field(default=None, name="MinAPIVersion")
    components: list[_Component] | None = None


def engine_id(api: EngineApi, deadline: Deadline) -> str:
    """The engine's own ID, which it keeps for as long as its data; empty where it has none that lasts.

    Asked for twice: Podman makes up another one for every answer. Raises TargetError.
    """
    return _lasting_id(*(_read_info(api, deadline) for _ in range(2)))


def engine_facts(api: EngineApi, host: Host, clock: Clock, deadline: Deadline) -> HostFacts:
    """All that the engine's API tells of the engine and its host. Raises TargetError."""
    version = decoded(api.read("/version", deadline), _Version)
    info, again = _read_info(api, deadline), _read_info(api, deadline)
    is_podman = any("podman" in component.name.lower() for component in version.components or ())
    offset, error = _clock(api, clock, deadline)
    lasting = _lasting_id(info, again)
    return HostFacts(
        host=host.name,
        address=host.address,
        route=host.route,
        host_key=host.host_key,
        latency_ms=_latency(api, clock, deadline),
        engine="Podman" if is_podman else "Docker",
        engine_version=_short(version.version),
        engine_id=lasting,
        api="{}.{}".format(*api.version(deadline)),
        api_oldest=_short(version.min_api_version),
        api_newest=_short(version.api_version),
        storage_driver=_short(info.driver),
        rootless=_is_rootless(info),
        cgroup=_short(info.cgroup_version),
        running=info.containers_running,
        containers=info.containers,
        data_folder=info.docker_root_dir or "",
        clock_offset_ns=offset,
        clock_error_ns=error,
        cannot=tuple(_limits((version.version or "?") if is_podman else "", lasting, info)),
    )


def _read_info(api: EngineApi, deadline: Deadline) -> _Info:
    return decoded(api.read("/info", deadline), _Info)


def _lasting_id(first: _Info, second: _Info) -> str:
    return _short(first.id) if first.id == second.id else ""


def _short(text: str | None) -> str:
    """A text as long as an honest engine's would be at most."""
    return (text or "")[:_TEXT_LIMIT]


def _latency(api: EngineApi, clock: Clock, deadline: Deadline) -> float:
    """The median of a few pings, in milliseconds."""
    found = []
    for _ in range(_PINGS):
        began = clock.monotonic()
        api.read("/_ping", deadline)
        found.append((clock.monotonic() - began) * 1000)
    return statistics.median(found)


def _clock(api: EngineApi, clock: Clock, deadline: Deadline) -> tuple[int | None, int | None]:
    """The host's clock less the responder's, and by how much that may be wrong, in nanoseconds."""
    try:
        offset, trip = min((sample_clock(api, clock, deadline) for _ in range(_CLOCK_SAMPLES)), key=lambda one: one[1])
    except TargetError:
        return None, None  # an engine that does not tell its time is told of as one that does not
    return offset, trip // 2


def _limits(podman: str, lasting: str, info: _Info) -> list[str]:
    """What irkit will not be able to do there, as sentences. `podman` is its version, empty for another engine."""
    found = []
    if podman:
        found += [
            "The engine's own list of processes is not asked for: Podman would run ps inside the container.",
            "A paused container cannot be cut off: Podman says that it is, and leaves it connected.",
        ]
    if podman.partition(".")[0] in _FIXED_POLICIES:
        found.append("Restart policies and limits cannot be changed: this Podman has no request for it.")
    if _is_rootless(info) and (info.cgroup_driver == "none" or info.cgroup_version == "1"):
        found += _limits_without_groups(podman)
    if not lasting:
        found.append("Undo cannot tell whether the same engine answers: this one has no lasting ID.")
    if (info.os_type or "linux") != "linux":
        found.append("Containers of other systems than Linux are listed, and nothing more was ever tried on them.")
    return found


def _limits_without_groups(podman: str) -> list[str]:
    """Of a rootless engine to which its host hands no control groups."""
    found = [
        "Containers cannot be paused: a rootless engine has no control groups on this host.",
        "Images are committed only with `pause: false`.",
        "Limits of CPU, memory and processes cannot be set.",
        "Resource use is not that of a container: the engine tells none, or that of the whole host.",
    ]
    own_list = "The engine's own list of processes is not to be had: it finds them by control groups."
    return found if podman else [*found, own_list]


def _is_rootless(info: _Info) -> bool:
    return any("rootless" in option for option in info.security_options or ())
