"""The live list in a storm: many more events than anybody could look at, and none of it heaps up."""

import dataclasses
import gc
import queue
import time
import tracemalloc
from collections.abc import Iterator

from irkit.app.live_state import LivePace
from irkit.core.container import Container
from irkit.core.engine_event import UNREADABLE, WATCHING, EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from tests.app.hosts_in_memory import Place
from tests.app.live_hosts import Seen, Watching, seen, watching
from tests.engine.world import container

PACE = LivePace(list_every=600.0, gap=0.1, rest=0.0, most_facts=20, pauses=(0.01,))


class Stormy(Seen):
    """A host that tells of what it is told to tell, and keeps none of it."""

    def __init__(self, host: Host) -> None:
        super().__init__(host, [container(f"c{number}", host=host.name) for number in range(50)])
        self.told: queue.SimpleQueue[EngineEvent | None] = queue.SimpleQueue()

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        self._count("watch")
        yield EngineEvent(at="", kind=WATCHING)
        while True:
            deadline.remaining()
            try:
                event = self.told.get(timeout=0.01)
            except queue.Empty:
                continue
            if event is None:
                raise TargetError("the connection ended before the answer did", Refusal.LOST)
            yield event

    def tell(self, one: Container, action: str) -> None:
        self.told.put(EngineEvent(at="x", kind="container", action=action, container=one.id))

    def replace(self, new: Container) -> None:
        """The oldest container goes and another comes."""
        old = next(iter(self.containers.values()))
        self.containers = {**{key: one for key, one in self.containers.items() if one is not old}, new.id: new}
        self.tell(old, "destroy")
        self.tell(new, "create")


def storm_of(found: Watching) -> Stormy:
    target = found.target("a")
    assert isinstance(target, Stormy)
    return target


def place() -> Place:
    return seen(a=Stormy)


def test_a_storm_of_events_makes_no_more_lists_and_looks_than_there_may_be() -> None:
    with watching(place(), "a", pace=PACE) as found:
        found.until(lambda now: now.is_whole("a", 50) and now.target("a").calls["watch"])
        target = storm_of(found)
        before, begun = target.calls.copy(), time.monotonic()
        for number in range(20_000):
            target.tell(list(target.containers.values())[number % 50], "die")
            if number % 100 == 0:
                found.take()
        found.until(lambda now: target.told.empty() and target.calls["list"] > before["list"])
        lists = target.calls["list"] - before["list"]
        allowed = (time.monotonic() - begun) / PACE.gap + 2
        looks = target.calls["examine"] - before["examine"]
        assert lists <= allowed, f"{lists} lists where {allowed:.0f} may be"
        assert looks <= (lists + 1) * PACE.most_facts, f"{looks} looks for {lists} lists"
        found.until(lambda now: now.is_whole("a", 50))


def test_events_that_cannot_be_read_have_everything_looked_at() -> None:
    with watching(place(), "a", pace=PACE) as found:
        found.until(lambda now: now.is_whole("a", 50) and now.target("a").calls["watch"])
        target = storm_of(found)
        looks = target.calls["examine"]
        target.told.put(EngineEvent(at="x", kind=UNREADABLE, action="no event"))
        found.until(lambda now: target.calls["examine"] >= looks + 50)


def test_watches_that_end_at_once_are_not_begun_again_without_end() -> None:
    with watching(place(), "a", pace=dataclasses.replace(PACE, list_every=0.05)) as found:
        found.until(lambda now: now.is_whole("a", 50) and now.target("a").calls["watch"])
        target = storm_of(found)
        for _ in range(50):
            target.told.put(None)
        begun = time.monotonic()
        found.until(lambda now: now.target("a").calls["watch"] >= 3)
        assert target.calls["watch"] <= 4 + (time.monotonic() - begun)


def test_an_hour_of_events_leaves_memory_as_it_was() -> None:
    """36,000 events, ten a second, in which containers come and go; measured after each fifth of them."""
    sizes = []
    with watching(place(), "a", pace=PACE) as found:
        found.until(lambda now: now.is_whole("a", 50))
        target = storm_of(found)
        tracemalloc.start()
        try:
            for fifth in range(5):
                for number in range(3_600):
                    labels = {"note": f"{fifth} {number} {'x' * 500}"}
                    target.replace(container(f"{fifth}-{number}", host="a", labels=labels))
                    if number % 300 == 0:
                        found.take()
                found.until(lambda now: target.told.empty() and now.is_whole("a", 50) and is_same(now, target))
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert sizes[-1] < sizes[1] + 300_000, f"bytes after each fifth: {sizes}"


def is_same(now: Watching, target: Stormy) -> bool:
    return {row.summary.id for row in now.rows.values()} == set(target.containers) and not now.hosts["a"].unread
