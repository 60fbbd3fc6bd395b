"""The plan that takes a run back, from its log alone: last change first, each container by itself."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from irkit.core.action import RunFacts
from irkit.core.container import Container
from irkit.core.events import RunStarted
from irkit.core.host import Host
from irkit.core.operations import AnyOperation
from irkit.core.plan import Plan, Refused, Task
from irkit.core.run import Applied, Run


@dataclass(frozen=True)
class UndoRequest:
    """What is to be taken back: the run, the undo runs of it so far, and the facts of its containers as they are.

    A container that is gone is missing in `now`, with the reason in `gone`; a host that could not be reached is missing
    in `hosts`, with the reason in `unreached`. `only` are the keys of the containers wanted; empty means all.
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


def outstanding(run: Run, undone: Sequence[Run]) -> list[tuple[str, str, AnyOperation]]:
    """What of a run is still to be taken back: host, container and operation, last change first.

    `undone` may hold any runs: only those that take this one back count, as far as they were not taken back in turn.
    """
    return [(change.started.host, change.started.container, operation) for change, operation in _left(run, undone)]


def _left(run: Run, others: Sequence[Run]) -> list[tuple[Applied, AnyOperation]]:
    """What is left to be done, each with the change that it takes back."""
    left = [(change, operation) for change in reversed(run.changes) for operation in change.started.undo]
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
    refusals: list[Refused] = []
    for (host, container), operations in wanted.items():
        key = f"{host}/{container}"
        refused = _refuse(request, host, key, started.names.get(key, ""))
        if refused:
            refusals.append(Refused(host=host, container=key, step="undo", reason=refused))
        tasks.append(
            Task(
                index=len(tasks),
                step="undo",
                order=1,
                action="undo",
                host=host,
                containers=(key,),
                operations=() if refused else tuple(operations),
                refused=refused,
            )
        )
    return _plan(request, started, tasks, refusals)


def _refuse(request: UndoRequest, host: str, key: str, name: str) -> str:
    """Why nothing can be taken back there, or empty."""
    if any(one.name == host for one in request.hosts):
        return request.gone.get(key, "")
    reason = request.unreached.get(host) or f"no way to host {host!r} is known here"
    # Nobody can ask the host: what the container was called is in the log alone.
    return f"container {name}: {reason}" if name else reason


def _plan(request: UndoRequest, started: RunStarted, tasks: list[Task], refusals: list[Refused]) -> Plan:
    used = {task.host for task in tasks}
    return Plan(
        run=request.facts.id,
        case=started.case,
        responder=request.facts.responder,
        playbook="undo",
        playbook_version=started.playbook_version,
        playbook_digest=started.playbook_digest,
        made_at=request.made_at,
        hosts=tuple(host for host in request.hosts if host.name in used),
        targets=tuple(request.now[task.containers[0]] for task in tasks if task.containers[0] in request.now),
        tasks=tuple(tasks),
        refusals=tuple(refusals),
        undoes=started.run,
    )
