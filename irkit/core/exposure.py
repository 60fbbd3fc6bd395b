"""Findings in short: a letter for each way in which a container is exposed, and the gravest of all."""

from collections.abc import Iterable, Mapping

from irkit.core.finding import Finding, Severity

PLACES = "PNDWCU"
"""The letters at their places: privileged, host namespaces, engine socket, writable host mounts, capabilities, root."""
NONE = "."
"""What stands where there is nothing."""


def flags_of(findings: Iterable[Finding], letters: Mapping[str, str]) -> str:
    """The letters of the checks that found something, each at its place; `letters` are those of the checks, by id."""
    found = {letters.get(one.check, "") for one in findings}
    return "".join(letter if letter in found else NONE for letter in PLACES)


def risk_of(findings: Iterable[Finding]) -> Severity | None:
    """The gravest severity, or None where nothing was found."""
    return max((one.severity for one in findings), key=lambda one: one.rank, default=None)


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in the order in which they matter; those of one severity as they came."""
    return tuple(sorted(findings, key=lambda one: -one.severity.rank))
