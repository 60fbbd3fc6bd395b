"""What all operations of a run share, and the times that they have."""

from collections.abc import Callable
from dataclasses import dataclass, field

from irkit.core.container import Container
from irkit.core.errors import StorageError
from irkit.core.events import AnyEvent
from irkit.core.operations import Operation, Stop, Touch
from irkit.core.plan import Task
from irkit.core.ports import Clock
from irkit.core.store import Store
from irkit.engine.deadline import Cancel, OperationDeadline

IDLE = 60.0
"""Seconds without a byte after which a stream counts as hung."""
LOOK_TIME = 10.0
"""Seconds that a look at a host's kernel may take."""
READ_TIME, CHANGE_TIME, BULK_TIME = 30.0, 90.0, 6 * 3600.0
"""Seconds one operation may take where the step does not say: a small read, a change, what moves much data.

A change may have to wait for a restarting container's next start, up to a minute away.
"""
LONGEST = 7 * 86400.0
"""Seconds that no operation may exceed: the waits of sockets end at 24 days."""


@dataclass
class Bench:
    """What all operations of a run share.

    `end_for` ends the run where nothing can be written any more. `before` are the facts that each change was sent on,
    by its task and number; `last` those seen last, by key.
    """

    store: Store
    clock: Clock
    say: Callable[[AnyEvent], None]
    is_ending: Callable[[], bool]
    end_for: Callable[[StorageError], None]
    before: dict[tuple[int, int], Container] = field(default_factory=dict)
    last: dict[str, Container] = field(default_factory=dict)
    reads: Cancel = field(default_factory=Cancel)
    changes: Cancel = field(default_factory=Cancel)

    def deadline(self, task: Task, operation: Operation) -> OperationDeadline:
        """The time that the operation has."""
        usual = BULK_TIME if operation.bulk else READ_TIME if operation.touch is Touch.READ else CHANGE_TIME
        seconds = min(task.timeout or usual, LONGEST)
        if isinstance(operation, Stop):
            seconds = max(seconds, operation.grace + 30.0)
        if operation.lasts:
            seconds = max(seconds, operation.lasts + 60.0)
        # What reads a stream may expect it to flow; a commit copies the whole layer before it says a word.
        is_stream = operation.bulk and (operation.touch is Touch.READ or operation.takes_back)
        return OperationDeadline(self.clock, seconds, IDLE if is_stream else seconds, self.cancel(operation))

    def cancel(self, operation: Operation) -> Cancel:
        """What ends the operation early."""
        return self.reads if operation.touch is Touch.READ or operation.takes_back else self.changes

    def read_deadline(self, operation: Operation) -> OperationDeadline:
        """The time for reading facts on behalf of an operation."""
        return OperationDeadline(self.clock, READ_TIME, READ_TIME, self.cancel(operation))

    def look_deadline(self, operation: Operation) -> OperationDeadline:
        """The time for a look at a host's kernel on behalf of an operation."""
        return OperationDeadline(self.clock, LOOK_TIME, LOOK_TIME, self.cancel(operation))
