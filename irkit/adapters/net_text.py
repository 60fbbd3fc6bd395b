"""Files of /proc/PID/net as values: sockets of every kind, interfaces, routes and neighbours. Nothing raises.

Numbers are as the machine has them in memory, which is last byte first on all that irkit is used on. The name of a unix
socket may hold anything, line feeds too: what looks like lines after one may be of its owner's making.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from irkit.adapters.foreign_text import put
from irkit.adapters.kernel_network import Routes, local_addresses

TCP_STATES: Final = ("", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED",
                     "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "NEW-SYN-RECEIVED")  # fmt: skip
_UNIX_STATES: Final = {1: "UNCONNECTED", 2: "CONNECTING", 3: "CONNECTED", 4: "DISCONNECTING"}
_UNIX_TYPES: Final = {1: "stream", 2: "datagram", 5: "seqpacket"}
_LISTENS: Final = 0x10000
_NETLINK: Final = {0: "route", 2: "usersock", 4: "sock_diag", 5: "nflog", 6: "xfrm", 7: "selinux", 8: "iscsi",
                   9: "audit", 10: "fib_lookup", 11: "connector", 12: "netfilter", 15: "kobject_uevent",
                   16: "generic", 18: "scsitransport", 20: "rdma", 21: "crypto"}  # fmt: skip
_PACKET_TYPES: Final = {2: "datagram", 3: "raw", 10: "packet"}
_EVERY_PROTOCOL: Final = 3
_UNIX: Final = re.compile(
    rb"^[0-9a-fA-F]+: ([0-9A-F]{8}) [0-9A-F]{8} ([0-9A-F]{8}) ([0-9A-F]{4}) ([0-9A-F]{2}) +([0-9]+)(?: ([^\n]*))?$",
    re.MULTILINE,
)
_IPV6: Final = re.compile(rb"^([0-9a-f]{32}) [0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+ +(\S+)$", re.MULTILINE)
_SCOPES: Final = {0x00: "global", 0x10: "host", 0x20: "link", 0x40: "site"}
_COUNTERS: Final = ("bytes", "packets", "errors", "dropped")
_SENT: Final = 8
"""Number of the first counter of what was sent."""
_ROUTE_FLAGS: Final = ((1, "up"), (2, "gateway"), (4, "host"), (0x200, "reject"))
_INTERNET: Final = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6")

Line = dict[str, Any]


def sockets_of(files: Mapping[str, bytes]) -> Iterator[Line]:
    """Every socket in those files of one namespace, by the files' names."""
    for name in _INTERNET:
        yield from _internet(name, files.get(name, b""))
    for name, read in _OTHERS.items():
        yield from read(files.get(name, b""))


def _internet(protocol: str, text: bytes) -> Iterator[Line]:
    for line in text.split(b"\n")[1:]:
        words = line.split()
        if len(words) <= 9 or not (words[7].isdigit() and words[9].isdigit()):  # noqa: PLR2004 - columns
            continue
        sending, _, received = words[4].partition(b":")
        yield {
            "protocol": protocol,
            "state": _state(protocol, _hex(words[3])),
            "local": _end(words[1]),
            "remote": _end(words[2]),
            "user": int(words[7]),
            "inode": int(words[9]),
            "send_queue": _hex(sending),
            "receive_queue": _hex(received),
        }


def _state(protocol: str, number: int) -> str:
    name = TCP_STATES[number] if number < len(TCP_STATES) else str(number)
    return "UNCONNECTED" if name == "CLOSED" and not protocol.startswith("tcp") else name


def _hex(word: bytes) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0


@lru_cache(maxsize=4096)
def _address(word: bytes) -> str:
    """An address of four or sixteen bytes, each four turned round; an IPv4 address in an IPv6 one as the former."""
    try:
        raw = bytes.fromhex(word.decode("ascii"))
        parsed = ipaddress.ip_address(b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)))
    except ValueError:
        return ""
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _end(word: bytes) -> Line:
    address, _, port = word.partition(b":")
    return {"address": _address(address), "port": _hex(port)}


def _unix(text: bytes) -> Iterator[Line]:
    for references, flags, kind, state, inode, name in _UNIX.findall(text):
        listens = _hex(flags) & _LISTENS
        line: Line = {
            "protocol": "unix",
            "state": "LISTEN" if listens else _UNIX_STATES.get(_hex(state), str(_hex(state))),
            "type": _UNIX_TYPES.get(_hex(kind), str(_hex(kind))),
            "inode": int(inode),
            "references": _hex(references),
        }
        put(line, "path", name)
        yield line


