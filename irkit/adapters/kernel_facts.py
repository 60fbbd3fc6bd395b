"""What the host's kernel shows of a container, from /proc and /sys of the host: `irkit.core.kernel` says what.

What the files of its network namespace say is read in `kernel_network`, where its processes are in `kernel_processes`.
"""

from itertools import islice
from typing import Final

from irkit.adapters import kernel_network as network
from irkit.adapters.kernel_processes import find_elsewhere
from irkit.adapters.proc_reading import LIMIT, ProcReading
from irkit.core.container import SHORT_ID, Container
from irkit.core.kernel import KernelFacts
from irkit.core.ports import Deadline, HostFiles

_MOST_CONNECTIONS: Final = 1000
_MOST_ADDRESSES: Final = 500
_DEAD: Final = KernelFacts(alive=False)
_CGROUPS: Final = "/sys/fs/cgroup"
_ONLY_HOST: Final = "/proc/sys/net/core/fb_tunnels_only_for_init_net"


def see_kernel(files: HostFiles, container: Container, deadline: Deadline) -> KernelFacts | None:
    """The facts, or None where the host does not show them. Raises TargetError where it cannot be asked at all."""
    if container.pid <= 0:
        return None
    reading = ProcReading(files, deadline)
    groups = reading.text(f"/proc/{container.pid}/cgroup")
    if groups is None:
        # A /proc that shows no process 1 either shows those of its own user only, or is none.
        return _DEAD if reading.text("/proc/1/cgroup") is not None else None
    # Another process may have got the number: a container's own control groups are named by its id.
    if container.id not in groups and container.id[:SHORT_ID] not in groups:
        return _DEAD if _tells_groups(groups) else None
    return _seen(reading, container, groups)


def _tells_groups(groups: str) -> bool:
    """Whether a process is in some control group of its own: seen from a group namespace, all may be in the root."""
    return any(line.rpartition(":")[2] not in ("/", "") for line in groups.split("\n"))


def _seen(reading: ProcReading, container: Container, groups: str) -> KernelFacts | None:
    folder = f"/proc/{container.pid}/net"
    devices, routes, tries = (reading.text(f"{folder}/{name}") for name in ("dev", "route", "fib_trie"))
    if devices is None or routes is None or tries is None:
        return None
    by_route = network.Routes(routes)
    found = sorted(set(network.local_addresses(tries)))
    ipv6 = network.ipv6_places(reading.text(f"{folder}/if_inet6") or "", _MOST_ADDRESSES + 1)
    is_many = len(found) > _MOST_ADDRESSES or len(ipv6) > _MOST_ADDRESSES
    addresses = found[:_MOST_ADDRESSES]
    reading.check_time()
    places = {one: place for one in addresses if (place := by_route.interface_of(one))} | ipv6
    kept = [one for one in (*addresses, *ipv6) if not network.is_own(one)]
    used = {*places.values(), *by_route.interfaces, *network.up(reading.text(f"{folder}/igmp") or "")}
    incomplete = _incomplete(reading.cut, is_many=is_many)
    tables = {name: reading.text(f"{folder}/{name}") or "" for name in ("tcp", "tcp6")}
    connections = tuple(islice(network.established(tables, reading.check_time), _MOST_CONNECTIONS + 1))
    namespace = reading.link(f"/proc/{container.pid}/ns/net")
    names = network.interfaces(devices)
    elsewhere = find_elsewhere(reading, container, groups, namespace)
    return KernelFacts(
        alive=True,
        network_namespace=namespace,
        is_host_network=bool(namespace) and namespace == reading.link("/proc/1/ns/net"),
        interfaces=network.left_over(names, used, _fallbacks(reading, names)),
        addresses=tuple(kept),
        places={one: places[one] for one in kept if one in places},
        default_route=by_route.default,
        connections=connections[:_MOST_CONNECTIONS],
        has_more_connections=len(connections) > _MOST_CONNECTIONS or _is_cut(reading, tables),
        frozen=_frozen(reading, groups),
        incomplete=incomplete,
        elsewhere=elsewhere.found,
        has_seen_processes=elsewhere.is_whole,
    )


def _incomplete(cut: list[str], *, is_many: bool) -> str:
    """Why there may be more in the namespace than is told."""
    if cut:
        names = ", ".join(sorted({path.rpartition("/")[2] for path in cut}))
        return f"its network namespace has more than was read: {names} of it is longer than {LIMIT >> 20} MiB"
    return f"its network namespace has more than {_MOST_ADDRESSES} addresses, of which the first were read" * is_many


def _is_cut(reading: ProcReading, tables: dict[str, str]) -> bool:
    return any(path.rpartition("/")[2] in tables for path in reading.cut)


def _fallbacks(reading: ProcReading, names: list[str]) -> frozenset[str]:
    """The tunnels that the kernel makes in each namespace: those that the host's own has, unless it alone has them."""
    if network.FALLBACK_TUNNELS.isdisjoint(names) or (reading.text(_ONLY_HOST) or "0").strip() != "0":
        return frozenset()
    return network.FALLBACK_TUNNELS & set(network.interfaces(reading.text("/proc/1/net/dev") or ""))


def _frozen(reading: ProcReading, groups: str) -> bool | None:
    """Whether the control group is frozen: by the freezer of version 1, else by the events of version 2."""
    paths = {controller: path for line in groups.split("\n") if (found := line.split(":", 2))[2:]
             for controller, path in [(found[1], found[2])]}  # fmt: skip
    if ".." in "".join(paths.values()):
        return None
    if (path := paths.get("freezer")) and path != "/":
        state = reading.text(f"{_CGROUPS}/freezer{path}/freezer.state")
        return None if state is None else state.strip() == "FROZEN"
    if (path := paths.get("")) and path != "/":
        for root in (_CGROUPS, f"{_CGROUPS}/unified"):
            events = reading.text(f"{root}{path}/cgroup.events")
            if events is not None and "frozen " in events:
                return "frozen 1" in events.split("\n")
    return None
