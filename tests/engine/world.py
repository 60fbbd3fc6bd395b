"""A small world to plan and run in: containers in memory, playbooks in a line, runs that cannot hang."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from irkit.actions import ACTIONS
from irkit.adapters.fixed_clock import FixedClock
from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.adapters.memory_store import MemoryStore
from irkit.core.action import Action, RunFacts
from irkit.core.codec import decode, encode_record
from irkit.core.container import Attachment, Container, Summary
from irkit.core.engine_event import EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import AnyEvent, OperationSkipped, Record
from irkit.core.footprint import Footprint
from irkit.core.host import Host
from irkit.core.kernel import KernelFacts
from irkit.core.network import NetworkFacts
from irkit.core.operations import BlockTraffic, Operation
from irkit.core.plan import Plan
from irkit.core.playbook import Playbook, Step
from irkit.core.ports import Deadline, Intake, Outcome, Target
from irkit.core.run import Applied, Run, replay
from irkit.engine.planner import make_plan
from irkit.engine.request import Request
from irkit.engine.runner import Limits, Runner
from irkit.engine.undo import UndoRequest, plan_undo
from tests.engine.guard import within

PATIENCE = 60.0
"""Seconds that only a test waits that fails, however busy the machine is."""


def container(name: str = "web", *networks: Attachment | str, host: str = "local", **facts: Any) -> Container:
    """A running container on these networks (the default bridge where none is given)."""
    places = [one if isinstance(one, Attachment) else attachment(one) for one in networks or ("bridge",)]
    places.sort(key=lambda one: one.network)  # as engines' answers are read
    known = {"image": "app:1", "image_digest": f"sha256:{full_id('app')}", "attachments": tuple(places), **facts}
    return Container(id=full_id(name), name=name, host=host, **known)


def attachment(network: str, **facts: Any) -> Attachment:
    """A place on a network, at an address that the engine chose where none is given."""
    fixed = facts.get("fixed_ipv4", "")
    return Attachment(network=network, network_id=full_id(network), ipv4=fixed or "172.30.0.2", **facts)


def step(action: str, *, id: str = "", on_error: Any = "", **more: Any) -> Step:
    """A step; its id is the last part of its action's name where none is given."""
    own = {name: more.pop(name) for name in ("when", "timeout", "retries", "accept_loss") if name in more}
    return Step(id=id or action.rpartition(".")[2], action=action, arguments=more, on_error=on_error, **own)


def plan_for(targets: Iterable[Container], *steps: Step, **more: Any) -> Plan:
    """The plan of a playbook of these steps."""
    return make_plan(request_for(targets, *steps, **more))


def request_for(
    targets: Iterable[Container],
    *steps: Step,
    actions: Mapping[str, type[Action]] = ACTIONS,
    selects: str = "",
    run: str = "run1",
    **more: Any,
) -> Request:
    """What a plan for these targets is made from."""
    found = tuple(targets)
    hosts = [Host(name=name) for name in dict.fromkeys(one.host for one in found)]
    known: dict[str, Any] = {"hosts": hosts, **more}
    return Request(
        playbook=Playbook(name="test", version=1, selects=selects, steps=steps),
        actions=actions,
        targets=found,
        parameters={},
        run=RunFacts(id=run, case="IR-1", responder="Ann"),
        made_at="2026-01-31T12:00:00.000000Z",
        **known,
    )


def operations_of(plan: Plan, step_id: str = "") -> list[tuple[str, str]]:
    """What a plan does, in order: step and text."""
    return [
        (task.step, operation.text())
        for task in plan.tasks
        for operation in task.operations
        if step_id in ("", task.step)
    ]


