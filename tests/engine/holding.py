"""A run in memory that holds what it contained, and somebody else at work on its containers meanwhile."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from irkit.adapters.clock import SystemClock
from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_store import MemoryStore
from irkit.core.container import Container, Summary
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import FindingRaised, Record
from irkit.core.finding import Finding
from irkit.core.holding import Holding
from irkit.core.playbook import Step
from irkit.core.ports import Deadline
from irkit.core.run import Run
from irkit.engine.hold_desk import HoldOrder
from irkit.engine.plan_again import contain_steps, plan_again
from irkit.engine.planner import make_plan
from irkit.engine.runner import Runner
from tests.engine.guard import within
from tests.engine.world import PATIENCE, Hooked, World, request_for


class Unsteady(Hooked):
    """A target that does not answer while it has a reason."""

    reason = ""

    def _check(self) -> None:
        if self.reason:
            raise TargetError(self.reason, Refusal.UNREACHABLE)

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        self._check()
        return super().list_containers(deadline)

    def examine(self, container: str, deadline: Deadline) -> Container:
        self._check()
        return super().examine(container, deadline)


@dataclass
class HeldRun:
    """A run under way that holds; `host` is where somebody else may act."""

    world: World
    runner: Runner
    unsteady: Unsteady
    told: list[Holding] = field(default_factory=list)
    _records: queue.SimpleQueue[Record] = field(default_factory=queue.SimpleQueue)
    seen: list[Record] = field(default_factory=list)

    @property
    def host(self) -> MemoryTarget:
        return self.world.memory["local"]

    def lose(self, reason: str) -> None:
        """Have the host not answer for that reason; empty: have it answer again."""
        self.unsteady.reason = reason
        self.host.events.lose(reason)

    def now(self, name: str = "web") -> Container:
        return self.world.containers[name]

    def read(self, records: Iterator[Record]) -> None:
        for record in records:
            self._records.put(record)

    def wait_for(self, wanted: Callable[[Any], bool]) -> Any:
        """The next event that is wanted; those before it are passed over."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                record = self._records.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                last = [type(one.event).__name__ for one in self.seen[-10:]]
                raise AssertionError(f"it never came; the last were {last}") from None
            self.seen.append(record)
            if wanted(record.event):
                return record.event

    def finding(self, check: str, name: str = "") -> Finding:
        """The next finding of a kind, about the container of that name where one is given."""
        keys = {one.name: key for key, one in self._keys().items()}

        def is_it(event: Any) -> bool:
            found = isinstance(event, FindingRaised) and event.finding.check == check
            return found and (not name or event.finding.container == keys.get(name))

        found: FindingRaised = self.wait_for(is_it)
        return found.finding

    def _keys(self) -> dict[str, Container]:
        return {one.key: one for target in self.world.memory.values() for one in target.containers.values()}

    def wait_until(self, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.005)

    def wait_until_held(self) -> None:
        """Until the run's plan is done, and it holds and sees what happens."""
        self.wait_until(lambda: bool(self.told) and all(one.events.is_watched for one in self.world.memory.values()))

    def logged(self) -> Run:
        return self.world.logged()


@contextmanager
def holding(
    world: World,
    *steps: Step,
    again: bool = True,
    every: float = 0.05,
    seconds: float = 0,
    claim: Callable[[Container], str] = lambda container: "",
    only: tuple[str, ...] = (),
    holds: bool = True,
    store: MemoryStore | None = None,
    target: type[Unsteady] = Unsteady,
) -> Iterator[HeldRun]:
    """A run of these steps on all containers (or these), holding; ended as Ctrl-C ends it, unless a time is given."""
    request = request_for([one for one in world.containers.values() if not only or one.name in only], *steps)
    plan = make_plan(request)
    told: list[Holding] = []
    order = HoldOrder(
        steps=contain_steps(request),
        plan_again=(lambda one, first: plan_again(request, one, first, plan.touch)) if again else None,
        claim=claim,
        seconds=seconds,
        every=every,
        told=told.append,
    )
    world.store = store or MemoryStore()
    unsteady = target(world.memory["local"])
    runner = Runner({**world.targets, "local": unsteady}, world.store, SystemClock(), tool="irkit test", hold=order)
    run = HeldRun(world, runner, unsteady, told)
    thread = threading.Thread(target=run.read, args=(runner.execute(plan),), daemon=True)
    thread.start()
    try:
        if holds:
            run.wait_until_held()
        yield run
    finally:
        if holds and not seconds:
            runner.interrupt("Ctrl-C")
        within(PATIENCE, thread.join)
