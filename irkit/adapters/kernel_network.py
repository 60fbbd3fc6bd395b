"""What /proc/PID/net says of a network namespace: interfaces, addresses, connections. Pure.

Nothing there is of the container's making but what NET_ADMIN gives: addresses, routes, and names of interfaces, which
are any bytes but `/`, `:` and what the kernel calls white space. That is less than Python does: so lines end at a line
feed alone, and words at blanks and tabs. Formats: proc(5), Linux `Documentation/filesystems/proc.rst`.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from irkit.core.kernel import Connection

FALLBACK_TUNNELS: Final = frozenset(
    ("tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0")
)
"""Interfaces that the kernel makes in each namespace by itself, where their modules are loaded (`ip-tunnel(8)`)."""
_ESTABLISHED: Final = "01"
_MASK: Final = 7
"""Number of the column of /proc/net/route that has the mask."""
_STATE: Final = 3
"""Number of the column of /proc/net/tcp that has the state."""
_WORDS: Final = re.compile(r"[^ \t]+")
_IPV6_LINE: Final = re.compile(r"^([0-9a-f]{32})(?: [0-9a-f]+){4} +([^ \n]+)$", re.MULTILINE)
_UP_LINE: Final = re.compile(r"^[0-9]+\t([^ :\n]+) *:", re.MULTILINE)
_LOCAL_LINE: Final = re.compile(r"/32 [^ ]+ LOCAL\b")
_LEAF: Final = re.compile(r"\|-- ([0-9.]+)")


def interfaces(devices: str) -> list[str]:
    """All names in /proc/net/dev, in the order in which they were made."""
    return [line.partition(":")[0].strip(" ") for line in devices.split("\n")[2:] if ":" in line]


def up(groups: str) -> set[str]:
    """The interfaces that are up, by /proc/net/igmp: each of them is in the multicast group of all hosts."""
    return set(_UP_LINE.findall(groups))


class Routes:
    """The IPv4 routes of /proc/net/route, read once."""

    def __init__(self, text: str) -> None:
        self.interfaces: set[str] = set()
        self.default = ""
        self._by_mask: dict[int, dict[int, str]] = {}
        for line in text.split("\n")[1:]:
            words = line.split("\t")
            if len(words) <= _MASK:
                continue
            self.interfaces.add(words[0])
            if words[1] == "00000000":
                self.default = self.default or words[0]
            self._by_mask.setdefault(_number(words[_MASK]), {}).setdefault(_number(words[1]), words[0])
        self._by_mask.pop(0, None)

    def interface_of(self, address: str) -> str:
        """The interface whose network an address is of; empty where no route tells."""
        number = int(ipaddress.IPv4Address(address))
        masks = sorted(self._by_mask, reverse=True)
        return next((there for mask in masks if (there := self._by_mask[mask].get(number & mask))), "")


def _number(text: str) -> int:
    """An address as /proc writes it on a machine whose last byte comes first."""
    try:
        return int.from_bytes(bytes.fromhex(text), "little")
    except ValueError:
        return 0


def local_addresses(tries: str) -> Iterator[str]:
    """The IPv4 addresses that the namespace takes for its own: leaves of the trie with a local route for them alone."""
    leaf = ""
    for line in tries.split("\n"):
        text = line.strip(" ")
        if found := _LEAF.fullmatch(text):
            leaf = found[1] if _is_ipv4(found[1]) else ""
        elif text.startswith("+--"):
            leaf = ""
        elif leaf and _LOCAL_LINE.match(text):
            yield leaf


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def ipv6_places(text: str, most: int) -> dict[str, str]:
    """IPv6 addresses and their interfaces, by /proc/net/if_inet6; so many at most."""
    found = islice(_IPV6_LINE.finditer(text), most)
    return {str(ipaddress.IPv6Address(int(one[1], 16))): one[2] for one in found}


def is_own(address: str) -> bool:
    """Whether an address reaches nothing beyond the interface: the loopback's, or a link-local one of IPv6."""
    parsed = ipaddress.ip_address(address)
    return parsed.is_loopback or (isinstance(parsed, ipaddress.IPv6Address) and parsed.is_link_local)


def left_over(names: Iterable[str], used: set[str], fallbacks: frozenset[str]) -> tuple[str, ...]:
    """Interfaces that may lead somewhere: all but the loopback and the kernel's own tunnels that nobody uses."""
    return tuple(one for one in names if one != "lo" and (one in used or one not in fallbacks))


def established(tables: Mapping[str, str], check_time: Callable[[], None]) -> Iterator[Connection]:
    """Established connections, those within the loopback left out."""
    for table in tables.values():
        check_time()
        for line in table.split("\n")[1:]:
            words = _WORDS.findall(line)
            if len(words) > _STATE and words[_STATE] == _ESTABLISHED:
                local, remote = _end(words[1]), _end(words[2])
                if local and remote and not remote.startswith(("127.", "[::1]")):
                    yield Connection(local=local, remote=remote)


def _end(text: str) -> str:
    """`0100007F:0016` as `127.0.0.1:22`; an IPv4 address in an IPv6 one as the former; empty where it is neither."""
    address, _, port = text.partition(":")
    try:
        raw, number = bytes.fromhex(address), int(port, 16)
    except ValueError:
        return ""
    words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))  # each as the machine has it in memory
    try:
        parsed = ipaddress.ip_address(words)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return f"{parsed}:{number}"
    return f"{parsed.ipv4_mapped}:{number}" if parsed.ipv4_mapped else f"[{parsed}]:{number}"
