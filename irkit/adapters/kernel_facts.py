"""What the host's kernel shows of a container, from /proc and /sys of the host: `irkit.core.kernel` says what.

Nothing here is of the container's making but names of interfaces, which it may choose where it has NET_ADMIN: any bytes
but `/`, `:` and what the kernel calls white space, which is less than Python does. So lines end at a line feed alone,
and words at blanks and tabs. Formats: proc(5), Linux `Documentation/filesystems/proc.rst`; cgroups(7).
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from irkit.core.container import SHORT_ID, Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.kernel import Connection, KernelFacts
from irkit.core.ports import Deadline, HostFiles

_LIMIT: Final = 1 << 20
"""Bytes read of one file; what lists connections may be longer, and is cut."""
_MOST_CONNECTIONS: Final = 1000
_ESTABLISHED: Final = "01"
_DEAD: Final = KernelFacts(alive=False)
_CGROUPS: Final = "/sys/fs/cgroup"
_MASK: Final = 7
"""Number of the column of /proc/net/route that has the mask."""
_STATE: Final = 3
"""Number of the column of /proc/net/tcp that has the state."""
_IPV6_LINE: Final = re.compile(r"^([0-9a-f]{32})(?: [0-9a-f]+){4} +([^ \n]+)$", re.MULTILINE)
_UP_LINE: Final = re.compile(r"^[0-9]+\t([^ :\n]+) *:", re.MULTILINE)


def see_kernel(files: HostFiles, container: Container, deadline: Deadline) -> KernelFacts | None:
    """The facts, or None where the host does not show them. Raises TargetError where it cannot be asked at all."""
    if container.pid <= 0:
        return None
    groups = _read(files, f"/proc/{container.pid}/cgroup", deadline)
    if groups is None:
        # A /proc that shows no process 1 either shows those of its own user only, or is none.
        return _DEAD if _read(files, "/proc/1/cgroup", deadline) is not None else None
    # Another process may have got the number: a container's own control groups are named by its id.
    if container.id not in groups and container.id[:SHORT_ID] not in groups:
        return _DEAD if _tells_groups(groups) else None
    return _seen(files, container.pid, groups, deadline)


def _tells_groups(groups: str) -> bool:
    """Whether a process is in some control group of its own: seen from a group namespace, all may be in the root."""
    return any(line.rpartition(":")[2] not in ("/", "") for line in groups.splitlines())


def _seen(files: HostFiles, pid: int, groups: str, deadline: Deadline) -> KernelFacts | None:
    folder = f"/proc/{pid}/net"
    devices = _read(files, f"{folder}/dev", deadline)
    routes = _read(files, f"{folder}/route", deadline)
    tries = _read(files, f"{folder}/fib_trie", deadline)
    if devices is None or routes is None or tries is None:
        return None
    ipv6 = _ipv6_places(_read(files, f"{folder}/if_inet6", deadline) or "")
    addresses = sorted(set(local_addresses(tries)))
    places = {one: found for one in addresses if (found := interface_of(one, routes))} | ipv6
    kept = [one for one in (*addresses, *ipv6) if not _is_own(one)]
    used = {*places.values(), *_routed(routes), *_up(_read(files, f"{folder}/igmp", deadline) or "")}
    namespace = _link(files, f"/proc/{pid}/ns/net", deadline)
    tcp = [_read(files, f"{folder}/{name}", deadline) or "" for name in ("tcp", "tcp6")]
    return KernelFacts(
        alive=True,
        network_namespace=namespace,
        is_host_network=bool(namespace) and namespace == _link(files, "/proc/1/ns/net", deadline),
        interfaces=tuple(one for one in _interfaces(devices) if one != "lo" and one in used),
        addresses=tuple(kept),
        places={one: places[one] for one in kept if one in places},
        default_route=next((one for one, destination, _ in _routes(routes) if destination == "00000000"), ""),
        connections=tuple(_established(tcp))[:_MOST_CONNECTIONS],
        frozen=_frozen(files, groups, deadline),
    )


def _read(files: HostFiles, path: str, deadline: Deadline) -> str | None:
    """A file's text; None where it cannot be read. Raises TargetError where the host cannot be asked any more."""
    found = bytearray()
    try:
        for piece in files.stream(path.encode(), deadline):
            found += piece
            if len(found) >= _LIMIT:
                break
    except TargetError as error:
        _check_is_answer(error)
        return None
    return found[:_LIMIT].decode("utf-8", "replace")


