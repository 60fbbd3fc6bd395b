"""The plan that takes a run back, from its log alone: last change first, each container by itself."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from irkit.core.action import RunFacts
from irkit.core.container import Container
from irkit.core.events import RunStarted
from irkit.core.finding import Finding
from irkit.core.host import Host
from irkit.core.operations import AnyOperation, Connect
from irkit.core.plan import Plan, Refused, Task
from irkit.core.run import Applied, Run
from irkit.engine.way_back import Around, Guide, WayBack


@dataclass(frozen=True)
class UndoRequest:
    """What is to be taken back: the run, the undo runs of it so far, and the facts of its containers as they are.

    A container that is gone is missing in `now`, with the reason in `gone`, and in `removed` where its engine said so;
    a host that could not be reached is missing in `hosts`, with the reason in `unreached`. `only` are the keys of the
    containers wanted; empty means all. `around` is what else was looked at. With `new_address` a container whose
    address is taken is given the nearest free one, and with `reset_connections` those that were open are ended before
    it is put back.
    """

    run: Run
    undone: Sequence[Run]
    hosts: Sequence[Host]
    now: Mapping[str, Container]
    gone: Mapping[str, str]
    facts: RunFacts
    made_at: str
    only: frozenset[str] = frozenset()
    unreached: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    around: Around = field(default_factory=Around)
    new_address: bool = False
    reset_connections: bool = False


def outstanding(run: Run, undone: Sequence[Run]) -> list[tuple[str, str, AnyOperation]]:
    """What of a run is still to be taken back: host, container and operation, last change first.

    `undone` may hold any runs: only those that take this one back count, as far as they were not taken back in turn.
    """
    return [(change.started.host, change.started.container, operation) for change, operation in _left(run, undone)]


def _left(run: Run, others: Sequence[Run]) -> list[tuple[Applied, AnyOperation]]:
    """What is left to be done, each with the change that it takes back."""
    left = [(change, operation) for change in reversed(run.changes) for operation in change.undo]
    wanted = run.started.run if run.started else ""
    undoing = [one for one in others if one is not run and one.started is not None and one.started.undoes == wanted]
    for undo in sorted(undoing, key=lambda one: one.started_at):
        rest = [one for one in others if one is not run and one is not undo]
        left = _without(left, Counter(_done(undo, rest)))
    return left


def _done(undo: Run, others: Sequence[Run]) -> Iterator[str]:
    """What an undo run finished, unless that was taken back, or found not to apply: as marks."""
    stands = {change.seq for change, _ in _left(undo, others)}
    for one in undo.operations:
        if one.state == "finished" and (one.seq in stands or not one.started.undo):
            yield _mark(one.key, one.started.operation)
    for skip in undo.inapplicable:
        yield _mark(f"{skip.host}/{skip.container}", skip.operation)


def _without(left: list[tuple[Applied, AnyOperation]], done: Counter[str]) -> list[tuple[Applied, AnyOperation]]:
    """What is left when that is done: for each container, from the first operation on that is not.

    What came after it was done too early, and is done again in its turn: a container that was to be paused and then
    unpaused, and could not be paused, must not be paused the next time and left so.
    """
    again = []
    waiting: set[str] = set()
    for change, operation in left:
        mark = _mark(change.key, operation)
        if change.key in waiting or not done[mark]:
            waiting.add(change.key)
            again.append((change, operation))
        done[mark] -= 1
    return again


def _mark(key: str, operation: AnyOperation) -> str:
    """What tells an operation from others: who is back on a network is back there, whatever address could be had."""
    if isinstance(operation, Connect):
        return f"{key} connect {operation.attachment.network}"
    return f"{key} {operation!r}"


def plan_undo(request: UndoRequest) -> Plan:
    """The plan; it has no tasks where nothing is left to take back."""
    started = request.run.started
    if started is None:
        raise ValueError("a run without a first record cannot be undone")
    wanted: dict[tuple[str, str], list[AnyOperation]] = {}
    for host, container, operation in outstanding(request.run, request.undone):
        if not request.only or f"{host}/{container}" in request.only:
            wanted.setdefault((host, container), []).append(operation)
    tasks: list[Task] = []
    findings: list[Finding] = []
    guide = _guide(request, wanted)
    for (host, container), operations in wanted.items():
        key = f"{host}/{container}"
        refused = _refuse(request, host, key, started.names.get(key, ""))
        if refused and key in request.removed:
            tasks += _tasks_of_gone(host, key, operations, refused, len(tasks))
            continue
        now = request.now.get(key)
        way = WayBack(list(operations), refused=refused)
        if now is not None and not refused:
            way = guide.way_back(now, operations)
        tasks += _tasks(host, key, way, len(tasks))
        findings += way.findings
    found = tuple(guide.found(f"{host}/{container}") for host, container in wanted)
    return replace(_plan(request, started, tasks), findings=tuple(findings), found=found)


def _guide(request: UndoRequest, wanted: Mapping[tuple[str, str], Sequence[AnyOperation]]) -> Guide:
    guide = Guide(
        request.run,
        request.undone,
        request.around,
        new_address=request.new_address,
        reset=request.reset_connections,
    )
    for (host, _), operations in wanted.items():
        guide.reserve(host, operations)
    return guide


def _tasks(host: str, key: str, way: WayBack, first: int) -> Iterator[Task]:
    """The tasks of one container: what is done, and for each operation that nothing can do any more, why."""
    own = Task(index=first, step="undo", order=1, action="undo", host=host, containers=(key,), refused=way.refused)
    if way.refused:
        yield own
        return
    if way.operations or not way.given_up:
        yield replace(own, operations=tuple(way.operations), stop_on_error=way.is_careful)
        first += 1
    for operation, reason in way.given_up:
        yield replace(own, index=first, refused=reason, given_up=(operation,))
        first += 1


def _tasks_of_gone(host: str, key: str, operations: Sequence[AnyOperation], refused: str, first: int) -> Iterator[Task]:
    """Of a container that is gone, what it leaves on its host is taken back, and the rest refused."""
    own = Task(index=first, step="undo", order=1, action="undo", host=host, containers=(key,))
    left = tuple(one for one in operations if one.outlives)
    if left:
        yield replace(own, operations=left)
        first += 1
    if len(left) < len(operations):
        yield replace(own, index=first, refused=refused)


def _refuse(request: UndoRequest, host: str, key: str, name: str) -> str:
    """Why nothing can be taken back there, or empty."""
    if any(one.name == host for one in request.hosts):
        return request.gone.get(key, "")
    reason = request.unreached.get(host) or f"no way to host {host!r} is known here"
    # Nobody can ask the host: what the container was called is in the log alone.
    return f"container {name}: {reason}" if name else reason


def _plan(request: UndoRequest, started: RunStarted, tasks: Sequence[Task]) -> Plan:
    used = {task.host for task in tasks}
    keys = dict.fromkeys(task.containers[0] for task in tasks)
    return Plan(
        run=request.facts.id,
        case=started.case,
        responder=request.facts.responder,
        playbook="undo",
        playbook_version=started.playbook_version,
        playbook_digest=started.playbook_digest,
        made_at=request.made_at,
        hosts=tuple(host for host in request.hosts if host.name in used),
        targets=tuple(request.now[key] for key in keys if key in request.now),
        tasks=tuple(tasks),
        refusals=tuple(
            Refused(host=task.host, container=task.containers[0], step=task.step, reason=task.refused)
            for task in tasks
            if task.refused
        ),
        undoes=started.run,
    )
