"""Hosts in memory for the live list: they count what is asked of them, and fail, hang or dawdle as told meanwhile."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from irkit.adapters.memory import MemoryTarget
from irkit.app.live import Live, LivePace, LiveRow
from irkit.app.live_state import LiveHost, LiveState
from irkit.core.container import Container, Summary
from irkit.core.engine_event import EngineEvent
from irkit.core.host import Host
from irkit.core.host_check import HostFacts
from irkit.core.ports import Deadline
from tests.app.hosts_in_memory import Place
from tests.engine.world import container
from tests.lab.counting import thread_names, wait_until

QUICK = LivePace(
    list_every=0.05, gap=0.02, rest=1.0, check_every=0.2, stale_after=60.0, pauses=(0.02, 0.05, 0.1), reach_time=60.0,
    list_time=60.0, examine_time=60.0, grace=0.1, problem_pause=0.1,
)  # fmt: skip
"""Much happens, and nothing is late for its time: what a machine with much to do has wait for long does not fail."""
NAMES = ("live ", "facts of", "events of", "check of")


class Seen(MemoryTarget):
    """A host in memory. `error` is raised by whatever is asked, `examine_error` by asking for facts of `faulty`.

    While `is_open` is not set, facts are waited for; while `lists` is not, lists are, whatever the time.
    """

    def __init__(self, host: Host, containers: list[Container] | None = None, engine_id: str = "") -> None:
        names = [f"{host.name}-{number}" for number in range(3)]
        super().__init__(
            [container(name, host=host.name) for name in names] if containers is None else containers, host, engine_id
        )
        self.calls: Counter[str] = Counter()
        self.failures = 0
        """Looks at it that failed."""
        self.error: Exception | None = None
        self.examine_error: Exception | None = None
        self.faulty: set[str] = set()
        self.is_open, self.lists = threading.Event(), threading.Event()
        self.is_open.set()
        self.lists.set()
        self.latency = 0.0
        self.is_over = threading.Event()

    def _count(self, what: str) -> None:
        self.calls[what] += 1
        if self.error is not None:
            self.failures += what in ("connect", "ping", "list")
            raise self.error

    def connect(self, deadline: Deadline) -> None:
        self._count("connect")

    def close(self) -> None:
        self.calls["close"] += 1

    def ping(self, deadline: Deadline) -> None:
        self._count("ping")
        time.sleep(self.latency)

    def identify(self, deadline: Deadline) -> str:
        self._count("identify")
        return super().identify(deadline)

    def check(self, deadline: Deadline) -> HostFacts:
        self._count("check")
        return super().check(deadline)

    def check_engine(self, deadline: Deadline) -> HostFacts:
        self._count("check_engine")
        return super().check(deadline)

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        self._count("list")
        while not (self.lists.wait(0.01) or self.is_over.is_set()):
            pass  # it heeds nothing
        return super().list_containers(deadline)

    def examine(self, container: str, deadline: Deadline) -> Container:
        self._count("examine")
        while not self.is_open.wait(0.01):
            deadline.remaining()
        if self.examine_error is not None and container in self.faulty:
            raise self.examine_error
        return super().examine(container, deadline)

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        self._count("watch")
        return super().watch(since, deadline)


class Watching:
    """A live list of hosts in memory, with what is taken from it put together as a front end does."""

    def __init__(self, live: Live, place: Place | None = None) -> None:
        self.live, self.place = live, place or Place()
        self.rows: dict[str, LiveRow] = {}
        self.hosts: dict[str, LiveHost] = {}

    def take(self) -> None:
        changed = self.live.take()
        self.rows |= changed.rows
        self.rows |= {key: row for key in changed.restated if (row := self.live.row(key)) is not None}
        self.hosts |= changed.hosts
        for key in changed.gone:
            del self.rows[key]

    def target(self, host: str) -> Seen:
        found = self.place.opened[host]
        assert isinstance(found, Seen)
        return found

    def until(self, reached: Callable[["Watching"], Any], seconds: float = 60) -> None:
        """Take what comes until it is so."""

        def is_so() -> bool:
            self.take()
            return bool(reached(self))

        assert wait_until(is_so, seconds), f"it never was so: {self.hosts}"

    def state(self, host: str) -> LiveState:
        return self.hosts[host].state

    def of(self, host: str) -> dict[str, LiveRow]:
        """The rows of a host, by name."""
        return {row.summary.name: row for row in self.rows.values() if row.host == host}

    def is_whole(self, host: str, count: int = 3) -> bool:
        """Whether a host's rows are all there with their facts."""
        mine = self.of(host)
        return len(mine) == count and all(row.facts for row in mine.values())


@contextmanager
def watching(place: Place, *hosts: str, pace: LivePace = QUICK, **more: Any) -> Iterator[Watching]:
    """A live list that has begun, and leaves no thread behind."""
    live = Live(place.setting(), hosts, pace=pace, **more)
    try:
        live.start()
        yield Watching(live, place)
    finally:
        live.close()
        for target in place.opened.values():
            if isinstance(target, Seen):
                target.is_over.set()
        assert wait_until(lambda: not any(name.startswith(NAMES) for name in thread_names())), thread_names()


def seen(*names: str, **special: Callable[[Host], MemoryTarget]) -> Place:
    """A place with such hosts."""
    return Place(special={**dict.fromkeys(names, Seen), **special})
