"""Reads of what the kernel tells of a process's memory, each waited for a while: a process can have them wait for ever.

`maps`, `smaps`, `cmdline` and `environ` in /proc take a lock of the process. It is held as long as one of its threads
waits in the kernel for a file system whose server does not answer (FUSE), and no signal ends that. A thread of irkit
that waits for it is given up, and of that process no more is asked until it comes back; the others are read.
"""

import re
import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from irkit.adapters.host_side import check_is_answer
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

T = TypeVar("T")
PATIENCE: Final = 5.0
"""Seconds that the first such read is waited for; the more are being waited for, the less."""
_LEAST: Final = 0.1
_STEP: Final = 0.5
_OF_MEMORY: Final = re.compile(rb"/proc/([0-9]+)/(?:task/[0-9]+/)?(?:maps|smaps|cmdline|environ)\Z")


def is_of_memory(path: bytes) -> bool:
    """Whether reading it takes the lock of a process's memory."""
    return _OF_MEMORY.match(path) is not None


class PatientReads:
    """Reads such files; it remembers which processes let nobody read, as long as they do."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._stuck: dict[bytes, threading.Thread] = {}

    def read(self, paths: Sequence[bytes], deadline: Deadline, read: Callable[[bytes], T]) -> Sequence[T | TargetError]:
        """What is read of each path, or why it cannot be; raises where there is no time any more."""
        found: list[T | TargetError] = []
        while len(found) < len(paths):
            deadline.remaining()
            if self._is_stuck(path := paths[len(found)]):
                found.append(_waits(path))
                continue
            self._go_on(paths[len(found) :], deadline, read, found)
        return found

    def _go_on(
        self,
        paths: Sequence[bytes],
        deadline: Deadline,
        read: Callable[[bytes], T],
        found: list[T | TargetError],
    ) -> None:
        """As many of these as come, in a thread of their own; the first that does not is told as one that waits."""
        came: list[T | TargetError | OSError] = []
        is_given_up, has_ended = threading.Event(), threading.Event()

        def work() -> None:
            try:
                for path in paths:
                    if is_given_up.is_set() or self._is_stuck(path):
                        return
                    try:
                        came.append(read(path))
                    except (TargetError, OSError) as error:
                        came.append(error)
            finally:
                has_ended.set()

        thread = threading.Thread(target=work, name="patient-reads", daemon=True)
        thread.start()
        try:
            self._wait(has_ended, came, deadline)
        finally:
            is_given_up.set()
        results = list(came)
        for one in results:
            if isinstance(one, TargetError):
                check_is_answer(one)
            elif isinstance(one, OSError):
                raise one
            found.append(one)
        if len(results) < len(paths) and (not has_ended.is_set() or not results):
            path = paths[len(results)]
            self._stuck[_process(path)] = thread
            found.append(_waits(path))

    def _wait(self, has_ended: threading.Event, came: Sequence[object], deadline: Deadline) -> None:
        """Until it ended, or nothing has come for long."""
        patience = max(_LEAST, self._patience / (1 + len(self._stuck)))
        step, quiet, seen = min(_STEP, patience), 0.0, 0
        while quiet < patience and not has_ended.wait(step):
            deadline.remaining()
            quiet = quiet + step if len(came) == seen else 0.0
            seen = len(came)

    def _is_stuck(self, path: bytes) -> bool:
        thread = self._stuck.get(process := _process(path))
        if thread is not None and not thread.is_alive():
            self._stuck.pop(process, None)
            return False
        return thread is not None


def _process(path: bytes) -> bytes:
    found = _OF_MEMORY.match(path)
    return found[1] if found else b""


def _waits(path: bytes) -> TargetError:
    reason = "its process holds on to its memory, and lets nobody read what the kernel knows of it"
    return TargetError(f"{path.decode('ascii', 'replace')}: {reason}", Refusal.REFUSED)
