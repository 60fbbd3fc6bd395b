"""What a plan's operations cannot see on hosts whose files cannot be read as root: left out, or said.

So too what a host tells by commands run as root alone, where none can be run, and what SFTP does not tell. What is left
out is what reads so and in no other way; the rest collects what the engine tells. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from irkit.core.finding import Finding, Severity
from irkit.core.operations import AnyOperation, Touch


@dataclass
class Sight:
    """One planning's account of it: why files cannot be read, or commands not be run, as root, for each such host.

    `by_sftp` are the hosts whose files are read over SFTP.
    """

    no_files: Mapping[str, str]
    no_root: Mapping[str, str] = field(default_factory=dict)
    by_sftp: frozenset[str] = frozenset()
    untold: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    unseen: dict[tuple[str, str, str], dict[str, None]] = field(default_factory=dict)

    def look_at(self, step: str, host: str, operations: Sequence[AnyOperation]) -> tuple[tuple[AnyOperation, ...], str]:
        """The operations that can be done there, and where none is left, why the step does not apply."""
        kept, reasons = [], []
        for one in operations:
            is_command = one.needs_root and one.touch is Touch.READ and host in self.no_root
            is_blind = host in self.no_files and (one.needs_files or one.unseen)
            if one.untold and host in self.by_sftp and host not in self.no_files:
                self.untold.setdefault((host, step), {})[one.untold] = None
            if is_command or is_blind:
                missed = one.unseen or f"all that it would collect ({one.text()})"
                reason = self.no_root[host] if is_command else self.no_files[host]
                self.unseen.setdefault((host, step, reason), {})[missed] = None
                what = "runs commands of the host as root" if is_command else "reads files of the host"
                reasons.append(f"it {what}: {reason}")
            if not is_command and not (is_blind and one.needs_files):
                kept.append(one)
        return tuple(kept), reasons[0] if reasons and not kept else ""

    def findings(self) -> Iterator[Finding]:
        """What each step misses on each host."""
        for (host, step, reason), missed in self.unseen.items():
            yield Finding(
                check="plan.unseen",
                severity=Severity.MEDIUM,
                host=host,
                summary=f"step {step} does not see on host {host}: {'; '.join(missed)}",
                because=(reason,),
                remedy="reach the host as root, or by sudo: docs/hosts.md",
            )
        for (host, step), missed in self.untold.items():
            yield Finding(
                check="plan.unseen",
                severity=Severity.LOW,
                host=host,
                summary=f"step {step} is not told on host {host}: {'; '.join(missed)}",
                because=("its files are read over SFTP, and the engine tells only a part of the rest",),
                remedy="run irkit on the host itself where these matter",
            )
