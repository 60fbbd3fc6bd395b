"""exposure.several: a container with so many ways out that nobody needs to look for the one that works."""

from collections.abc import Iterator

from irkit.checks.capabilities import Capabilities
from irkit.checks.engine_socket import EngineSocket
from irkit.checks.host_mounts import HostMounts
from irkit.checks.host_namespaces import HostNamespaces
from irkit.checks.privileged import Privileged
from irkit.core.check import Check
from irkit.core.container import Container
from irkit.core.finding import Finding, Severity

_WAYS: tuple[Check, ...] = (Privileged(), HostNamespaces(), EngineSocket(), HostMounts(), Capabilities())
_MANY = 3


class SeveralWays(Check):
    """Three or more ways to the host at once: of the other checks, those whose finding is high or critical."""

    id = "exposure.several"
    severity = Severity.CRITICAL
    answer = "acquire-everything"
    references = ("attack:T1611",)

    def examine(self, container: Container) -> Iterator[Finding]:
        ways = [check.id for check in _WAYS if any(_is_grave(one) for one in check.examine(container))]
        if len(ways) >= _MANY:
            summary = f"it has {len(ways)} ways to its host: take the host for lost if it is"
            yield self.found(container, summary, tuple(ways), "look at the host too: playbooks collect it")


def _is_grave(finding: Finding) -> bool:
    return finding.severity.rank >= Severity.HIGH.rank
