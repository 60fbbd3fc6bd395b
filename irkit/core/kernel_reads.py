"""Operations that read what the host's kernel shows of a container's processes and network, without the engine."""

from irkit.core.container import Container
from irkit.core.operation import Operation, Trace


class ReadProcesses(Operation, frozen=True, tag="read-processes"):
    """Every process of the container as the host's kernel shows it, of `docker exec` and those that joined it too."""

    container: str
    collects = frozenset({Trace.PROCESSES})
    needs_files = True
    unseen = "environments, open files, executables, capabilities and threads of processes, and those that joined it"

    @property
    def file(self) -> str:
        return "processes/processes.jsonl"

    def text(self) -> str:
        return "read processes from the host's /proc"

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in ("running", "paused") else f"it has no processes: it is {now.state}"


class ReadSockets(Operation, frozen=True, tag="read-sockets"):
    """The sockets, routes, neighbours and interfaces of the container's network namespaces, and who holds a socket."""

    container: str
    collects = frozenset({Trace.SOCKETS})
    needs_files = True

    @property
    def file(self) -> str:
        return "sockets/sockets.jsonl"

    def text(self) -> str:
        return "read sockets from the host's /proc"

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in ("running", "paused") else f"it has no sockets: it is {now.state}"
