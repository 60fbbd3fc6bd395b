"""exposure.engine_socket: a container that can ask an engine for whatever its host's administrator can."""

from collections.abc import Iterator

from irkit.core.check import Check
from irkit.core.container import Container
from irkit.core.engine_socket import socket_folders, socket_mounts
from irkit.core.finding import Finding, Severity


class EngineSocket(Check):
    """A container with the socket of an engine, or with a folder of its host that has it in it as a rule.

    A mount that is read-only opens the socket all the same.
    """

    id = "exposure.engine_socket"
    severity = Severity.HIGH
    flag = "D"
    answer = "contain-and-preserve"
    references = ("cis-docker-1.6:5.32", "attack:T1611", "attack:T1610")

    def examine(self, container: Container) -> Iterator[Finding]:
        mounts = socket_mounts(container)
        found = mounts or socket_folders(container)
        if found:
            what = "the socket of an engine" if mounts else "a folder that has the engine's socket in it"
            summary = f"it has {what}: who is in it can make containers, and so take the host over"
            because = tuple(f"mount of {one.source or one.name} on {one.destination}" for one in found)
            yield self.found(container, summary, because, "make it again without; let a proxy give what it needs of it")
