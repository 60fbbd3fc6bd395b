"""Holds what a run contained, after its plan is done: on all hosts at once, until it is told to end.

What is noticed, and what is done about it, are records of the run as all others are.
"""

import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from irkit.core.container import Container
from irkit.core.errors import StorageError, TargetError
from irkit.core.events import Note
from irkit.core.holding import Holding
from irkit.core.ports import Targets
from irkit.core.run import Run
from irkit.core.values import utc_text
from irkit.engine.bench import Bench
from irkit.engine.held import Held, held_of
from irkit.engine.hold_desk import Desk, HoldOrder
from irkit.engine.hold_host import HostHold
from irkit.engine.unforeseen import shield

_FOLLOW_TIME, _STEP = 3.0, 0.02
_TELL = 60.0
"""Seconds between two words about how it stands."""


class Watch:
    """One hold: `look` before the run changes anything, `hold` after its plan, `end` whenever that is enough."""

    def __init__(self, order: HoldOrder, bench: Bench, targets: Targets, fail: Callable[[StorageError], None]) -> None:
        self._desk = Desk(order, bench, fail, next_task=0)
        self._targets = targets
        self._known: dict[str, frozenset[str]] = {}
        self._hosts: list[HostHold] = []
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()  # a signal's handler may put into it
        self._since = ""

    def look(self, hosts: Sequence[str]) -> None:
        """See which containers there are, so that what is made later is known to be new."""
        with ThreadPoolExecutor(max(1, len(hosts)), thread_name_prefix="look") as pool:
            for _ in pool.map(self._look_shielded, hosts):
                pass

    def _look_shielded(self, host: str) -> None:
        shield(
            lambda: self._look_at(host), lambda error: self._desk.tell_bug(error, "list the containers of a host", host)
        )

    def _look_at(self, host: str) -> None:
        try:
            listed = self._targets[host].list_containers(self._desk.deadline())
        except TargetError:
            return  # what it has when it answers counts as there before
        self._known[host] = frozenset(one.id for one in listed)

    def end(self) -> None:
        """End it: what was begun is done, and nothing new is begun. Waits for nothing."""
        self._wake.put(None)

    def hold(self, run: Run, found: Mapping[str, Container], next_task: int) -> bool:
        """Hold what the run has contained; False where there is nothing. `found` are the facts before it, by key."""
        bench = self._desk.bench
        self._since = utc_text(bench.clock.now())
        self._desk.next_task = next_task
        held: dict[str, list[Held]] = {}
        for one in held_of(run, self._desk.order.steps, found, bench.last, bench.before, self._since):
            held.setdefault(one.facts.host, []).append(one)
        if not held:
            return False
        self._hosts = [
            HostHold(self._desk, self._targets[host], mine, self._known.get(host)) for host, mine in held.items()
        ]
        with ThreadPoolExecutor(len(self._hosts), thread_name_prefix="hold") as pool:
            parts = [pool.submit(host.run) for host in self._hosts]
            for part in parts:
                part.add_done_callback(lambda _: self._wake.put(None))
            self._wait_until_followed()
            self._wait()
        for part in parts:
            part.result()
        return True

    def _wait_until_followed(self) -> None:
        """See that events are followed, a short while at most, and say that it holds."""
        clock, count = self._desk.bench.clock, sum(len(host.keepers) for host in self._hosts)
        end = clock.monotonic() + _FOLLOW_TIME
        while self._wake.empty() and clock.monotonic() < end:
            if all(host.is_followed.wait(_STEP) for host in self._hosts):
                break
        again = "is contained again" if self._desk.order.plan_again else "is told"
        self._desk.bench.say(Note(text=f"holding {count} container(s) from here on: what somebody breaks {again}"))

    def _wait(self) -> None:
        """Until it is ended, its time is over, or a host's part broke off."""
        clock, seconds = self._desk.bench.clock, self._desk.order.seconds
        end = clock.monotonic() + seconds if seconds else float("inf")
        try:
            while (left := end - clock.monotonic()) > 0 and not self._desk.bench.is_ending():
                self._desk.order.told(self._standing())
                try:
                    self._wake.get(timeout=min(left, _TELL))
                    return
                except queue.Empty:
                    continue
        finally:
            self._desk.ending.set()
            for host in self._hosts:
                host.wake()

    def _standing(self) -> Holding:
        keepers = [keeper for host in self._hosts for keeper in list(host.keepers.values())]
        return Holding(
            since=self._since,
            names=tuple(one.held.facts.name for one in keepers if not one.held.is_gone),
            again=self._desk.again,
            broken=tuple(one.held.facts.name for one in keepers if one.held.told),
            unanswered=tuple(host.name for host in self._hosts if host.is_unanswered),
        )
