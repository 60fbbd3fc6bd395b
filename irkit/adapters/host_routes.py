"""Whether an address is on a network that a host is on itself, by its routes: /proc/net/route and ipv6_route, proc(5).

What is not would be sent to a router, away from the host, and answered by whoever sits behind it.
"""

import ipaddress
from typing import Final

from irkit.adapters.host_side import check_is_answer
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostFiles

_LIMIT: Final = 1 << 20
_GATEWAY, _REJECT, _UP = 0x2, 0x200, 0x1
"""Flags of a route (linux/route.h)."""


def is_next_to(files: HostFiles, address: str, deadline: Deadline) -> bool:
    """Whether the most specific route to it has no gateway. Raises TargetError where the routes cannot be read."""
    wanted = ipaddress.ip_address(address)
    path = b"/proc/net/route" if wanted.version == 4 else b"/proc/net/ipv6_route"  # noqa: PLR2004
    try:
        text = files.read_at(path, 0, _LIMIT, deadline).decode("utf-8", "replace")
    except TargetError as error:
        check_is_answer(error)
        if error.kind is Refusal.ABSENT:
            return False
        raise TargetError(f"it cannot be told whether it is next to the host: {error.reason}", error.kind) from error
    routes = _ipv4(text) if wanted.version == 4 else _ipv6(text)  # noqa: PLR2004
    fitting = [(network.prefixlen, is_direct) for network, is_direct in routes if wanted in network]
    return max(fitting, default=(0, False))[1]


_Route = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, bool]


def _ipv4(text: str) -> list[_Route]:
    found: list[_Route] = []
    for line in text.split("\n")[1:]:
        words = line.split("\t")
        try:
            destination, flags, mask = (int(words[at], 16) for at in (1, 3, 7))
            address = ipaddress.IPv4Address(destination.to_bytes(4, "little"))
            network = ipaddress.IPv4Network((address, mask.bit_count()))
        except (ValueError, IndexError, OverflowError):
            continue
        found.append((network, _is_direct(flags)))
    return found


def _ipv6(text: str) -> list[_Route]:
    found: list[_Route] = []
    for line in text.split("\n"):
        words = line.split()
        try:
            network = ipaddress.IPv6Network((int(words[0], 16), int(words[1], 16)))
            flags = int(words[8], 16)
        except (ValueError, IndexError):
            continue
        found.append((network, _is_direct(flags)))
    return found


def _is_direct(flags: int) -> bool:
    return bool(flags & _UP) and not flags & (_GATEWAY | _REJECT)
