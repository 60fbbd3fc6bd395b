"""Hosts in memory whose containers come, go, are renamed, started anew and change state, all the time, as seeded."""

import asyncio
import itertools
import random
import re
from typing import Any

import msgspec

from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.app.live import LivePace
from irkit.core.container import Container, Summary
from irkit.core.host import Host
from irkit.core.operations import Operation, Touch
from irkit.core.ports import Deadline, Intake, Outcome
from tests.app.hosts_in_memory import Place
from tests.engine.world import container

PACE = LivePace(list_every=0.3, gap=0.05, rest=0.0, problem_pause=0.1)
"""Hosts are listed as often as something happens, so that as much as can comes in between two keys."""
BEAT = 0.05
"""Seconds between two changes: twenty a second."""


class StormHost(MemoryTarget):
    """A host that keeps what was done to which container: `touched`, as (touch, full id)."""

    def __init__(self, host: Host, count: int = 12) -> None:
        self.numbers = itertools.count()
        super().__init__([], host, full_id(host.name))
        self.touched: list[tuple[Touch, str]] = []
        for _ in range(count):
            self.create()

    def new(self) -> Container:
        number = next(self.numbers)
        name = f"{self._host.name}-{number}-v0"
        return container(
            name, host=self._host.name, privileged=number % 3 == 0, image=f"app:{number % 4}", started_at="t0",
            created_at=f"2026-01-{1 + number % 28:02}T12:00:00Z",
        )  # fmt: skip

    def put(self, one: Container, action: str) -> None:
        """A container is, from now on, so; what reads meanwhile reads what was, or what is."""
        self.containers = {**self.containers, one.id: one}
        self.events.add(one, action)

    def create(self) -> Container:
        one = self.new()
        self.put(one, "start")
        return one

    def remove(self, id: str) -> None:
        gone = self.containers[id]
        self.containers = {key: one for key, one in self.containers.items() if key != id}
        self.events.add(gone, "destroy")

    def rename(self, id: str) -> None:
        one = self.containers[id]
        base, _, version = one.name.rpartition("-v")
        self.put(msgspec.structs.replace(one, name=f"{base}-v{int(version) + 1}"), "rename")

    def restart(self, id: str) -> None:
        one = self.containers[id]
        self.put(msgspec.structs.replace(one, started_at=f"t{int(one.started_at[1:]) + 1}"), "start")

    def flip(self, id: str) -> None:
        one = self.containers[id]
        state = "paused" if one.state == "running" else "running"
        self.put(msgspec.structs.replace(one, state=state), "pause" if state == "paused" else "unpause")

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        created = {key: one.created_at for key, one in self.containers.items()}
        listed = super().list_containers(deadline)
        return [msgspec.structs.replace(one, created_at=created.get(one.id, "")) for one in listed]

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if operation.subject:
            self.touched.append((operation.touch, operation.subject))
        return super().apply(operation, intake, deadline)


class Storm:
    """Changes on some hosts, as a seed has it; `spared` containers are left alone."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place, self.choice = place, random.Random(seed)
        self.spared: set[str] = set()
        self.names: dict[str, str] = {}
        self.count = 0
        self.is_over = False

    @property
    def hosts(self) -> list[StormHost]:
        return [one for one in self.place.opened.values() if isinstance(one, StormHost)]

    @property
    def keys(self) -> dict[str, Container]:
        """All containers there are, by key."""
        return {one.key: one for host in self.hosts for one in host.containers.values()}

    def host_of(self, key: str) -> StormHost:
        found = self.place.opened[key.partition("/")[0]]
        assert isinstance(found, StormHost)
        return found

    def change(self) -> None:
        """One change of one container."""
        host = self.choice.choice(self.hosts)
        free = [one.id for one in host.containers.values() if one.key not in self.spared]
        self.count += 1
        acts = [StormHost.rename, StormHost.restart, StormHost.flip, StormHost.rename]
        if len(host.containers) < 10 or not free or self.choice.random() < 0.25:
            host.create()
        elif len(host.containers) > 16 or self.choice.random() < 0.3:
            host.remove(self.choice.choice(free))
        else:
            self.choice.choice(acts)(host, self.choice.choice(free))

    async def blow(self) -> None:
        """Twenty changes a second until it is over."""
        while not self.is_over:
            self.change()
            await asyncio.sleep(BEAT)


def base_name(text: str) -> str:
    """What of a container's name stays through every rename: host and number."""
    found = re.search(r"[a-z]+-\d+(?=-v\d)", text)
    return found[0] if found else ""


def storm_place(*hosts: str, count: int = 12) -> Place:
    def make(host: Host) -> MemoryTarget:
        return StormHost(host, count)

    return Place(containers={}, special=dict.fromkeys(hosts, make))


NO_CONTAINERS: dict[str, list[Any]] = {"alpha": [], "beta": []}
