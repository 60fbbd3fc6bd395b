"""One host of the live list: connected to, listed every few seconds and where something happened, and never waited for.

It has a thread that connects and lists; its events are followed by `live_events`, and the facts of its containers
fetched by `live_facts`. What is known of these is in `live_rows`, what is shown of all hosts in `live_board`.
"""

from __future__ import annotations  # see the imports for types only, below

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from irkit.app.live_events import LiveEvents
from irkit.app.live_facts import REASON, LiveFacts, bug_text
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
_REST = 300.0
"""Seconds without events on a host that may not have room for their process beside others."""


class HostWatch:
    """One host, looked at all the time. `checked` is called once its engine has told of itself."""

    def __init__(self, host: Host, fleet: Fleet, board: Board, clock: Clock, pace: LivePace, judge: Judge) -> None:
        self.name, self._host, self._fleet, self._pace = host.name, host, fleet, pace
        self._clock, self._asked_for = clock, host
        self.checked: Callable[[], None] = lambda: None
        self.rows = HostRows(host.name, board, judge, pace)
        self._standing = Standing(host.name, address=host.address, route=host.route)
        self._events = LiveEvents(host.name, fleet.clock, self._hear, self._poke)
        self._cancel = Cancel()
        self._facts = LiveFacts(host.name, self.rows, self._examine_deadline, clock, pace.fetchers, self._poke)
        self._changed = threading.Condition()
        self._is_poked = self._is_forced = self._is_anew = self._is_closed = False
        self._failures = 0
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
        self._facts.hold()
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
        """Connect to it anew, whatever it was refused for. Waits for nothing."""
        with self._changed:
            self._is_anew = True
        self._put(state=LiveState.CONNECTING, reason="")
        threading.Thread(target=self._let_go, name=f"live {self.name} again", daemon=True).start()

    def _let_go(self) -> None:
        """Let go of the way to it, which ends what is under way there, and have it reached anew."""
        self._events.drop()
        self._fleet.ask_again()
        self._fleet.forget(self.name)
        with self._changed:
            self._is_forced = True
            self._changed.notify_all()

    def reach(self, deadline: OperationDeadline) -> HostTarget:
        """The way to it, for others. Raises TargetError, UsageError."""
        standing = self._standing
        if standing.state.waits_for_responder:
            raise UnreachableError(standing.reason, host_state(standing.state))
        return self._fleet.reach(self._asked_for, deadline)

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
                if self._is_poked and not self._failures:  # pauses after failures are kept whatever happens
                    end = min(end, self._listed_at + max(self._pace.gap, self._cost * self._pace.rest))
                left = end - self._clock.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, _LONGEST_WAIT))
            if self._is_forced and self._is_anew:
                self._standing = replace(self._standing, state=LiveState.CONNECTING, reason="")
                self._failures, self._is_anew = 0, False
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
        self._facts.fetch(target)
        if self.rows.is_behind:
            self._poke()
        return self._standing.pause

    @property
    def _is_costly(self) -> bool:
        """Whether each request starts a process on the host: its engine is asked less often there."""
        route = self._host.route
        return bool(route) and not route.startswith("socket ")

    def _reach(self) -> HostTarget:
        target = self._fleet.reach(self._asked_for, self._deadline(self._pace.reach_time))
        self._host = target.host
        return target

    def _list(self, target: HostTarget) -> None:
        deadline = self._deadline(self._pace.list_time)
        latency = None if self._is_costly else self._ping(target, deadline)
        begun = self._clock.monotonic()
        listed = target.list_containers(deadline)
        now = self._clock.monotonic()
        self.rows.take_list(listed, now)
        self._listed_at, self._cost, self._failures = now, now - begun, 0
        often = self._pace.list_every_costly if self._is_costly else self._pace.list_every
        slow = self._why_slow(latency or 0.0)
        self._put(
            state=LiveState.SLOW if slow else LiveState.UP,
            reason=slow,
            latency_ms=(self._cost if latency is None else latency) * 1000,
            pause=max(often, self._cost * self._pace.rest),
            containers=len(listed),
            running=[one.state for one in listed].count("running"),
            seen=now,
            as_of=self._clock.now(),
            address=self._host.address,
            route=self._host.route,
        )

    def _ping(self, target: HostTarget, deadline: OperationDeadline) -> float:
        """The seconds that one request and its answer take."""
        begun = self._clock.monotonic()
        target.ping(deadline)
        return self._clock.monotonic() - begun

    def _why_slow(self, latency: float) -> str:
        if latency * 1000 > self._pace.slow_ms:
            return f"it takes {latency * 1000:.0f} ms to answer"
        return f"it takes {self._cost:.1f} s to list its containers" if self._cost > self._pace.slow_list else ""

    def _fail(self, error: TargetError | UsageError) -> float:
        """What came of a look that failed; the seconds until the next."""
        failure = error if isinstance(error, TargetError) else UnreachableError(str(error))
        if failure.kind is Refusal.CANCELLED:
            return self._pace.gap
        self._facts.hold()
        # A watch may have had the only place for a process that the host gives.
        self._events.drop(_REST if self._is_costly and failure.kind is Refusal.TIMEOUT else 0)
        self._failures, self._check_at = self._failures + 1, -_NEVER
        if self._is_anew:
            return self._pace.pauses[0]  # what came of the way that is being let go of is of no interest
        state = state_after(failure, was_seen=self._standing.seen is not None)
        self._put(state=state, reason=safe(failure.reason, REASON))
        self.rows.want_all()  # nobody knows what happens meanwhile
        if state is LiveState.API_TOO_OLD:
            self._fleet.forget(self.name)  # another version may answer next time
        if state.waits_for_responder:
            return _NEVER
        return self._pace.pauses[min(self._failures, len(self._pace.pauses)) - 1]

    def _break_off(self, error: Exception) -> float:
        return self._fail(UnreachableError(bug_text(error)))

    def _deadline(self, seconds: float) -> OperationDeadline:
        """The time for the next thing to be done, which is shown to last too long where it does."""
        clock = self._fleet.clock
        self._put(busy_until=clock.monotonic() + seconds + self._pace.grace)
        return OperationDeadline(clock, seconds, seconds, self._cancel)

    def _examine_deadline(self) -> OperationDeadline:
        seconds = self._pace.examine_time
        return OperationDeadline(self._fleet.clock, seconds, seconds, self._cancel)

    def _put(self, **changed: object) -> None:
        with self._changed:
            self._standing = replace(self._standing, **changed)

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
        try:
            facts = target.check_engine(self._examine_deadline())
        except TargetError:
            return  # what it does not tell is not known; that it does not answer is for lists to show
        engine = f"{facts.engine} {facts.engine_version}".strip()
        self._put(engine=engine, engine_id=facts.engine_id, free_bytes=facts.free_bytes)
        self.checked()
