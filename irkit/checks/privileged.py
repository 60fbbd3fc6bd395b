"""exposure.privileged: a container that is held back by next to nothing."""

from collections.abc import Iterator

from irkit.core.check import Check
from irkit.core.container import Container
from irkit.core.finding import Finding, Severity


class Privileged(Check):
    """A privileged container: it has every capability and every device of its host, and no filter on system calls."""

    id = "exposure.privileged"
    severity = Severity.HIGH
    flag = "P"
    answer = "contain-and-preserve"
    references = ("cis-docker-1.6:5.5", "attack:T1611")

    def examine(self, container: Container) -> Iterator[Finding]:
        if container.privileged:
            summary = "it is privileged: who is root in it can take the host over"
            remedy = "make it again with the capabilities and devices alone that it needs"
            yield self.found(container, summary, ("privileged true",), remedy)