def _link(files: HostFiles, path: str, deadline: Deadline) -> str:
    try:
        return files.read_link(path.encode(), deadline).decode("utf-8", "replace")
    except TargetError as error:
        _check_is_answer(error)
        return ""


def _check_is_answer(error: TargetError) -> None:
    if error.kind in (Refusal.TIMEOUT, Refusal.LOST, Refusal.CANCELLED, Refusal.UNREACHABLE):
        raise error


def _interfaces(devices: str) -> list[str]:
    """All names, in the order in which they were made."""
    return [line.partition(":")[0].strip(" ") for line in devices.split("\n")[2:] if ":" in line]


def _up(groups: str) -> set[str]:
    """The interfaces that are up: each of them is in the multicast group of all hosts."""
    return set(_UP_LINE.findall(groups))


def _routes(routes: str) -> Iterator[tuple[str, str, str]]:
    """Interface, destination and mask of each IPv4 route, as /proc writes them: hexadecimal, last byte first."""
    for line in routes.split("\n")[1:]:
        words = line.split("\t")
        if len(words) > _MASK:
            yield words[0], words[1], words[_MASK]


def _routed(routes: str) -> set[str]:
    return {interface for interface, _, _ in _routes(routes)}


def local_addresses(tries: str) -> Iterator[str]:
    """The IPv4 addresses that the namespace takes for its own: leaves of the trie with a local route for them alone."""
    leaf = ""
    for line in tries.split("\n"):
        match line.split():
            case ["|--", address]:
                leaf = address
            case ["/32", _, "LOCAL", *_] if leaf:
                yield leaf
            case ["+--", *_]:
                leaf = ""


def interface_of(address: str, routes: str) -> str:
    """The interface whose network an address is of."""
    number = int(ipaddress.IPv4Address(address))
    for interface, destination, mask in _routes(routes):
        wanted, bits = _number(destination), _number(mask)
        if bits and number & bits == wanted:
            return interface
    return ""


def _number(text: str) -> int:
    """An address as /proc writes it on a machine whose last byte comes first."""
    try:
        return int.from_bytes(bytes.fromhex(text), "little")
    except ValueError:
        return 0


def _ipv6_places(text: str) -> dict[str, str]:
    """IPv6 addresses and their interfaces."""
    found = _IPV6_LINE.findall(text)
    return {str(ipaddress.IPv6Address(int(address, 16))): interface for address, interface in found}


def _is_own(address: str) -> bool:
    """Whether an address reaches nothing beyond the interface: the loopback's, or a link-local one of IPv6."""
    parsed = ipaddress.ip_address(address)
    return parsed.is_loopback or (isinstance(parsed, ipaddress.IPv6Address) and parsed.is_link_local)


def _established(tables: list[str]) -> Iterator[Connection]:
    """Established connections, those within the loopback left out."""
    for table in tables:
        for line in table.splitlines()[1:]:
            words = line.split()
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


def _frozen(files: HostFiles, groups: str, deadline: Deadline) -> bool | None:
    """Whether the control group is frozen: by the freezer of version 1, else by the events of version 2."""
    paths = {controller: path for line in groups.splitlines() if (found := line.split(":", 2))[2:]
             for controller, path in [(found[1], found[2])]}  # fmt: skip
    if ".." in "".join(paths.values()):
        return None
    if (path := paths.get("freezer")) and path != "/":
        state = _read(files, f"{_CGROUPS}/freezer{path}/freezer.state", deadline)
        return None if state is None else state.strip() == "FROZEN"
    if (path := paths.get("")) and path != "/":
        for root in (_CGROUPS, f"{_CGROUPS}/unified"):
            events = _read(files, f"{root}{path}/cgroup.events", deadline)
            if events is not None and "frozen " in events:
                return "frozen 1" in events.splitlines()
    return None
