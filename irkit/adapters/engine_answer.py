"""What all answers of an engine have in common: how they are read, and the shapes that more than one of them has.

Nothing in an answer is believed to have the right shape.
"""

from typing import Annotated, TypeVar

import msgspec

from irkit.core.errors import Refusal, TargetError
from irkit.core.text import safe

T = TypeVar("T")
Whole = Annotated[int, msgspec.Meta(ge=-(2**53) + 1, le=2**53 - 1)]
"""A number that JSON holds exactly everywhere: what is larger is no fact, and could not be logged."""


class Answer(msgspec.Struct, rename="pascal", frozen=True):
    """An engine's answer: fields in its spelling; absent and null are the same."""


class Ipam(Answer, frozen=True):
    """Addresses that were asked for on a network."""

    ipv4: str | None = msgspec.field(default=None, name="IPv4Address")
    ipv6: str | None = msgspec.field(default=None, name="IPv6Address")
    link_local: list[str] | None = msgspec.field(default=None, name="LinkLocalIPs")


class Endpoint(Answer, frozen=True):
    """A container's place on a network."""

    ipam: Ipam | None = msgspec.field(default=None, name="IPAMConfig")
    links: list[str] | None = None
    aliases: list[str] | None = None
    driver_opts: dict[str, str] | None = None
    network_id: str = msgspec.field(default="", name="NetworkID")
    ipv4: str = msgspec.field(default="", name="IPAddress")
    ipv6: str = msgspec.field(default="", name="GlobalIPv6Address")
    mac_address: str = ""
    gw_priority: Whole = 0


class Binding(Answer, frozen=True):
    """Where on the host a port is published."""

    host_ip: str = ""
    host_port: str = ""


class NetworkSettings(Answer, frozen=True):
    """A container's networks by their names, and its ports as `80/tcp`."""

    networks: dict[str, Endpoint | None] | None = None
    ports: dict[str, list[Binding] | None] | None = None


def decoded(body: bytes, kind: type[T]) -> T:
    """An answer as that type. Raises TargetError where it has another shape."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = f"the engine's answer has not the expected form: {safe(error, 200)}"
        raise TargetError(reason, Refusal.GARBLED) from error


def check_id(container: str) -> None:
    """A full id goes into request paths and folder names: it must be what it claims to be. Raises TargetError."""
    if len(container) != 64 or not set(container) <= set("0123456789abcdef"):  # noqa: PLR2004
        raise TargetError(
            f"the engine names a container by something that is no id: {safe(container, 80)}", Refusal.GARBLED
        )
