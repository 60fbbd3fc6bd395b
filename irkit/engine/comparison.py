"""The end of an undo: its containers as they are, against how the run that was taken back had found them."""

from collections.abc import Iterator

from irkit.core.container import SHORT_ID
from irkit.core.errors import Refusal, TargetError
from irkit.core.finding import Finding, Severity
from irkit.core.found import DIFFERS, Difference, Found, differences
from irkit.core.kernel import KernelFacts
from irkit.core.plan import Plan
from irkit.core.ports import Clock, Target, Targets
from irkit.engine.deadline import Cancel, OperationDeadline

_LOOK_TIME = 30.0
"""Seconds for one look at a container."""
_MOST_TOLD = 5


class Comparison:
    """Compares the containers of an undo's plan. A host that fails once is not asked again."""

    def __init__(self, targets: Targets, clock: Clock, cancel: Cancel) -> None:
        self._targets, self._clock, self._cancel = targets, clock, cancel
        self._failed: dict[str, str] = {}

    def findings(self, plan: Plan) -> Iterator[Finding]:
        """One finding for each container that is not as it was found, or cannot be looked at."""
        reached = {target.key for target in plan.targets}
        for found in plan.found:
            if found.key in reached:
                yield from self._compare(found)

    def _compare(self, found: Found) -> Iterator[Finding]:
        host, _, container = found.key.partition("/")
        if host not in self._failed:
            try:
                told = sorted(self._differences(self._targets[host], container, found), key=_gravity)
            except TargetError as error:
                self._failed[host] = error.reason
            else:
                if told:
                    yield _finding(found, told)
                return
        reason = f"whether it is as it was found cannot be told: {self._failed[host]}"
        yield _finding(found, [Difference(severity=Severity.MEDIUM, text=reason)])

    def _differences(self, target: Target, container: str, found: Found) -> Iterator[Difference]:
        """What differs. Raises TargetError."""
        deadline = OperationDeadline(self._clock, _LOOK_TIME, _LOOK_TIME, self._cancel)
        try:
            now = target.examine(container, deadline)
        except TargetError as error:
            if error.kind is not Refusal.ABSENT:
                raise
            yield Difference(severity=Severity.HIGH, text="it is gone")
            return
        kernel: KernelFacts | None = None
        if any(one.interface for one in found.attachments):
            kernel = target.see_kernel(now, deadline)
        yield from differences(found, now, kernel)


def _gravity(difference: Difference) -> int:
    return -difference.severity.rank


def _finding(found: Found, told: list[Difference]) -> Finding:
    host, _, container = found.key.partition("/")
    texts = tuple(one.text for one in told)
    more = f"; and {len(texts) - _MOST_TOLD} more" if len(texts) > _MOST_TOLD else ""
    return Finding(
        check=DIFFERS,
        severity=told[0].severity,
        host=host,
        container=found.key,
        summary=f"not as it was found: {'; '.join(texts[:_MOST_TOLD])}{more}",
        because=texts,
        remedy=f"docker inspect {container[:SHORT_ID]}",
    )
