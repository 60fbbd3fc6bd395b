"""exposure.capabilities: a container that was given more of root's powers than engines give as a rule."""

from collections.abc import Iterator

from irkit.core.check import Check
from irkit.core.container import Container
from irkit.core.finding import Finding, Severity

_HIGH = frozenset(
    {
        "ALL", "BPF", "CHECKPOINT_RESTORE", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "PERFMON", "SYS_ADMIN",
        "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO",
    }
)  # fmt: skip
"""With these, or with what they open, processes have got out of their containers."""
_MEDIUM = frozenset({"AUDIT_CONTROL", "IPC_OWNER", "LINUX_IMMUTABLE", "NET_ADMIN", "SYSLOG", "SYS_TIME"})
"""With these they reach beyond their containers, or cover their tracks. NET_RAW is what Docker gives to all."""


class Capabilities(Check):
    """A container with capabilities that let it out, or reach beyond it. Those of privileged ones are another's."""

    id = "exposure.capabilities"
    severity = Severity.HIGH
    flag = "C"
    answer = "contain-and-preserve"
    references = ("cis-docker-1.6:5.4", "attack:T1611")

    def examine(self, container: Container) -> Iterator[Finding]:
        has = dict.fromkeys(one.upper().removeprefix("CAP_") for one in container.capabilities)
        high, medium = [one for one in has if one in _HIGH], [one for one in has if one in _MEDIUM]
        if high or medium:
            what = "which let it out of itself" if high else "which reach beyond it"
            summary = f"it was given capabilities {what}: {', '.join(high or medium)}"
            because = tuple(f"capability {one}" for one in (*high, *medium))
            severity = Severity.HIGH if high else Severity.MEDIUM
            yield self.found(container, summary, because, "make it again without", severity)
