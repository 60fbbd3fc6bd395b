"""Fifty hosts in memory for the benchmarks of the terminal interface: they cost as little as hosts can."""

import itertools
import queue
import random
import struct
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from irkit.adapters.log_stream import LogRecord, LogSplitter
from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.core.container import Container, Mount, Summary
from irkit.core.engine_event import WATCHING, EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.ports import Deadline

STATES = ("running", "exited", "paused", "restarting")
BATCH, BATCHES = 500, 100
"""Lines of a log that come at once, and how often a second."""


class BusyHost(MemoryTarget):
    """A host whose list is ready when it is asked for. `tick` changes some of it, and tells the events."""

    def __init__(self, host: Host, count: int) -> None:
        super().__init__([], host, full_id(host.name))
        self._choice = random.Random(host.name)
        self._numbers = itertools.count()
        self._listed: dict[str, Summary] = {}
        self._told: queue.SimpleQueue[EngineEvent | None] = queue.SimpleQueue()
        self.lists = 0
        for _ in range(count):
            self._make()

    def _make(self) -> str:
        number = next(self._numbers)
        name = f"service-{self._host.name}-{number}"
        made = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=self._choice.randrange(40_000))
        risk = self._choice.randrange(5)
        facts = Container(
            id=full_id(name), name=name, host=self._host.name, image=f"corp/api:{number % 9}",
            created_at=made.isoformat(), started_at=made.isoformat(), privileged=risk == 0,
            user="" if risk < 4 else "app",
            mounts=(Mount(kind="bind", source="/etc", destination="/e"),) if risk == 1 else (),
            capabilities=("NET_ADMIN",) if risk == 2 else (), labels={"team": f"team-{number % 7}"},
        )  # fmt: skip
        self.containers[facts.id] = facts
        self._listed[facts.id] = Summary(
            id=facts.id, name=name, host=self._host.name, image=facts.image, state="running", status="Up 3 days",
            created_at=facts.created_at, networks=("bridge",), labels=facts.labels,
        )  # fmt: skip
        return facts.id

    def tick(self, number: int, share: float = 1.0) -> None:
        """A second has passed: that share of the rows has another status, one another state; one may be replaced."""
        keys = list(self._listed)
        listed = dict(self._listed)
        for key in keys[: int(len(keys) * share)]:
            listed[key] = msgspec.structs.replace(listed[key], status=f"Up {number} seconds")
        changed = self._choice.choice(keys)
        listed[changed] = msgspec.structs.replace(listed[changed], state=self._choice.choice(STATES))
        self._listed = listed
        self._tell(changed, "die")
        if self._choice.random() < 0.4:
            self.replace_one(keys[number % len(keys)])

    def replace_one(self, key: str = "") -> None:
        """A container goes, and another comes."""
        old = key or next(iter(self._listed))
        self._listed = {one: row for one, row in self._listed.items() if one != old}
        self.containers.pop(old, None)
        self._tell(old, "destroy")
        self._tell(self._make(), "create")

    def _tell(self, container: str, action: str) -> None:
        self._told.put(EngineEvent(at="x", kind="container", action=action, container=container))

    @property
    def listed(self) -> list[Summary]:
        return list(self._listed.values())

    def hear(self) -> None:
        """Take the events that come, to no end."""
        while self._told.get() is not None:
            pass

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        self.lists += 1
        return self.listed

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        forget = deadline.on_cancel(lambda: self._told.put(None))
        yield EngineEvent(at="", kind=WATCHING)
        while (event := self._told.get()) is not None:
            yield event
        forget()

    def follow_logs(
        self, container: str, deadline: Deadline, *, tty: bool, tail: int, since: str = "", ends: bool = False
    ) -> Iterator[list[LogRecord]]:
        """50,000 lines a second, read as an engine's answer is."""
        begun = time.perf_counter()
        for number in itertools.count(1):
            deadline.remaining()
            yield list(LogSplitter(tty=False).feed(_FRAMES))
            time.sleep(max(0.0, begun + number / BATCHES - time.perf_counter()))


class DeadHost(MemoryTarget):
    """A host that never answers."""

    def connect(self, deadline: Deadline) -> None:
        over = threading.Event()
        forget = deadline.on_cancel(over.set)
        over.wait(deadline.remaining())
        forget()
        raise TargetError("it does not answer", Refusal.UNREACHABLE)


def _frame(number: int) -> bytes:
    line = (
        f"2026-01-31T14:02:11.{number:09d}Z request {number} of tenant {number % 17} took {number % 97} ms\n".encode()
    )
    return struct.pack(">B3sI", 1 + (number % 10 == 0), bytes(3), len(line)) + line


_FRAMES = b"".join(map(_frame, range(BATCH)))
