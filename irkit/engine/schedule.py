"""Which task may run next: those before it done, earlier steps first, and only so many bulk ones at a time.

Earlier steps of all containers come before later steps of any, so that no containment waits behind a download.
"""

import threading
from collections.abc import Sequence

from irkit.core.plan import Task


class Schedule:
    """The tasks of a plan on one host, handed out to the workers of that host."""

    def __init__(self, tasks: Sequence[Task], *, bulk: int) -> None:
        self._changed = threading.Condition()
        self._waiting = sorted(tasks, key=lambda task: (task.order, task.index))
        self._own = {task.index for task in tasks}
        self._done: set[int] = set()
        self._stopped: dict[str, str] = {}
        self._bulk_left = bulk
        self._running = 0
        self._closed = False

    def take(self) -> Task | None:
        """The next task, waiting for one to come free; None when there is nothing left to take."""
        with self._changed:
            while self._waiting and not self._closed:
                task = next((one for one in self._waiting if self._is_ready(one)), None)
                if task is not None:
                    self._waiting.remove(task)
                    self._bulk_left -= task.is_bulk
                    self._running += 1
                    return task
                if not self._running:
                    self.close()
                    raise ValueError(f"tasks wait for one another: {[one.index for one in self._waiting[:10]]}")
                self._changed.wait()
            return None

    def _is_ready(self, task: Task) -> bool:
        if task.is_bulk and self._bulk_left <= 0:
            return False
        return all(index in self._done for index in task.after if index in self._own)

    def finish(self, task: Task, *, stop: str = "") -> None:
        """The task is over; with `stop`, the later tasks of its containers are not to be done, for that reason."""
        with self._changed:
            self._done.add(task.index)
            self._bulk_left += task.is_bulk
            self._running -= 1
            if stop:
                self._stopped.update(dict.fromkeys(task.containers, stop))
            self._changed.notify_all()

    def stopped(self, task: Task) -> str:
        """Why the task must not be done any more, or empty: all its containers were stopped."""
        with self._changed:
            reasons = [self._stopped.get(key, "") for key in task.containers]
            return reasons[0] if reasons and all(reasons) else ""

    def close(self) -> list[Task]:
        """Hand out nothing more; returns what was never taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return list(self._waiting)
