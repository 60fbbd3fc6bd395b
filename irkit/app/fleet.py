"""Many hosts at once: each on a thread of its own, so that one that is slow or dead never delays another."""

from __future__ import annotations  # see the imports for types only, below

import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from irkit.adapters.clock import SystemClock
from irkit.app.asking import PatientAsk, StillClock
from irkit.app.reach import Reach
from irkit.app.waiting import Waiting
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError, UsageError
from irkit.engine.deadline import Cancel, OperationDeadline

if TYPE_CHECKING:
    from types import TracebackType

    from irkit.app.reach import HostTarget, Opener
    from irkit.app.setting import Setting
    from irkit.core.host import Host
    from irkit.core.ports import Clock, Deadline, Target

T = TypeVar("T")
LOOK_TIME = 30.0
"""Seconds that a look at a host may take outside a run, connecting included."""
_EACH, _MOST, _MOST_ALONE = 1.0, 60.0, 600.0
"""Seconds more for each container that is looked at, and at most: where other hosts wait, and where none does."""
_PATIENCE = 5.0
"""Seconds for which a host keeps others waiting that the limit of jobs leaves without a place."""
_GRACE = 2.0
"""Seconds after which a host is given up whose adapter does not keep to its deadline."""
_SHORTEST_WAIT = 0.01


def time_for(containers: int, hosts: int) -> float:
    """Seconds for a look at so many containers of one of so many hosts: none must hold up the others for long."""
    return min(LOOK_TIME + containers * _EACH, _MOST if hosts > 1 else _MOST_ALONE)


