"""What all parts of a hold share: how it is to be done, what is logged, and the numbers of tasks planned on the way."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from irkit.core.container import Container
from irkit.core.errors import StorageError
from irkit.core.events import FindingRaised
from irkit.core.finding import Finding, Hold, Severity
from irkit.core.holding import Told
from irkit.core.plan import Task
from irkit.engine.bench import Bench
from irkit.engine.deadline import Cancel, OperationDeadline
from irkit.engine.unforeseen import bug_met

LOOK_TIME = 10.0
"""Seconds that one look at a container or host may take."""
EVERY = 5.0
"""Seconds between two looks at everything that is held, beside those that events give rise to."""
_MOST_BUGS = 100
"""Bugs that one hold tells of."""
_SEVERITIES = {Hold.AGAIN: Severity.INFO, Hold.SEEN: Severity.INFO}


@dataclass(frozen=True)
class HoldOrder:
    """How containment is to be held, for `seconds` or (0) until told to end.

    `steps` are the ids of the steps that contain; `plan_again(container, number)` are the tasks that contain a
    container from its facts, `None` where breaks are only to be told. `claim` makes a container this run's own to
    change, as its targets are, or says why it must not be. `told` hears now and then how it stands.
    """

    steps: frozenset[str]
    plan_again: Callable[[Container, int], Sequence[Task]] | None = None
    claim: Callable[[Container], str] = lambda container: ""
    seconds: float = 0.0
    every: float = EVERY
    told: Told = lambda holding: None


@dataclass
class Desk:
    """One hold under way. `fail` is told of a disk that takes no more; `ending` ends looks, and no change."""

    order: HoldOrder
    bench: Bench
    fail: Callable[[StorageError], None]
    next_task: int
    again: int = 0
    ending: Cancel = field(default_factory=Cancel)
    _bugs: set[tuple[str, ...]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_ending(self) -> bool:
        """Whether nothing new must be begun."""
        return self.ending.is_set or self.bench.is_ending()

    def deadline(self, *, of_change: bool = False) -> OperationDeadline:
        """The time for one look, which the end of the hold ends, unless it is part of a change."""
        cancel = self.bench.changes if of_change else self.ending
        return OperationDeadline(self.bench.clock, LOOK_TIME, LOOK_TIME, cancel)

    def plan_again(self, container: Container) -> list[Task]:
        """The tasks that contain it once more, with numbers that no task of the run has. Raises PlaybookError."""
        if self.order.plan_again is None:
            return []
        with self._lock:
            tasks = list(self.order.plan_again(container, self.next_task))
            self.next_task += len(tasks)
            return tasks

    def count_again(self) -> None:
        """Count a containment that was made once more."""
        with self._lock:
            self.again += 1

    def tell_bug(self, error: Exception, work: str, host: str, key: str = "") -> None:
        """Log a bug that one piece of work of the hold ended with; the same one once, as looks are repeated."""
        record = bug_met(error, work, host=host, container=key)
        with self._lock:
            told, is_new = len(self._bugs), (host, key, *record.trace) not in self._bugs
            self._bugs.add((host, key, *record.trace))
        if is_new and told < _MOST_BUGS:
            try:
                self.bench.say(record)
            except StorageError as failure:
                self.fail(failure)

    def notice(self, check: Hold, container: Container, summary: str, because: Sequence[str] = ()) -> None:
        """Log a finding about a container."""
        self.notice_host(check, container.host, summary, because, key=container.key)

    def notice_host(self, check: Hold, host: str, summary: str, because: Sequence[str] = (), key: str = "") -> None:
        """Log a finding about a host, or with a key about its container."""
        severity = _SEVERITIES.get(check, Severity.HIGH)
        self.bench.say(
            FindingRaised(
                finding=Finding(
                    check=check, severity=severity, summary=summary, host=host, container=key, because=tuple(because)
                )
            )
        )