class World:
    """Hosts in memory, and the logs of what was run on them."""

    def __init__(self, *containers: Container) -> None:
        by_host: dict[str, list[Container]] = {}
        for one in containers:
            by_host.setdefault(one.host, []).append(one)
        self.memory = {name: MemoryTarget(mine, Host(name=name)) for name, mine in by_host.items()}
        self.targets: dict[str, Target] = dict(self.memory)
        self.before = self.standing()

    @property
    def containers(self) -> dict[str, Container]:
        """All containers as they are, by name."""
        return {one.name: one for target in self.memory.values() for one in target.containers.values()}

    def standing(self) -> dict[str, Container]:
        """All containers without the addresses that the engine chose, and may choose otherwise the next time."""
        return {name: standing(one) for name, one in self.containers.items()}

    def plan(self, *steps: Step, **more: Any) -> Plan:
        """A plan for all containers."""
        return plan_for(self.containers.values(), *steps, **more)

    def runner(self, store: MemoryStore | None = None, limits: Limits | None = None) -> Runner:
        """A runner on these hosts."""
        self.store = store or MemoryStore()
        return Runner(self.targets, self.store, FixedClock(), tool="irkit test", limits=limits)

    def run(self, plan: Plan, store: MemoryStore | None = None, limits: Limits | None = None) -> Run:
        """Run a plan to its end; what its records say."""
        runner = self.runner(store, limits)
        records = within(PATIENCE, lambda: list(runner.execute(plan)))
        assert records == self.store.records, "what is yielded is what is logged, in its order"
        return self.logged()

    def logged(self) -> Run:
        """What the log of the last run says, through its bytes."""
        return replay(decode(encode_record(record), Record) for record in self.store.records)

    def plan_undo(self, run: Run, *undone: Run, name: str = "undo1", only: frozenset[str] = frozenset()) -> Plan:
        """The plan that takes a run back, from facts as they are."""
        return plan_undo(self.undo_request(run, *undone, name=name, only=only))

    def undo_request(self, run: Run, *undone: Run, name: str = "undo1", **more: Any) -> UndoRequest:
        """What is asked for to take a run back, from facts as they are."""
        now = {one.key: one for one in self.containers.values()}
        keys = run.started.targets if run.started else ()
        return UndoRequest(
            run=run,
            undone=undone,
            hosts=[target.host for target in self.memory.values()],
            now=now,
            gone={key: "it is gone" for key in keys if key not in now},
            removed=frozenset(keys) - now.keys(),
            facts=RunFacts(id=name, case="IR-1", responder="Bob"),
            made_at="2026-01-31T13:00:00.000000Z",
            **more,
        )

    def undo(self, run: Run, *undone: Run, name: str = "undo1") -> Run:
        """Take a run back."""
        return self.run(self.plan_undo(run, *undone, name=name))


def standing(one: Container) -> Container:
    """A container without what its engine chose for it."""
    places = tuple(
        msgspec.structs.replace(place, ipv4=place.fixed_ipv4, network_id="", mac="") for place in one.attachments
    )
    return msgspec.structs.replace(one, attachments=places)


Hook = Callable[[Operation, Deadline], None]


class Hooked:
    """A target that does something of the test's before, or after, it carries an operation out."""

    def __init__(self, inner: Target, before: Hook | None = None, after: Hook | None = None) -> None:
        self.inner, self.before, self.after = inner, before, after

    @property
    def host(self) -> Host:
        return self.inner.host

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        return self.inner.list_containers(deadline)

    def examine(self, container: str, deadline: Deadline) -> Container:
        return self.inner.examine(container, deadline)

    def examine_network(self, network: str, deadline: Deadline) -> NetworkFacts:
        return self.inner.examine_network(network, deadline)

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        return self.inner.see_kernel(container, deadline)

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        return self.inner.watch(since, deadline)

    def check_rules(self, operation: BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        return self.inner.check_rules(operation, container, deadline)

    def why_no_root(self, deadline: Deadline) -> str:
        return self.inner.why_no_root(deadline)

    def footprint(self) -> Footprint:
        return self.inner.footprint()

    def why_no_files(self, deadline: Deadline) -> str:
        return self.inner.why_no_files(deadline)

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if self.before:
            self.before(operation, deadline)
        outcome = self.inner.apply(operation, intake, deadline)
        if self.after:
            self.after(operation, deadline)
        return outcome


def wait_for(event: threading.Event, deadline: Deadline) -> None:
    """Wait as an adapter does: until it happens, or the operation is cancelled."""
    cancelled = threading.Event()

    def stop() -> None:
        cancelled.set()
        event.set()

    forget = deadline.on_cancel(stop)
    try:
        if not event.wait(PATIENCE):
            raise TargetError("it never happened", Refusal.TIMEOUT)
        if cancelled.is_set():
            raise TargetError("stopped", Refusal.CANCELLED)
    finally:
        forget()


def events_of(store: MemoryStore, *kinds: type[Any]) -> list[AnyEvent]:
    """The events of these kinds, in order."""
    return [record.event for record in store.records if isinstance(record.event, kinds)]


CONTAIN = (step("collect.processes"), step("isolate.disconnect"), step("contain.pause"))
"""The usual: look, cut off, freeze."""
LOST = TargetError("the connection ended", Refusal.LOST)


def fail(kind: type[Operation], error: BaseException, name: str = "") -> Hook:
    """A hook that fails operations of one kind, on one container where it is named."""

    def fail_it(operation: Operation, deadline: Deadline) -> None:
        if isinstance(operation, kind) and (not name or operation.subject == container(name).id):
            raise error

    return fail_it


def hook(world: World, before: Hook | None = None, after: Hook | None = None) -> None:
    world.targets["local"] = Hooked(world.memory["local"], before, after)


def failures(run: Run) -> list[Applied]:
    """What failed of the playbook's own steps: an interrupt may also catch the reads of the host."""
    return [one for one in run.failures if one.started.step != "host"]


def skips(world: World) -> dict[str, str]:
    """What was skipped, and why: by the operation's text."""
    found = events_of(world.store, OperationSkipped)
    return {one.operation.text(): one.reason for one in found if isinstance(one, OperationSkipped)}