class Fleet:
    """The hosts that a verb is about, and the ways to them: a context that ends with all connections closed.

    `left_out` are those of them that nobody tries to reach, and why. They are failures as any others.
    """

    def __init__(
        self,
        setting: Setting,
        hosts: Iterable[Host],
        opener: Opener | None = None,
        left_out: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.hosts, self._left_out = list(hosts), dict(left_out or {})
        self._jobs = setting.jobs
        self.tell = setting.tell
        self._clock = StillClock(clock or SystemClock())
        self._ask = PatientAsk(setting.ask, self._clock) if setting.ask else None
        self._open = opener or setting.opener or Reach(setting, self._clock, self._ask)
        self._lock = threading.Lock()
        self._opened: dict[str, HostTarget] = {}
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every host. May be called twice."""
        with self._lock:
            self._is_closed = True
            opened, self._opened = list(self._opened.values()), {}
        for target in opened:
            target.close()

    @property
    def clock(self) -> Clock:
        """What deadlines go by: it stands still while the responder types a secret."""
        return self._clock

    def widen(self, other: Fleet) -> None:
        """Take in the hosts of another fleet, of which none was reached yet."""
        known = {host.name for host in self.hosts}
        self.hosts += [host for host in other.hosts if host.name not in known]
        self._left_out |= other._left_out

    def forget(self, host: str) -> None:
        """Let go of a host, so that it is reached anew, and nothing counts that was known of the way to it."""
        with self._lock:
            target = self._opened.pop(host, None)
        if target is not None:
            target.close()

    def ask_again(self) -> None:
        """From now on the responder may be asked once more for what they declined to tell."""
        if isinstance(self._open, Reach):
            self._open.ask_again()

    def stop_asking(self) -> None:
        """From now on nobody is asked for secrets: what they told is used, and nothing else."""
        if self._ask:
            self._ask.is_over = True

    @property
    def targets(self) -> dict[str, Target]:
        """The targets opened so far, by the host's name."""
        with self._lock:
            return dict(self._opened)

    def each(
        self,
        function: Callable[[HostTarget, OperationDeadline], T],
        hosts: Sequence[Host] | None = None,
        seconds: float | Callable[[Host], float] = LOOK_TIME,
    ) -> Iterator[tuple[Host, T | TargetError]]:
        """Do it on all hosts (or these) at once, `jobs` at a time; each as it is done, with what came of it.

        The hosts are given back as they were reached. Whatever happens, a host is told of within its `seconds`; those
        of one that has kept its place for long are not held against others. `tell` is told who is waited for. Leaving
        early cancels what is under way.
        """
        waiting = deque(self.hosts if hosts is None else hosts)
        under_way: dict[str, _Visit[T]] = {}
        done: queue.SimpleQueue[_Visit[T]] = queue.SimpleQueue()
        waited = Waiting(self.tell, self._clock)
        try:
            while waiting or under_way:
                while waiting and sum(one.age < _PATIENCE for one in under_way.values()) < self._jobs:
                    host = waiting.popleft()
                    time = seconds(host) if callable(seconds) else seconds
                    visit = _Visit(self, host, function, self._clock, time)
                    under_way[visit.name] = visit
                    visit.start(done)
                for visit in _ended(done, under_way.values(), bool(waiting), waited.left):
                    del under_way[visit.name]
                    yield visit.host, visit.outcome()
                waited.say({name: visit.age for name, visit in under_way.items()})
        finally:
            for visit in under_way.values():
                visit.cancel.set()

    def reach(self, host: Host, deadline: Deadline) -> HostTarget:
        """The way to a host, connected. Raises TargetError, UsageError."""
        if reason := self._left_out.get(host.name):
            raise UnreachableError(reason, HostState.LEFT_OUT)
        with self._lock:
            if self._is_closed:
                raise UnreachableError("irkit is ending")
            target = self._opened.get(host.name)
            if target is None:  # kept before it is connected, so that closing ends that too
                target = self._opened[host.name] = self._open(host)
        target.connect(deadline)
        return target


class _Visit(Generic[T]):
    """One host's part: what is done there, on a thread of its own, and what came of it."""

    def __init__(
        self,
        fleet: Fleet,
        host: Host,
        function: Callable[[HostTarget, OperationDeadline], T],
        clock: Clock,
        seconds: float,
    ) -> None:
        self.name, self.host, self.cancel = host.name, host, Cancel()
        self._fleet, self._function, self._clock = fleet, function, clock
        self._deadline = OperationDeadline(clock, seconds, seconds, self.cancel)
        self._begun, self._seconds = clock.monotonic(), seconds
        self._results: list[T] = []
        self._error: BaseException | None = None
        self.is_done = False

    @property
    def age(self) -> float:
        """Seconds since it was begun."""
        return self._clock.monotonic() - self._begun

    @property
    def left(self) -> float:
        """Seconds until nobody waits for it any more: more than its deadline has, which it should keep by itself."""
        return self._seconds + _GRACE - self.age

    def start(self, done: queue.SimpleQueue[_Visit[T]]) -> None:
        """Begin; it puts itself in the queue when it is done. The thread keeps nobody from ending."""
        threading.Thread(target=self._run, args=(done,), name=f"host {self.name}", daemon=True).start()

    def _run(self, done: queue.SimpleQueue[_Visit[T]]) -> None:
        with self:
            target = self._reach()
            self.host = target.host
            self._results.append(self._function(target, self._deadline))
        self.is_done = True
        done.put(self)

    def _reach(self) -> HostTarget:
        """Reach the host; what makes no sense about it is a failure of that host, and of no other."""
        try:
            return self._fleet.reach(self.host, self._deadline)
        except UsageError as error:
            raise UnreachableError(str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Whatever goes wrong on the thread is told to whoever waits, and not to the terminal."""
        self._error = error
        return True

    def outcome(self) -> T | TargetError:
        """What came of it. Raises what is no failure of the host's."""
        if not self.is_done:
            self.cancel.set()
            return TargetError(f"it took longer than {self._seconds:g} s, and does not end", Refusal.TIMEOUT)
        if self._error is None:
            return self._results[0]
        if isinstance(self._error, TargetError):
            return self._error
        raise self._error


def _ended(
    done: queue.SimpleQueue[_Visit[T]], under_way: Collection[_Visit[T]], are_waiting: bool, seconds: float
) -> list[_Visit[T]]:
    """Wait, `seconds` at most, for the next to be done, to be given up, or to lose its place: those that are past."""
    waits = [seconds, *(one.left for one in under_way)]
    if are_waiting:
        waits += [_PATIENCE - one.age for one in under_way if one.age < _PATIENCE]
    try:
        found = done.get(timeout=max(_SHORTEST_WAIT, min(waits)))
    except queue.Empty:
        return [one for one in under_way if one.left <= 0]
    return [found] if found in under_way else []  # else it was given up before
