"""Keeps one container contained: looks where something happened, tells, and contains again where that is wanted.

One thread at a time attends a container; what happens meanwhile is looked at next. When to look is `hold_host`'s.
"""

from collections.abc import Sequence

import msgspec

from irkit.core.container import Container
from irkit.core.engine_event import EngineEvent
from irkit.core.errors import PlaybookError, Refusal, TargetError
from irkit.core.events import TargetRefused
from irkit.core.finding import Hold
from irkit.core.isolation import RUN_LABEL
from irkit.core.operation import ALIVE
from irkit.core.operations import AnyOperation, BlockTraffic, MakeNetwork, Operation, Touch
from irkit.core.plan import Task
from irkit.core.ports import Target
from irkit.engine.deep_look import DeepLook
from irkit.engine.held import Held
from irkit.engine.hold_desk import Desk
from irkit.engine.hold_inbox import Inbox, Letter
from irkit.engine.operation_run import OperationRun
from irkit.engine.pace import MOST, WITHIN, Pace
from irkit.engine.unforeseen import reason_of

_TRIES = 2
"""Further tries of an operation that the engine refused: somebody else may be at the container just then."""
_NOT_YET = "it is not contained yet"


class Keeper:
    """One container that is held. `pace` is shared with those that took its place before, and will.

    `is_whole` says that all that contains it has been done to it: to one that has just joined nothing has.
    """

    def __init__(self, desk: Desk, target: Target, held: Held, pace: Pace) -> None:
        self.held, self.pace = held, pace
        self._desk, self._target = desk, target
        self._started_at = held.facts.started_at
        self.is_whole = bool(held.wanted)
        self._refused: set[tuple[str, str]] = set()
        self._inbox = Inbox()
        self._deep = DeepLook(desk, target, held)
        self._is_unseen = False

    def poke(self, events: Sequence[EngineEvent] = (), *, deep: bool = False) -> bool:
        """Have it looked at, with what happened, past the engine's facts too where it is `deep`.

        Whether somebody must be sent to `attend` it.
        """
        return self._inbox.put(events, deep=deep)

    def attend(self) -> None:
        """Look, tell and contain, as long as there is something to look at. Raises TargetError, StorageError."""
        while (letter := self._inbox.take()) is not None:
            if self._desk.is_ending:
                continue
            if self.held.is_gone or self.pace.wait(self._desk.bench.clock.monotonic()):
                self._inbox.put_back(letter.events)
                continue
            is_done = False
            try:
                self._judge(self._examine(), letter)
                is_done = True
            finally:
                if not is_done:
                    self._inbox.leave_off(letter.events)
            if self._is_unseen:
                self._recover()

    def break_off(self, error: Exception) -> None:
        """A bug ended a look at it: until a look comes to its end, nothing is known of it. Raises StorageError."""
        facts = self.held.facts
        self._desk.tell_bug(error, "look at it", facts.host, facts.key)
        if not self._is_unseen:
            self._is_unseen = True
            self._desk.notice(Hold.UNSEEN, facts, f"what happens to it is not seen: {reason_of(error)}")

    def _recover(self) -> None:
        """It can be looked at again: say so, and what is wrong with it still."""
        self._is_unseen = False
        self._desk.notice(Hold.SEEN, self.held.facts, "it can be looked at again")
        if told := self.held.told:
            self._desk.notice(Hold.BROKEN, self.held.facts, f"its containment is broken: {told[0]}", told)

    def _examine(self, *, of_change: bool = False) -> Container | None:
        try:
            return self._target.examine(self.held.facts.id, self._desk.deadline(of_change=of_change))
        except TargetError as error:
            if error.kind is Refusal.ABSENT:
                return None
            raise

    # What is found:

    def _judge(self, now: Container | None, letter: Letter) -> None:
        acts, events = self._acts(now, letter.events), letter.events
        if now is None:
            self.held.is_gone, self.held.told = True, ()
            self._desk.notice(Hold.TOUCHED, self.held.facts, "it is gone: somebody removed it", acts)
            return
        if letter.is_deep:
            self._deep.look(now)
        elif now.state not in ALIVE:
            self._deep.forget()
        reasons = self._breaks(now) or (() if self.is_whole else (_NOT_YET,))
        if reasons not in (self.held.told, (_NOT_YET,)) and not (acts or events):
            acts = self._acts(now, self._inbox.wait_for_events())
        is_new = bool(acts) or reasons != self.held.told
        if is_new:
            self._tell(now, reasons, acts)
        self.held.told = reasons
        # One that is between two starts is waited for: it says when it starts.
        may = self._desk.order.plan_again is not None and now.state != "restarting"
        did = bool(reasons) and may and self._contain(now)
        if is_new or did:
            self._count()

    def _breaks(self, now: Container) -> tuple[str, ...]:
        """Why it does not hold, by these facts and by what was found beyond the engine's last."""
        return tuple(dict.fromkeys((*self.held.breaks(now), *self._deep.reasons)))

    def _acts(self, now: Container | None, events: Sequence[EngineEvent]) -> list[str]:
        """What somebody did, by the events and the facts."""
        acts = self.held.acts(events)
        if more := self._inbox.take_more():
            acts.append(f"and {more} more events")
        if now is not None and now.state in ALIVE and now.started_at != self._started_at:
            self._started_at = now.started_at
            if not any(event.action == "start" for event in events):
                acts.append(f"it was started at {now.started_at}")
        return acts

    def _tell(self, now: Container, reasons: Sequence[str], acts: Sequence[str]) -> None:
        if reasons:
            because = (*reasons, *acts, *self._deep.hints)
            if tuple(reasons) != (_NOT_YET,):  # of one that has just joined it was told already
                self._desk.notice(Hold.BROKEN, now, f"somebody broke its containment: {reasons[0]}", because)
        elif self.held.told:
            self._desk.notice(Hold.AGAIN, now, "it is contained again, and not by irkit", acts)
        elif acts:
            state = f"it is {now.state}, and what was done to contain it holds"
            self._desk.notice(Hold.TOUCHED, now, f"somebody was at it: {state}", acts)

    def _count(self) -> None:
        """Count a round, and say so where there are too many."""
        if self.pace.take(self._desk.bench.clock.monotonic()):
            self._desk.notice(
                Hold.CONTEST,
                self.held.facts,
                f"somebody was at it {MOST} times within {WITHIN:g} s: it is looked at after growing pauses now,"
                " in which it may be free",
                ("stop what puts it back: an orchestrator, a restart policy, a script, a person",),
            )

    # Containing again:

    def _contain(self, now: Container) -> bool:
        """Contain it from its facts, and say what came of it; whether there was something to do."""
        did, failed, stop = False, False, False
        for task in self._plan(now):
            for number, operation in enumerate(task.operations):
                if stop or self._desk.bench.is_ending():
                    break
                if not self.held.needs(operation, now) or self._has_network(operation):
                    self._keep_as_found(operation, now)
                    continue
                did = True
                if not self._carry_out(task, number, operation):
                    failed, stop = True, task.stop_on_error
        if did or not self.is_whole:
            self._sum_up(failed=failed)
        return did

    def _plan(self, now: Container) -> list[Task]:
        """The tasks, less those that are refused, which is told once."""
        try:
            tasks = self._desk.plan_again(now)
        except PlaybookError as error:
            self._refuse(now, "hold", str(error))
            return []
        for task in tasks:
            if task.refused:
                self._refuse(now, task.step, task.refused)
        return [msgspec.structs.replace(task, retries=max(task.retries, _TRIES)) for task in tasks if not task.refused]

    def _refuse(self, now: Container, step: str, reason: str) -> None:
        if (step, reason) not in self._refused:
            self._refused.add((step, reason))
            self._desk.bench.say(TargetRefused(container=now.key, host=now.host, step=step, reason=reason))

    def _has_network(self, operation: AnyOperation) -> bool:
        """Whether the network is there still that an operation makes. Raises TargetError."""
        if not isinstance(operation, MakeNetwork):
            return False
        try:
            found = self._target.examine_network(operation.network, self._desk.deadline(of_change=True))
        except TargetError as error:
            if error.kind is Refusal.ABSENT:
                return False
            raise
        return found.internal and found.labels.get(RUN_LABEL) == operation.labels.get(RUN_LABEL)

    def _keep_as_found(self, operation: AnyOperation, now: Container) -> None:
        """What is so already is held too."""
        is_change = operation.touch is not Touch.READ and type(operation).verify is not Operation.verify
        if is_change and not operation.verify(now):
            self.held.keep(operation)

    def _carry_out(self, task: Task, number: int, operation: AnyOperation) -> bool:
        one = OperationRun(self._desk.bench, self._target, self.held.found, task, number, operation)
        one.way_back = self.held.way_back
        is_done = one.run()
        if is_done:
            self.held.keep(operation)
        if is_done and isinstance(operation, BlockTraffic):
            self.held.ruled = self._desk.bench.before.get((task.index, number), self.held.ruled)
        return is_done

    def _sum_up(self, *, failed: bool) -> None:
        """Say how it stands after it was contained once more."""
        heard = self._inbox.take_heard()
        try:
            after = self._examine(of_change=True)
            if after is not None:
                self._deep.look(after, of_change=True)
        except TargetError:
            self._inbox.put_back(heard)
            raise
        if after is None:
            self._inbox.put_back(heard)
            return
        reasons = self._breaks(after)
        self.is_whole = bool(self.held.wanted) and not failed
        if reasons or not self.is_whole:
            self._inbox.put_back(heard)
        if not self.is_whole:
            self.held.told = reasons or (_NOT_YET,)
            self.pace.slow_down()
            self._desk.notice(Hold.BROKEN, after, f"it could not be contained again: {self.held.told[0]}", reasons)
            return
        if reasons:  # somebody was quicker: once more, at once
            self.held.told = reasons
            self.poke()
            return
        self.held.facts, self.held.told = after, ()
        self._desk.count_again()
        # What was heard of meanwhile was before these facts: they show what came of it.
        self._desk.notice(Hold.AGAIN, after, "contained again", self._acts(after, heard))
