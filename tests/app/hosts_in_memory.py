"""Hosts in memory for the wiring: some that answer, some that fail, some that do not answer."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.app import Fleet, Setting
from irkit.app.reach import HostTarget
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.operations import Operation, ReadLogs
from irkit.core.ports import Deadline, Intake, Outcome
from tests.engine.world import container


def hosts(*names: str) -> list[Host]:
    return [Host(name=name, address=name, reach="ssh") for name in names]


class Silent(MemoryTarget):
    """A host that does not answer until its time is up, or it is closed. `heeds` says whether it keeps to its time."""

    def __init__(self, host: Host, *, heeds: bool = True) -> None:
        super().__init__([], host)
        self.heeds, self.is_closed, self.is_waiting = heeds, threading.Event(), threading.Event()

    def connect(self, deadline: Deadline) -> None:
        forget = deadline.on_cancel(self.is_closed.set)
        self.is_waiting.set()
        while not self.is_closed.wait(0.02):
            if self.heeds:
                deadline.remaining()
        forget()
        deadline.remaining()

    def close(self) -> None:
        self.is_closed.set()


class Failing(MemoryTarget):
    """A host that fails in one way, each time."""

    def __init__(self, host: Host, error: Exception) -> None:
        super().__init__([], host)
        self.error = error

    def connect(self, deadline: Deadline) -> None:
        raise self.error


class Dawdling(MemoryTarget):
    """A host that lists many containers, and takes a tenth of a second to say of each that it is gone."""

    def __init__(self, host: Host) -> None:
        super().__init__([container(f"c{number}", host=host.name) for number in range(50)], host)

    def examine(self, container: str, deadline: Deadline) -> Container:
        time.sleep(min(0.1, deadline.remaining()))
        raise TargetError("no such container", Refusal.ABSENT)


class Endless(MemoryTarget):
    """A host whose logs begin, and then do not go on for as long as one waits."""

    START = b"the first line\n"

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if not isinstance(operation, ReadLogs):
            return super().apply(operation, intake, deadline)
        intake.open(f"{operation.file}/stdout.log", source=operation.text()).write(self.START)
        while True:
            time.sleep(min(0.02, deadline.remaining()))


@dataclass
class Place:
    """What a setting opens: hosts by name, each with its containers, or as told in `special`.

    `contents` are what operations collect there, by the name of the file that it goes to.
    """

    containers: Mapping[str, Iterable[Container]] = field(default_factory=dict)
    special: Mapping[str, Callable[[Host], MemoryTarget]] = field(default_factory=dict)
    engines: Mapping[str, str] = field(default_factory=dict)
    opened: dict[str, MemoryTarget] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)

    def __call__(self, host: Host) -> HostTarget:
        make = self.special.get(host.name)
        if make is None:
            known = list(self.containers.get(host.name, ()))
            target = MemoryTarget(known, host, self.engines.get(host.name, full_id(host.name)))
            target.contents.update(self.contents)
        else:
            target = make(host)
        return self.opened.setdefault(host.name, target)

    def setting(self, folder: Path | None = None, jobs: int = 16) -> Setting:
        return Setting(environment={}, evidence=folder, opener=self, jobs=jobs)

    def fleet(self, *names: str, jobs: int = 16) -> Fleet:
        return Fleet(self.setting(jobs=jobs), hosts(*names))


def fails(error: TargetError) -> Callable[[Host], MemoryTarget]:
    return lambda host: Failing(host, error)


def one_each(*names: str) -> dict[str, list[Container]]:
    """A container named for its host on each of these."""
    return {name: [container(f"on-{name}", host=name)] for name in names}
