"""The exceptions of a firewall, as a playbook writes them: a network, or one port of it.

`10.0.0.5`, `10.0.0.0/24`, `10.0.0.5:443/tcp`, `10.0.0.0/24:53/udp`; IPv6 likewise, in brackets where a port follows:
`2001:db8::/32`, `[2001:db8::5]:443/tcp`. What they become is left to whoever writes rules.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

MOST = 50
"""How many exceptions there may be."""
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_WITH_PORT = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:./]{2,60})\]|(?P<four>[0-9./]{2,20})):(?P<port>[0-9]{1,5})/(?P<kind>tcp|udp)"
)
_ALONE = re.compile(r"[0-9A-Fa-f:./]{2,60}")
_LAST_PORT = 65535


class Allowed(msgspec.Struct, frozen=True):
    """A network, and a port of it; `port` 0 means all traffic with it."""

    network: str
    is_ipv6: bool = False
    port: int = 0
    protocol: Literal["tcp", "udp", ""] = ""


def parse_allowed(text: str) -> Allowed:
    """One exception. Raises ValueError that says what is wrong with it."""
    found = _WITH_PORT.fullmatch(text)
    if found is None:
        network = _network(text, text)
        if network.prefixlen == 0:
            raise ValueError(f"{text!r} allows everything: name a network, or a port")
        return Allowed(str(network), network.version == 6)  # noqa: PLR2004 - IPv6
    network = _network(found["six"] or found["four"], text)
    port = int(found["port"])
    if not 1 <= port <= _LAST_PORT:
        raise ValueError(f"{text!r}: there is no port {port}")
    if (network.version == 4) != bool(found["four"]):  # noqa: PLR2004 - IPv4
        raise ValueError(f"{text!r}: brackets are for IPv6")
    return Allowed(str(network), network.version == 6, port, "tcp" if found["kind"] == "tcp" else "udp")  # noqa: PLR2004


def parse_all(texts: Sequence[str]) -> tuple[Allowed, ...]:
    """All exceptions, each once, in their order. Raises ValueError."""
    if len(texts) > MOST:
        raise ValueError(f"allow has {len(texts)} entries: {MOST} at most")
    return tuple(dict.fromkeys(parse_allowed(text) for text in texts))


def _network(text: str, whole: str) -> Network:
    if not _ALONE.fullmatch(text):
        raise ValueError(f"{whole[:80]!r} is no network: write 10.0.0.0/24, 10.0.0.5:443/tcp or [2001:db8::5]:443/tcp")
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{whole[:80]!r} is no network: {error}") from None