def _packet(text: bytes) -> Iterator[Line]:
    for words in _rows(text, 9):
        protocol = _hex(words[3])
        yield {
            "protocol": "packet",
            "type": _PACKET_TYPES.get(int(words[2]), words[2].decode()),
            "ethernet_protocol": "all" if protocol == _EVERY_PROTOCOL else f"0x{protocol:04x}",
            "interface_number": int(words[4]),
            "user": int(words[7]),
            "inode": int(words[8]),
        }


def _netlink(text: bytes) -> Iterator[Line]:
    for words in _rows(text, 10):
        yield {
            "protocol": "netlink",
            "family": _NETLINK.get(int(words[1]), words[1].decode()),
            "port": int(words[2]),
            "groups": _hex(words[3]),
            "inode": int(words[9]),
        }


def _rows(text: bytes, columns: int) -> Iterator[list[bytes]]:
    """The rows below the headings that have numbers where they should."""
    for line in text.split(b"\n")[1:]:
        words = line.split()
        if len(words) >= columns and all(words[at].isdigit() for at in (1, 2, 4, columns - 2, columns - 1)):
            yield words


_OTHERS: Final[Mapping[str, Callable[[bytes], Iterator[Line]]]] = {
    "unix": _unix,
    "packet": _packet,
    "netlink": _netlink,
}


# Interfaces, routes, neighbours ----------------------------------------------------------------------------------


def network_of(files: Mapping[str, bytes]) -> Line:
    """Interfaces with addresses and counters, routes and neighbours."""
    routes = Routes(files.get("route", b"").decode("utf-8", "replace"))
    own = sorted(set(local_addresses(files.get("fib_trie", b"").decode("utf-8", "replace"))))
    return {
        "interfaces": list(_interfaces(files.get("dev", b""))),
        "ipv4_addresses": [{"address": one, "interface": routes.interface_of(one)} for one in own],
        "ipv6_addresses": list(_ipv6_addresses(files.get("if_inet6", b""))),
        "ipv4_routes": list(_ipv4_routes(files.get("route", b""))),
        "ipv6_routes": list(_ipv6_routes(files.get("ipv6_route", b""))),
        "neighbours": list(_neighbours(files.get("arp", b""))),
    }


def _interfaces(text: bytes) -> Iterator[Line]:
    for line in text.split(b"\n")[2:]:
        name, colon, rest = line.partition(b":")
        numbers = [int(word) for word in rest.split() if word.isdigit()]
        if colon and len(numbers) > _SENT + 3:
            found: Line = {}
            put(found, "name", name.strip(b" "))
            found["received"] = dict(zip(_COUNTERS, numbers, strict=False))
            found["sent"] = dict(zip(_COUNTERS, numbers[_SENT:], strict=False))
            yield found


def _ipv6_addresses(text: bytes) -> Iterator[Line]:
    for address, length, scope, interface in _IPV6.findall(text):
        line: Line = {
            "address": str(ipaddress.IPv6Address(int(address, 16))),
            "prefix": _hex(length),
            "scope": _SCOPES.get(_hex(scope), str(_hex(scope))),
        }
        put(line, "interface", interface)
        yield line


def _ipv4_routes(text: bytes) -> Iterator[Line]:
    for line in text.split(b"\n")[1:]:
        words = line.split(b"\t")
        if len(words) > 7:  # noqa: PLR2004 - columns
            flags = _hex(words[3])
            found: Line = {
                "destination": f"{_address(words[1])}/{_hex(words[7].strip()).bit_count()}",
                "gateway": _address(words[2]) if flags & 2 else "",
                "metric": int(words[6]) if words[6].isdigit() else 0,
                "flags": [name for bit, name in _ROUTE_FLAGS if flags & bit],
            }
            put(found, "interface", words[0])
            yield found


def _ipv6_routes(text: bytes) -> Iterator[Line]:
    for line in text.split(b"\n"):
        words = line.split()
        if len(words) > 9 and all(len(words[at]) == 32 for at in (0, 4)):  # noqa: PLR2004 - columns
            flags = _hex(words[8])
            found: Line = {
                "destination": f"{ipaddress.IPv6Address(_hex(words[0]))}/{_hex(words[1])}",
                "gateway": str(ipaddress.IPv6Address(_hex(words[4]))) if flags & 2 else "",
                "metric": _hex(words[5]),
                "flags": [name for bit, name in _ROUTE_FLAGS if flags & bit],
            }
            put(found, "interface", words[9])
            yield found


def _neighbours(text: bytes) -> Iterator[Line]:
    for line in text.split(b"\n")[1:]:
        words = line.split()
        if len(words) > 5:  # noqa: PLR2004 - columns
            found: Line = {"address": words[0].decode("utf-8", "replace"), "mac": words[3].decode("utf-8", "replace")}
            found["state"] = "complete" if _hex(words[2]) & 2 else "incomplete"
            put(found, "interface", words[5])
            yield found
