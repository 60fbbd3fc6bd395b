"""From an engine's answer to a list to a summary of each container."""

from datetime import UTC, datetime

import msgspec

from irkit.adapters.engine_answer import Answer, NetworkSettings, Whole, check_id, decoded
from irkit.core.container import SHORT_ID, Port, Summary
from irkit.core.values import utc_text


class _ListedPort(Answer, frozen=True):
    private_port: Whole
    type: str = "tcp"
    ip: str = msgspec.field(default="", name="IP")
    public_port: Whole = 0


class _ListedMode(Answer, frozen=True):
    network_mode: str = ""


class _Listed(Answer, frozen=True):
    id: str
    names: list[str] | None = None
    image: str = ""
    image_id: str = msgspec.field(default="", name="ImageID")
    state: str = ""
    status: str = ""
    created: Whole = 0
    ports: list[_ListedPort] | None = None
    labels: dict[str, str] | None = None
    network_settings: NetworkSettings | None = None
    host_config: _ListedMode | None = None


def summaries_of(body: bytes, host: str) -> list[Summary]:
    """The containers in the answer to a list."""
    return [_summary(seen, host) for seen in decoded(body, list[_Listed])]


def _summary(seen: _Listed, host: str) -> Summary:
    check_id(seen.id)
    names = [name.removeprefix("/") for name in seen.names or ()]
    networks = seen.network_settings.networks if seen.network_settings else None
    return Summary(
        id=seen.id,
        # A linked container is also listed under the names its links give it, which hold a slash.
        name=next((name for name in names if "/" not in name), seen.id[:SHORT_ID]),
        host=host,
        image=seen.image,
        image_id=seen.image_id,
        state=seen.state,
        status=seen.status,
        created_at=_moment(seen.created),
        networks=tuple(sorted(networks or ())),
        network_mode=seen.host_config.network_mode if seen.host_config else "",
        ports=tuple(
            Port(container_port=port.private_port, protocol=port.type, host_ip=port.ip, host_port=port.public_port)
            for port in seen.ports or ()
        ),
        labels=seen.labels or {},
    )


def _moment(seconds: int) -> str:
    try:
        return utc_text(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return ""
