"""One host of the live list: connected to, listed every few seconds and where something happened, and never waited for.

It has a thread that connects and lists, one for its events, and some for facts as long as there are any to fetch. What
is known of its containers is in `live_rows`, what is shown of all hosts in `live_board`.
"""

from __future__ import annotations  # see the imports for types only, below

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from irkit.app.live_events import LiveEvents
from irkit.app.live_rows import HostRows
from irkit.app.live_standing import Standing
from irkit.app.live_state import LiveState, host_state, state_after
from irkit.core.engine_event import UNREADABLE, WATCHING
from irkit.core.errors import Refusal, TargetError, UnreachableError, UsageError
from irkit.core.text import safe
from irkit.engine.deadline import Cancel, OperationDeadline
from irkit.engine.unforeseen import shield

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.live_board import Board
    from irkit.app.live_rows import Judge
    from irkit.app.live_state import LiveHost, LivePace
    from irkit.app.reach import HostTarget
    from irkit.core.engine_event import EngineEvent
    from irkit.core.host import Host
    from irkit.core.ports import Clock

_NEVER = math.inf
_LONGEST_WAIT = 3600.0
_HOST_LOST = (Refusal.UNREACHABLE, Refusal.LOST)
_PATIENCE = 2
"""Times in a row that the facts of a container are tried again whose host was lost meanwhile."""
_REASON = 500


