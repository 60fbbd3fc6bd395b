"""Holds what a run contained on one host: who is to be looked at when, and what has taken its place.

Events say where to look at once; everything is looked at now and then, as events may be lost. What a look leads to is
`keeper`'s.
"""

import queue
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from irkit.core.container import Container, Summary
from irkit.core.engine_event import UNREADABLE, WATCHING, EngineEvent
from irkit.core.errors import Refusal, StorageError, TargetError
from irkit.core.events import Note, TargetJoined
from irkit.core.finding import Hold
from irkit.core.operation import ALIVE
from irkit.core.ports import Target
from irkit.core.service import why_same
from irkit.core.values import utc_text
from irkit.engine.follower import Follower
from irkit.engine.held import Held
from irkit.engine.hold_desk import Desk
from irkit.engine.keeper import Keeper
from irkit.engine.pace import Pace
from irkit.engine.rota import Rota
from irkit.engine.unforeseen import shield

_WORKERS = 8
_TRIES_TO_FOLLOW = 3
_Item = EngineEvent | TargetError | None


class HostHold:
    """One host. `known` are the ids of the containers that it had before the run; None where it did not tell.

    `is_followed` is set once its events are, or cannot be.
    """

    def __init__(self, desk: Desk, target: Target, held: Iterable[Held], known: frozenset[str] | None) -> None:
        self._desk, self._target = desk, target
        self.name = target.host.name
        self.keepers = {one.facts.id: Keeper(desk, target, one, Pace()) for one in held}
        self._known = None if known is None else set(known)
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._around_at = self._failed_since = 0.0
        self._rota = Rota(desk.order.every)
        self._joined: set[str] = set()
        self.is_unanswered = False
        self._is_told_unfollowed = self._is_told_unreadable = False
        self.is_followed = threading.Event()

    def run(self) -> None:
        """Hold until the desk's switch is set, and what was begun is done."""
        follower = Follower(self._desk, self._target, self._hear)
        follower.start()
        try:
            with ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"hold {self.name}") as pool:
                self._dispatch(pool)
        finally:
            self._desk.ending.set()
            follower.stop()

    def wake(self) -> None:
        """Have `run` see that the switch is set."""
        self._items.put(None)

    def _hear(self, item: EngineEvent | TargetError, failures: int) -> None:
        if failures == _TRIES_TO_FOLLOW and isinstance(item, TargetError) and not self._is_told_unfollowed:
            self._is_told_unfollowed = True
            text = f"the events of host {self.name} cannot be followed ({item.reason}): it is looked at now and then"
            self._say_note(text)
        if isinstance(item, EngineEvent) and item.kind == UNREADABLE and not self._is_told_unreadable:
            self._is_told_unreadable = True
            self._say_note(
                f"an event of host {self.name} cannot be read: all that is held is looked at ({item.action})"
            )
        self._items.put(item)
        self.is_followed.set()

    def _say_note(self, text: str) -> None:
        try:
            self._desk.bench.say(Note(text=text))
        except StorageError as error:
            self._desk.fail(error)

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        """Send somebody wherever something happened, and everywhere now and then."""
        while not self._desk.is_ending:
            shield(partial(self._send, pool), self._break_off)

    def _send(self, pool: ThreadPoolExecutor) -> None:
        clock, every = self._desk.bench.clock, self._desk.order.every
        items = self._wait_for(max(0.0, min(self._around_at, self._rota.next_at) - clock.monotonic()))
        now = clock.monotonic()
        is_lost = any(isinstance(one, TargetError) or one.kind in (WATCHING, UNREADABLE) for one in items)
        events = [one for one in items if isinstance(one, EngineEvent)]
        is_around = is_lost or now >= self._around_at
        if is_around:
            self._around_at = now + every
        if is_around or self._concerns_another(events):
            shield(self._look_around, self._break_off)
        for keeper in self._to_attend(events, now, everyone=is_lost):
            pool.submit(self._attend, keeper)

    def _break_off(self, error: Exception) -> None:
        self._desk.tell_bug(error, "look at what is on a host", self.name)

    def _wait_for(self, seconds: float) -> list[EngineEvent | TargetError]:
        """What happened, as soon as something did; nothing where nothing did for so long."""
        items: list[_Item] = []
        try:
            items.append(self._items.get(timeout=seconds))
            while True:
                items.append(self._items.get_nowait())
        except queue.Empty:
            return [one for one in items if one is not None]

    def _to_attend(self, events: Sequence[EngineEvent], now: float, *, everyone: bool) -> list[Keeper]:
        """Whom something happened to, and whose turn it is; those to whom nobody is sent yet."""
        here = {container: keeper for container, keeper in list(self.keepers.items()) if not keeper.held.is_gone}
        turns = self._rota.take(list(here), now)
        found = []
        for container, keeper in here.items():
            mine = [event for event in events if event.container == container]
            is_next = container in turns or container in self._joined
            if (mine or everyone or is_next) and keeper.poke(mine, deep=container in turns):
                found.append(keeper)
        self._joined.clear()
        return found

    def _attend(self, keeper: Keeper) -> None:
        """A bug in the look at one container ends that look, and is told: all others are held on."""
        try:
            shield(partial(self._look_at, keeper), keeper.break_off)
        except StorageError as error:
            self._desk.fail(error)

    def _look_at(self, keeper: Keeper) -> None:
        try:
            keeper.attend()
        except TargetError as error:
            self._miss(error)

    # Whether it answers:

    def _miss(self, error: TargetError) -> None:
        """The host did not answer: say so once."""
        if error.kind in (Refusal.CANCELLED, Refusal.ABSENT) or self._desk.is_ending:
            return
        with self._lock:
            was, self.is_unanswered = self.is_unanswered, True
            self._failed_since = self._failed_since if was else self._desk.bench.clock.monotonic()
        if not was:
            summary = f"host {self.name} does not answer: what happens to {len(self.keepers)} held container(s) there"
            self._notice_host(Hold.UNSEEN, f"{summary} is not seen", (error.reason,))

    def _meet(self) -> None:
        """The host answered: say so where it had not."""
        with self._lock:
            was, self.is_unanswered = self.is_unanswered, False
        if was:
            seconds = self._desk.bench.clock.monotonic() - self._failed_since
            self._notice_host(Hold.SEEN, f"host {self.name} answers again, after {seconds:.0f} s", ())

    def _notice_host(self, check: Hold, summary: str, because: Sequence[str]) -> None:
        try:
            self._desk.notice_host(check, self.name, summary, because)
        except StorageError as error:
            self._desk.fail(error)

    # What takes the place of what is held:

    def _concerns_another(self, events: Sequence[EngineEvent]) -> bool:
        """Whether a container that is not held was started that may stand for one that is."""
        return any(
            event.action == "start"
            and event.container not in self.keepers
            and self._stands_for(event.attributes.get("name", ""), event.attributes) is not None
            for event in events
        )

    def _stands_for(self, name: str, labels: dict[str, str]) -> tuple[Keeper, str] | None:
        for keeper in self.keepers.values():
            if why := why_same(keeper.held.facts.name, keeper.held.facts.labels, name, labels):
                return keeper, why
        return None

    def _look_around(self) -> None:
        """See whether the host answers, and whether something new stands for what is held."""
        try:
            listed = self._target.list_containers(self._desk.deadline())
            self._meet()
            if self._known is None:
                self._known = {one.id for one in listed}
            for one in listed:
                self._meet_one(one, self._known)
        except TargetError as error:
            self._miss(error)
        except StorageError as error:
            self._desk.fail(error)

    def _meet_one(self, one: Summary, known: set[str]) -> None:
        if one.id in known or one.id in self.keepers or one.state not in ALIVE:
            return
        if found := self._stands_for(one.name, one.labels):
            self._join(self._target.examine(one.id, self._desk.deadline()), *found)
            known.add(one.id)

    def _join(self, new: Container, old: Keeper, why: str) -> None:
        """Have a container that stands for one that is held be of the run from here on."""
        bench, replaced = self._desk.bench, old.held.facts
        name = f"{replaced.name} ({replaced.id[:12]})"
        bench.say(TargetJoined(container=new, replaces=replaced.key, reason=why))
        self._desk.notice(Hold.REPLACED, new, f"it runs in place of {name}: {why}", (f"made at {new.created_at}",))
        if self._desk.order.plan_again is None:
            return
        if reason := self._desk.order.claim(new):
            bench.say(Note(text=f"{new.name} is not contained: {reason}"))
            return
        held = Held(new, new, utc_text(bench.clock.now()))
        self.keepers[new.id] = Keeper(self._desk, self._target, held, old.pace)
        self._joined.add(new.id)
