"""exposure.host_namespaces: a container that shares with its host what containers have of their own."""

from collections.abc import Iterator

from irkit.core.check import Check
from irkit.core.container import Container
from irkit.core.finding import Finding, Severity

_MEANINGS = {
    "pid": "sees and can trace the host's processes",
    "network": "has the host's addresses and its loopback services",
    "ipc": "reads the host's shared memory",
    "user": "is root on the host where it is root",
}


class HostNamespaces(Check):
    """A container in its host's pid, network, ipc or user namespace. `uts` alone opens nothing, and is passed over."""

    id = "exposure.host_namespaces"
    severity = Severity.HIGH
    flag = "N"
    answer = "contain-and-preserve"
    references = (
        "cis-docker-1.6:5.10",
        "cis-docker-1.6:5.16",
        "cis-docker-1.6:5.17",
        "cis-docker-1.6:5.31",
        "attack:T1611",
    )

    def examine(self, container: Container) -> Iterator[Finding]:
        modes = {**container.namespaces, "network": container.network_mode}
        shared = [kind for kind in _MEANINGS if modes.get(kind) == "host"]
        if shared:
            summary = f"it shares its host's namespaces: {'; '.join(f'{kind}, {_MEANINGS[kind]}' for kind in shared)}"
            because = tuple(f"{kind} namespace host" for kind in shared)
            yield self.found(container, summary, because, "make it again with namespaces of its own")