class HostWatch:
    """One host, looked at all the time. `checked` is called once its engine has told of itself."""

    def __init__(self, host: Host, fleet: Fleet, board: Board, clock: Clock, pace: LivePace, judge: Judge) -> None:
        self.name, self._host, self._fleet, self._pace = host.name, host, fleet, pace
        self._clock, self._asked_for = clock, host
        self.checked: Callable[[], None] = lambda: None
        self.rows = HostRows(host.name, board, judge, pace)
        self._standing = Standing(host.name, address=host.address, route=host.route)
        self._events = LiveEvents(host.name, fleet.clock, self._hear)
        self._cancel = Cancel()
        self._changed = threading.Condition()
        self._is_poked = self._is_forced = self._is_closed = False
        self._failures = self._fetchers = 0
        self._may_fetch = False
        self._listed_at, self._cost = -_NEVER, 0.0
        self._check_at = -_NEVER
        self._is_checking = self._has_watched = False

    # What others ask of it:

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name=f"live {self.name}", daemon=True).start()

    def close(self) -> None:
        """End, whatever is under way. Waits for nothing."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._events.close()
        self._cancel.set()

    def show(self) -> LiveHost:
        """How it stands now."""
        standing = self._standing
        return standing.show(self._clock.monotonic(), self._fleet.clock.monotonic(), self._pace, self.rows.unread)

    @property
    def asked_for(self) -> Host:
        """The host, as it was asked for."""
        return self._asked_for

    @property
    def host(self) -> Host:
        """The host, as it was reached."""
        return self._host

    @property
    def engine_id(self) -> str:
        """The ID of its engine, empty where it has told none."""
        return self._standing.engine_id

    def note(self, text: str) -> None:
        """Have this shown beside it while it is up."""
        self._put(note=text)

    def refresh(self) -> None:
        """Look now, at everything. A host that waits for the responder goes on waiting."""
        self.rows.want_all()
        self._force()

    def retry(self) -> None:
        """Connect to it anew, whatever it was refused for."""
        self._events.drop()
        self._fleet.forget(self.name)
        self._put(state=LiveState.CONNECTING, reason="")
        self._failures = 0
        with self._changed:
            self._is_forced = True
            self._changed.notify_all()

    def reach(self, deadline: OperationDeadline) -> HostTarget:
        """The way to it, for others. Raises TargetError, UsageError."""
        standing = self._standing
        if standing.state.waits_for_responder:
            raise UnreachableError(standing.reason, host_state(standing.state))
        return self._fleet.reach(self._host, deadline)

    # Its own thread:

    def _run(self) -> None:
        pause = 0.0
        while self._wait(pause):
            pause = shield(self._round, self._break_off)

    def _wait(self, pause: float) -> bool:
        """Wait until it is time to look; whether there is to be another look."""
        with self._changed:
            end = self._clock.monotonic() + pause
            while not self._is_closed and not self._is_forced:
                if self._is_poked:
                    end = min(end, self._listed_at + max(self._pace.gap, self._cost * self._pace.rest))
                left = end - self._clock.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, _LONGEST_WAIT))
            self._is_poked = self._is_forced = False
            return not self._is_closed

    def _force(self) -> None:
        with self._changed:
            self._is_forced = not self._standing.state.waits_for_responder
            self._changed.notify_all()

    def _poke(self) -> None:
        with self._changed:
            if not self._is_poked:
                self._is_poked = True
                self._changed.notify_all()

    def _round(self) -> float:
        """Look once; the seconds until the next look, if nothing happens before."""
        try:
            target = self._reach()
            self._list(target)
        except (TargetError, UsageError) as error:
            return self._fail(error)
        finally:
            self._put(busy_until=None)
        self._events.keep_up(target)
        self._check(target)
        self._fetch(target)
        if self.rows.is_behind:
            self._poke()
        return max(self._pace.list_every, self._cost * self._pace.rest)

    def _reach(self) -> HostTarget:
        target = self._fleet.reach(self._host, self._deadline(self._pace.reach_time))
        self._host = target.host
        return target

    def _list(self, target: HostTarget) -> None:
        deadline = self._deadline(self._pace.list_time)
        begun = self._clock.monotonic()
        target.ping(deadline)
        pinged = self._clock.monotonic()
        listed = target.list_containers(deadline)
        now = self._clock.monotonic()
        self.rows.take_list(listed, now)
        self._listed_at, self._cost, self._failures = now, now - begun, 0
        slow = self._why_slow((pinged - begun) * 1000, now - pinged)
        self._put(
            state=LiveState.SLOW if slow else LiveState.UP,
            reason=slow,
            latency_ms=(pinged - begun) * 1000,
            containers=len(listed),
            running=sum(one.state == "running" for one in listed),
            seen=now,
            as_of=self._clock.now(),
            address=self._host.address,
            route=self._host.route,
        )

    def _why_slow(self, latency_ms: float, seconds: float) -> str:
        if latency_ms > self._pace.slow_ms:
            return f"it takes {latency_ms:.0f} ms to answer"
        return f"it takes {seconds:.1f} s to list its containers" if seconds > self._pace.slow_list else ""

    def _fail(self, error: TargetError | UsageError) -> float:
        """What came of a look that failed; the seconds until the next."""
        failure = error if isinstance(error, TargetError) else UnreachableError(str(error))
        if failure.kind is Refusal.CANCELLED:
            return self._pace.gap
        with self._changed:
            self._may_fetch = False
        self._events.drop()
        self._failures += 1
        state = state_after(failure, was_seen=self._standing.seen is not None)
        self._put(state=state, reason=safe(failure.reason, _REASON))
        self.rows.want_all()  # nobody knows what happens meanwhile
        if state.waits_for_responder:
            return _NEVER
        return self._pace.pauses[min(self._failures, len(self._pace.pauses)) - 1]

    def _break_off(self, error: Exception) -> float:
        return self._fail(UnreachableError(_bug(error)))

    def _deadline(self, seconds: float) -> OperationDeadline:
        """The time for the next thing to be done, which is shown to last too long where it does."""
        clock = self._fleet.clock
        self._put(busy_until=clock.monotonic() + seconds + self._pace.grace)
        return OperationDeadline(clock, seconds, seconds, self._cancel)

    def _put(self, **changed: object) -> None:
        with self._changed:
            self._standing = replace(self._standing, **changed)  # type: ignore[arg-type]

    # What happens on it:

    def _hear(self, event: EngineEvent) -> None:
        """On the thread of its events: note what to look at; however much comes, lists keep their pace."""
        if event.kind == UNREADABLE or (event.kind == WATCHING and self._has_watched):
            self.rows.want_all()  # something was missed
        elif event.kind == WATCHING:
            self._has_watched = True
        else:
            self.rows.want((event.container,))
        self._poke()

    # What its engine tells of itself:

    def _check(self, target: HostTarget) -> None:
        now = self._clock.monotonic()
        if self._is_checking or now < self._check_at:
            return
        self._is_checking, self._check_at = True, now + self._pace.check_every
        threading.Thread(target=self._check_now, args=(target,), name=f"check of {self.name}", daemon=True).start()

    def _check_now(self, target: HostTarget) -> None:
        try:
            shield(lambda: self._take_check(target), lambda error: None)
        finally:
            self._is_checking = False

    def _take_check(self, target: HostTarget) -> None:
        seconds = self._pace.examine_time
        try:
            facts = target.check_engine(OperationDeadline(self._fleet.clock, seconds, seconds, self._cancel))
        except TargetError:
            return  # what it does not tell is not known; that it does not answer is for lists to show
        engine = f"{facts.engine} {facts.engine_version}".strip()
        self._put(engine=engine, engine_id=facts.engine_id, free_bytes=facts.free_bytes)
        self.checked()

    # The facts of its containers:

    def _fetch(self, target: HostTarget) -> None:
        """Have facts fetched that are to be, by as many threads as there may be."""
        with self._changed:
            self._may_fetch = True
            count = min(self._pace.fetchers, self.rows.ready) - self._fetchers
            self._fetchers += max(count, 0)
        for _ in range(count):
            threading.Thread(target=self._fetch_all, args=(target,), name=f"facts of {self.name}", daemon=True).start()

    def _fetch_all(self, target: HostTarget) -> None:
        try:
            while self._may_fetch and not self._is_closed and (container := self.rows.next_to_fetch()) is not None:
                self._fetch_one(target, container)
        finally:
            with self._changed:
                self._fetchers -= 1

    def _fetch_one(self, target: HostTarget, container: str) -> None:
        def broke_off(error: Exception) -> None:
            self.rows.fail(container, _bug(error), self._clock.monotonic())

        shield(lambda: self._examine(target, container), broke_off)

    def _examine(self, target: HostTarget, container: str) -> None:
        seconds = self._pace.examine_time
        deadline = OperationDeadline(self._fleet.clock, seconds, seconds, self._cancel)
        try:
            facts = target.examine(container, deadline)
        except TargetError as error:
            self._fetch_failed(container, error)
        else:
            self.rows.succeed(container, facts)

    def _fetch_failed(self, container: str, error: TargetError) -> None:
        """One that is gone, or whose host is lost, is for the next list to show; what else fails is its own problem."""
        is_late = error.kind in (Refusal.ABSENT, Refusal.CANCELLED, *_HOST_LOST)
        self.rows.fail(container, safe(error.reason, _REASON), self._clock.monotonic(), patience=_PATIENCE * is_late)
        if is_late:
            self._may_fetch = self._may_fetch and error.kind not in _HOST_LOST
            self._poke()


def _bug(error: Exception) -> str:
    """A failure that nobody foresaw; what the exception says of itself may be foreign, or a secret."""
    return f"a bug in irkit ({type(error).__name__})"
