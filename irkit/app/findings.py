"""What the checks notice of a container, that in short, and what answers it."""

from collections.abc import Iterable
from typing import Any

import msgspec

from irkit.checks import CHECKS
from irkit.core import exposure
from irkit.core.container import Container
from irkit.core.finding import Finding

_CHECKS = tuple(check() for check in CHECKS.values())
_ANSWERS = {check.id: check.answer for check in CHECKS.values()}
_LETTERS = {check.id: check.flag for check in CHECKS.values() if check.flag}


def findings_of(container: Container) -> tuple[Finding, ...]:
    """What all checks find, the gravest first."""
    return exposure.gravest_first(one for check in _CHECKS for one in check.examine(container))


def flags_of(findings: tuple[Finding, ...]) -> str:
    """The findings as letters, each at its place (`exposure.PLACES`)."""
    return exposure.flags_of(findings, _LETTERS)


def judge(container: Container) -> tuple[tuple[Finding, ...], str]:
    """Findings and flags of a container."""
    found = findings_of(container)
    return found, flags_of(found)


def answer_of(finding: Finding) -> str:
    """The playbook that answers what a check found, by name; empty where none is known."""
    return _ANSWERS.get(finding.check, "")


def with_answers(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The findings as their fields, each with the playbook that answers it: `answer`."""
    return [{**msgspec.structs.asdict(one), "answer": answer_of(one)} for one in findings]
