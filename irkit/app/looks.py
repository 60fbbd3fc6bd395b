"""Looks at one container for a screen: what its processes, sockets, files, configuration and logs are right now.

Each look is the operation that a playbook would run, into memory, so much of it as a screen can show. Calls go a few
at a time on each host, logs on a thread each; all of them can be given up at any time, and nobody waits for them.
"""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from irkit.app.look_intake import LookIntake
from irkit.app.look_pool import LookPool
from irkit.app.one_look import GIVEN_UP, PENDING, LogLook, Look
from irkit.app.seen import Change, Process, Socket, changes_of, processes_of, processes_of_list, sockets_of
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import Diff, Inspect, ListProcesses, ReadProcesses, ReadSockets, ReadStats

if TYPE_CHECKING:
    from irkit.app.reach import HostTarget
    from irkit.core.operations import AnyOperation
    from irkit.core.ports import Deadline
    from irkit.engine.deadline import Cancel, OperationDeadline

__all__ = ["GIVEN_UP", "PENDING", "LogLook", "Look", "Looks"]
T = TypeVar("T")
LOOK_SECONDS = 60.0
_LONGEST = 7 * 86400.0


class Reached(Protocol):
    """The hosts that are looked at: those of a live list, or of a verb's fleet."""

    def target(self, host: str, deadline: OperationDeadline) -> HostTarget:
        """The way to a host. Blocks. Raises TargetError, UsageError."""
        ...

    def deadline(self, seconds: float, cancel: Cancel | None = None) -> OperationDeadline:
        """The time for a look, which ends it."""
        ...


class Looks:
    """Looks at what is on these hosts."""

    def __init__(self, hosts: Reached) -> None:
        self._hosts, self._pool = hosts, LookPool()

    def processes(self, key: str) -> Look[list[Process]]:
        """Its processes as a tree: from the host's /proc where that can be read, else from the engine's list."""

        def work(look: Look[list[Process]]) -> list[Process]:
            target, container, deadline = self._reach(key, look)
            reason = target.why_no_files(deadline)
            operation = ListProcesses(container) if reason else ReadProcesses(container)
            intake = LookIntake(operation.file, is_cut_short=not reason)
            self._apply(look, target, operation, deadline, intake)
            look.source = "the engine's list" if reason else "/proc of the host"
            if reason:
                look.notes = (*look.notes, f"the host's /proc cannot be read: {reason}")
            return parsed(processes_of_list if reason else processes_of, intake.content(operation.file))

        return self._begin(key, work)

    def sockets(self, key: str) -> Look[list[Socket]]:
        """The sockets of its network namespaces, and who holds them."""
        return self._read(key, ReadSockets, sockets_of)

    def changes(self, key: str) -> Look[list[Change]]:
        """Which files were added, changed and deleted."""
        return self._read(key, Diff, changes_of)

    def raw(self, key: str) -> Look[Any]:
        """All that the engine knows of it, as JSON. Holds secrets."""
        return self._read(key, Inspect, msgspec.json.decode, is_cut_short=False)

    def stats(self, key: str) -> Look[Any]:
        """One sample of its use of CPU, memory and network, as the engine tells it."""
        return self._read(key, ReadStats, msgspec.json.decode, is_cut_short=False)

    def logs(self, key: str, *, tail: int, since: str = "", ends: bool = False) -> LogLook:
        """Its log from the last `tail` lines on, for as long as it is looked at, or those alone where it `ends`.

        `since` leaves out lines before: a duration such as 10m, or a time.
        """

        def work(look: LogLook) -> None:
            target, container, first = self._reach(key, look)
            facts = target.examine(container, first)
            deadline = self._hosts.deadline(_LONGEST, look.cancel_switch)
            batches = target.follow_logs(container, deadline, tty=facts.tty, tail=tail, since=since, ends=ends)
            for batch in batches:
                look.keep(batch)

        return LogLook(work)

    def _read(
        self,
        key: str,
        kind: Callable[[str], AnyOperation],
        parse: Callable[[bytes], T],
        *,
        is_cut_short: bool = True,
    ) -> Look[T]:
        def work(look: Look[T]) -> T:
            target, container, deadline = self._reach(key, look)
            operation = kind(container)
            intake = LookIntake(operation.file, is_cut_short=is_cut_short)
            self._apply(look, target, operation, deadline, intake)
            return parsed(parse, intake.content(operation.file))

        return self._begin(key, work)

    def _begin(self, key: str, work: Callable[[Look[T]], T]) -> Look[T]:
        return Look(work, partial(self._pool.begin, key.partition("/")[0]))

    def _reach(self, key: str, look: Look[Any]) -> tuple[HostTarget, str, OperationDeadline]:
        host, _, container = key.partition("/")
        deadline = self._hosts.deadline(LOOK_SECONDS, look.cancel_switch)
        return self._hosts.target(host, deadline), container, deadline

    @staticmethod
    def _apply(
        look: Look[Any], target: HostTarget, operation: AnyOperation, deadline: Deadline, intake: LookIntake
    ) -> None:
        target.apply(operation, intake, deadline)
        look.notes = tuple(intake.warnings)


def parsed(parse: Callable[[bytes], T], content: bytes) -> T:
    """What an answer says. Raises TargetError where it has not the form that an honest engine or kernel gives it."""
    try:
        return parse(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, LookupError, TypeError,
            AttributeError) as error:  # fmt: skip
        raise TargetError("the answer has not the expected form", Refusal.GARBLED) from error
