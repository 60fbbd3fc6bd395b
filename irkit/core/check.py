"""A check: what irkit can notice in the facts of one container, as a pure function from them to findings.

Its module's one line in `checks/__init__.py` makes it known everywhere.
"""

from collections.abc import Iterator
from typing import ClassVar

from irkit.core.container import Container
from irkit.core.finding import Finding, Severity


class Check:
    """Base of all checks.

    `flag` is the letter that stands for it in a list, or empty; `severity` that of its gravest finding; `references`
    name it in public catalogues. `answer` is the playbook of irkit's own that answers it, where it is more than a risk.
    """

    id: ClassVar[str] = ""
    severity: ClassVar[Severity] = Severity.INFO
    flag: ClassVar[str] = ""
    references: ClassVar[tuple[str, ...]] = ()
    answer: ClassVar[str] = ""

    def examine(self, container: Container) -> Iterator[Finding]:
        """What is to be noticed of the container."""
        return iter(())

    def found(
        self,
        container: Container,
        summary: str,
        because: tuple[str, ...],
        remedy: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this check. `because` are the facts that it rests on; they hold foreign text."""
        return Finding(
            check=self.id,
            severity=severity or self.severity,
            summary=summary,
            host=container.host,
            container=container.key,
            because=because,
            remedy=remedy,
        )
