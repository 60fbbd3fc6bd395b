"""From an engine's answer to an inspect to the facts of a container."""

from collections.abc import Iterator

import msgspec

from irkit.adapters.engine_answer import Answer, Binding, Endpoint, Ipam, NetworkSettings, Whole, check_id, decoded
from irkit.core.container import SHORT_ID, UNLIMITED, Attachment, Container, Limits, Mount, Port, RestartPolicy

_PORT_DIGITS = 5
_PETABYTE = 2**50
"""Bytes of memory from which a limit is none: no machine has as much, and limits that are taken away become more."""
_PODMAN_MODES = frozenset({"bridge", "host", "none"})
"""What Podman 5 lists as the network of a container without any; its default network is `podman`."""
_ORCHESTRATORS = {
    "com.docker.compose.project": "compose",
    "com.docker.swarm.service.id": "swarm",
    "io.kubernetes.pod.name": "kubernetes",
}


class _Restart(Answer, frozen=True):
    name: str = ""
    maximum_retry_count: Whole = 0


class _LogConfig(Answer, frozen=True):
    type: str = ""


class _HostConfig(Answer, frozen=True):
    network_mode: str = ""
    pid_mode: str = ""
    ipc_mode: str = ""
    uts_mode: str = msgspec.field(default="", name="UTSMode")
    userns_mode: str = ""
    privileged: bool = False
    auto_remove: bool = False
    cap_add: list[str] | None = None
    security_opt: list[str] | None = None
    restart_policy: _Restart = _Restart()
    log_config: _LogConfig = _LogConfig()
    tmpfs: dict[str, str] | None = None
    nano_cpus: Whole | None = None
    cpu_quota: Whole | None = None
    cpu_period: Whole | None = None
    memory: int | None = None
    memory_swap: int | None = None
    pids_limit: Whole | None = None


class _HealthCheck(Answer, frozen=True):
    test: list[str] | None = None


class _Config(Answer, frozen=True):
    image: str = ""
    healthcheck: _HealthCheck | None = None
    user: str = ""
    tty: bool = False
    labels: dict[str, str] | None = None


class _State(Answer, frozen=True):
    status: str
    pid: Whole = 0
    started_at: str = ""


class _Mount(Answer, frozen=True):
    type: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""
    rw: bool = msgspec.field(default=True, name="RW")


class _Inspect(Answer, frozen=True):
    id: str
    name: str
    state: _State
    created: str = ""
    image: str = ""
    restart_count: Whole = 0
    config: _Config = _Config()
    host_config: _HostConfig = _HostConfig()
    network_settings: NetworkSettings = NetworkSettings()
    mounts: list[_Mount] | None = None


def container_of(body: bytes, host: str, *, podman: bool = False) -> Container:
    """The facts in the answer to an inspect; Podman's is read otherwise."""
    seen = decoded(body, _Inspect)
    check_id(seen.id)
    config, settings = seen.config, seen.host_config
    labels = config.labels or {}
    tmpfs = [Mount(kind="tmpfs", destination=path) for path in settings.tmpfs or {}]
    return Container(
        id=seen.id,
        name=seen.name.removeprefix("/"),
        host=host,
        image=config.image,
        image_digest=seen.image,
        state=seen.state.status,
        pid=seen.state.pid,
        created_at=seen.created,
        started_at=seen.state.started_at,
        attachments=tuple(_attachments(seen, podman=podman)),
        network_mode=settings.network_mode,
        mounts=(*(_mount(mount) for mount in seen.mounts or ()), *tmpfs),
        ports=tuple(_ports(seen.network_settings.ports or {})),
        privileged=settings.privileged,
        capabilities=tuple(settings.cap_add or ()),
        security_options=tuple(settings.security_opt or ()),
        namespaces=_namespaces(settings),
        user=config.user,
        tty=config.tty,
        log_driver=settings.log_config.type,
        restart_policy=RestartPolicy(
            name=settings.restart_policy.name or "no", maximum_retries=settings.restart_policy.maximum_retry_count
        ),
        restarts=seen.restart_count,
        auto_remove=settings.auto_remove,
        limits=_limits(settings),
        health_check=bool(config.healthcheck and config.healthcheck.test and config.healthcheck.test != ["NONE"]),
        labels=labels,
        orchestrator=next((name for label, name in _ORCHESTRATORS.items() if label in labels), ""),
    )


def _limits(settings: _HostConfig) -> Limits:
    """What there is of limits: engines tell in many ways that there is none."""
    memory, swap = settings.memory or 0, settings.memory_swap or 0
    is_limited = 0 < memory < _PETABYTE
    return Limits(
        nano_cpus=max(settings.nano_cpus or 0, 0),
        cpu_quota=max(settings.cpu_quota or 0, 0),
        cpu_period=max(settings.cpu_period or 0, 0),
        memory=memory if is_limited else 0,
        memory_swap=(swap if 0 <= swap < _PETABYTE else UNLIMITED) if is_limited else 0,
        pids=max(settings.pids_limit or 0, 0),
    )


def _namespaces(settings: _HostConfig) -> dict[str, str]:
    """Whose namespaces it is in, by kind, as the engine was told."""
    return {
        "network": settings.network_mode,
        "pid": settings.pid_mode,
        "ipc": settings.ipc_mode,
        "uts": settings.uts_mode,
        "user": settings.userns_mode,
    }


def _attachments(seen: _Inspect, *, podman: bool) -> Iterator[Attachment]:
    """Its places on networks, by their names."""
    for name, endpoint in sorted((seen.network_settings.networks or {}).items()):
        if endpoint is not None and not (podman and name in _PODMAN_MODES):
            yield _attachment(name, endpoint, seen.id, podman=podman)


def _attachment(network: str, endpoint: Endpoint, container: str, *, podman: bool) -> Attachment:
    # Podman does not tell which addresses were asked for: so that they come back, all are taken for such.
    ipam = Ipam(ipv4=endpoint.ipv4, ipv6=endpoint.ipv6) if podman else endpoint.ipam or Ipam()
    own = container[:SHORT_ID]  # engines before 25 list it among the aliases, and it must not be given back
    return Attachment(
        network=network,
        network_id=endpoint.network_id,
        ipv4=endpoint.ipv4,
        ipv6=endpoint.ipv6,
        mac=endpoint.mac_address,
        fixed_ipv4=ipam.ipv4 or "",
        fixed_ipv6=ipam.ipv6 or "",
        link_local=tuple(ipam.link_local or ()),
        aliases=tuple(alias for alias in endpoint.aliases or () if alias != own),
        links=tuple(endpoint.links or ()),
        driver_options=endpoint.driver_opts,
        gateway_priority=endpoint.gw_priority,
    )


def _mount(mount: _Mount) -> Mount:
    return Mount(
        kind=mount.type, name=mount.name, source=mount.source, destination=mount.destination, writable=mount.rw
    )


def _ports(bindings: dict[str, list[Binding] | None]) -> list[Port]:
    found = []
    for inside, outside in sorted(bindings.items()):
        number, _, protocol = inside.partition("/")
        for binding in outside or ():
            if _is_port(number) and _is_port(binding.host_port):
                found.append(
                    Port(
                        container_port=int(number),
                        protocol=protocol or "tcp",
                        host_ip=binding.host_ip,
                        host_port=int(binding.host_port),
                    )
                )
    return found


def _is_port(text: str) -> bool:
    return text.isdecimal() and len(text) <= _PORT_DIGITS
