"""Which task may run next: those before it done, earlier steps first, only so many at a time, and so many bulk ones.

Earlier steps of all containers come before later steps of any, so that no containment waits behind a download.
"""

import heapq
import threading
from collections.abc import Sequence

from irkit.core.plan import Task

_Heap = list[tuple[int, int, Task]]


class Schedule:
    """The tasks of a plan on one host, handed out to the workers of that host."""

    def __init__(self, tasks: Sequence[Task], *, parallel: int, bulk: int) -> None:
        self._changed = threading.Condition()
        own = {task.index for task in tasks}
        self._before = {task.index: own & set(task.after) for task in tasks}
        self._after: dict[int, list[Task]] = {}
        self._quick: _Heap = []
        self._bulk: _Heap = []
        self._left, self._running = len(tasks), 0
        self._room = {False: parallel, True: bulk}
        self._stopped: dict[str, str] = {}
        for task in tasks:
            for index in self._before[task.index]:
                self._after.setdefault(index, []).append(task)
            self._free(task)

    def _free(self, task: Task) -> None:
        """Let the task be taken, if it waits for no other."""
        if not self._before[task.index]:
            heapq.heappush(self._bulk if task.is_bulk else self._quick, (task.order, task.index, task))

    def take(self) -> Task | None:
        """The next task, waiting for one to come free; None when there is nothing left to take."""
        with self._changed:
            while self._left:
                heaps = [
                    heap for is_bulk, heap in ((False, self._quick), (True, self._bulk)) if heap and self._room[is_bulk]
                ]
                if heaps:
                    _, _, task = heapq.heappop(min(heaps, key=lambda heap: heap[0]))
                    self._count(task, 1)
                    self._left -= 1
                    return task
                if not self._running:
                    self._left = 0
                    self._changed.notify_all()
                    raise ValueError(
                        f"tasks wait for one another: {[one for one, wait in self._before.items() if wait]}"
                    )
                self._changed.wait()
            return None

    def finish(self, task: Task, *, stop: str = "") -> None:
        """The task is over; with `stop`, the later tasks of its containers are not to be done, for that reason."""
        with self._changed:
            self._count(task, -1)
            for later in self._after.pop(task.index, ()):
                self._before[later.index].discard(task.index)
                self._free(later)
            if stop:
                self._stopped.update(dict.fromkeys(task.containers, stop))
            self._changed.notify_all()

    def _count(self, task: Task, change: int) -> None:
        self._running += change
        self._room[task.is_bulk] -= change

    def stopped(self, task: Task) -> str:
        """Why the task must not be done any more, or empty: all its containers were stopped."""
        with self._changed:
            reasons = [self._stopped.get(key, "") for key in task.containers]
            return reasons[0] if reasons and all(reasons) else ""
