"""Where irkit itself is: the containers that it runs in, the SSH session of its user, the places it goes through.

By /proc/self, the environment that sshd gives (sshd(8), `SSH_CONNECTION`), and the addresses of hosts.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from irkit.adapters.host_address import PLAIN_PORT, TLS_PORT, parse_endpoint
from irkit.adapters.name_lookup import look_up
from irkit.core.errors import TargetError, UsageError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.core.ways import Point, Session

_SSH_PORT: Final = 22
_ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_GIVEN: Final = re.compile(r"^(?:\S+ ){3}(\S+) /etc/(?:hostname|hosts|resolv\.conf) ", re.MULTILINE)
"""A line of mountinfo for a file that engines put into containers: which file of theirs it is."""
_LIMIT: Final = 1 << 20
_MOST_ADDRESSES: Final = 20
_HIGHEST_PORT: Final = 65535


def own_containers() -> frozenset[str]:
    """The full ids of the containers that this process runs in, as far as they can be told."""
    return containers_in(_read("/proc/self/cgroup"), _read("/proc/self/mountinfo"))


def containers_in(groups: str, mounts: str) -> frozenset[str]:
    """The ids in what /proc tells of a process: in the names of its control groups, and of files put into it."""
    return frozenset(_ID.findall("\n".join([groups, *_GIVEN.findall(mounts)])))


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a file of the kernel's, read in one go
            return file.read(_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""


def ssh_session(environment: Mapping[str, str]) -> Session | None:
    """The SSH session that irkit's user is in, or None."""
    words = environment.get("SSH_CONNECTION", "").split()
    match words:
        case [client, _, server, port] if port.isdecimal() and int(port) <= _HIGHEST_PORT:
            return Session(client=client, server=Point(addresses=(server,), port=int(port)))
    return None


def points_of(host: Host, deadline: Deadline) -> tuple[Point, ...]:
    """The places that connections to a host go through, its own last; none for an engine of this machine's.

    A hop's name means what it means where irkit is, which need not be so: that is all that can be looked up here.
    """
    if host.reach not in ("ssh", "tcp"):
        return ()
    usual = _SSH_PORT if host.reach == "ssh" else TLS_PORT if host.tls else PLAIN_PORT
    ends = [*_hops(host), (host.address or host.name, host.port or usual)]
    return tuple(Point(addresses=tuple(_addresses(name, port, deadline)), port=port) for name, port in ends)


def _hops(host: Host) -> Iterator[tuple[str, int]]:
    for text in filter(None, host.jump.split(",")):
        try:
            end = parse_endpoint(text)
        except UsageError:
            continue
        yield end.host, end.port or _SSH_PORT


def _addresses(name: str, port: int, deadline: Deadline) -> list[str]:
    try:
        found = look_up(name, port, deadline)
    except TargetError:
        return []
    return list(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in islice(found, _MOST_ADDRESSES)))
