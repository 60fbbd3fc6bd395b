"""What a plan's operations cannot see on hosts whose files cannot be read as root: left out, or said.

What is left out is what reads such files and nothing else; the rest collects what the engine tells. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from irkit.core.finding import Finding, Severity
from irkit.core.operations import AnyOperation


@dataclass
class Sight:
    """One planning's account of it: `no_files` says for each host whose files cannot be read as root why."""

    no_files: Mapping[str, str]
    unseen: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)

    def look_at(self, step: str, host: str, operations: Sequence[AnyOperation]) -> tuple[tuple[AnyOperation, ...], str]:
        """The operations that can be done there, and where none is left, why the step does not apply."""
        reason = self.no_files.get(host, "")
        if not reason:
            return tuple(operations), ""
        for one in operations:
            if one.needs_files or one.unseen:
                missed = one.unseen or f"all that it would collect ({one.text()})"
                self.unseen.setdefault((host, step), {})[missed] = None
        kept = tuple(one for one in operations if not one.needs_files)
        return kept, "" if kept or not operations else f"it reads files of the host: {reason}"

    def findings(self) -> Iterator[Finding]:
        """What each step misses on each host."""
        for (host, step), missed in self.unseen.items():
            yield Finding(
                check="plan.unseen",
                severity=Severity.MEDIUM,
                host=host,
                summary=f"step {step} does not see on host {host}: {'; '.join(missed)}",
                because=(self.no_files[host],),
                remedy="read the host's files as root: docs/hosts.md",
            )
