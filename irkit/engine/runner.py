"""Carries out a plan: a generator of records, each on disk before it is yielded.

Hosts run in parallel, a bounded number of containers within each. Every change is planned back from facts read just
before it, logged before it is sent, and checked against facts read after it. The run does not wait for whoever reads
the records: a front end that fails to draw, or goes away, never stops a containment.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from irkit.core.codec import canonical, line_digest
from irkit.core.container import Container
from irkit.core.errors import StorageError
from irkit.core.events import (
    AnyEvent,
    FindingRaised,
    FootprintLeft,
    Note,
    Record,
    RunFinished,
    RunStarted,
    StepSkipped,
    TargetRefused,
)
from irkit.core.footprint import Footprint
from irkit.core.operations import Touch
from irkit.core.plan import Plan, Task
from irkit.core.ports import Clock, Targets
from irkit.core.run import Run
from irkit.core.store import Store
from irkit.engine.bench import Bench
from irkit.engine.comparison import Comparison
from irkit.engine.hold import Watch
from irkit.engine.hold_desk import HoldOrder
from irkit.engine.operation_run import OperationRun
from irkit.engine.schedule import Schedule
from irkit.engine.unforeseen import bug_met, shield


@dataclass(frozen=True)
class Limits:
    """How much goes on at once on each host: tasks, and downloads beside them."""

    parallel: int = 8
    bulk: int = 2

    def __post_init__(self) -> None:
        if self.parallel < 1 or self.bulk < 1:
            raise ValueError("a host needs one worker at least, and room for one download")


class Runner:
    """One run. `execute` may be called once. `notes` are what was noted before it, and stand at its log's beginning."""

    def __init__(
        self,
        targets: Targets,
        store: Store,
        clock: Clock,
        *,
        tool: str,
        limits: Limits | None = None,
        hold: HoldOrder | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        self._targets, self._store, self._tool, self._notes = targets, store, tool, notes
        self._limits, self._hold = limits or Limits(), hold
        self._watch: Watch | None = None
        self._run = Run()
        self._bench = Bench(store, clock, self._say, self.is_ending, self._end_for)
        self._records: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._known: dict[str, Container] = {}
        self._stop_reason = ""
        self._storage_failed = ""
        self._in_order = threading.Lock()
        self._takes_notes = False

    def interrupt(self, reason: str = "interrupted by the responder", *, at_once: bool = False) -> None:
        """End the run: reads stop now, a change under way is waited for unless `at_once`; what waits is not begun.

        While it holds what it contained, that is its ordinary end, unless `at_once`.

        Safe to call from a signal handler or another thread, and more than once.
        """
        if self._watch is not None:
            self._watch.end()
            if not at_once:
                return
        self._stop_reason = self._stop_reason or reason
        self._bench.reads.set()
        if at_once:
            self._bench.changes.set()

    def execute(self, plan: Plan) -> Iterator[Record]:
        """Run the plan to its end, read or not. Raises StorageError only where not even the end could be logged."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="run") as pool:
            end = pool.submit(self._conduct, plan)
            end.add_done_callback(lambda _: self._records.put(None))
            try:
                while (record := self._records.get()) is not None:
                    yield record
            finally:
                end.result()

    def note(self, text: str, by: str) -> bool:
        """Write what somebody has to say into the log while the run goes on; whether it did. Raises StorageError."""
        with self._in_order:
            if self._takes_notes:
                self._append(Note(text=text, by=by))
            return self._takes_notes

    def is_ending(self) -> bool:
        """Whether nothing new must be begun."""
        return bool(self._stop_reason or self._storage_failed)

    def _conduct(self, plan: Plan) -> None:
        """The run, first record to last, on a thread of its own."""
        for event in (*_told_beforehand(plan, self._tool), *self._notes):
            self._records.put(self._store.append(event))  # a full disk here: nothing is begun
        self._takes_notes = True
        watch = Watch(self._hold, self._bench, self._targets, self._end_for) if self._hold else None
        if watch:
            watch.look([host.name for host in plan.hosts])
        self._run_tasks(plan)
        if watch and not self.is_ending():
            shield(partial(self._hold_on, watch, plan), self._break_off("hold what was contained", _names(plan)))
        self._compare(plan)
        self._tell_footprints(plan)
        outcome = "interrupted" if self._stop_reason else "failed" if self._storage_failed else "done"
        self._say(RunFinished(outcome=outcome, reason=self._stop_reason or self._storage_failed))

    def _compare(self, plan: Plan) -> None:
        """At the end of an undo, say what is not as it was found."""
        if not self.is_ending():
            shield(
                lambda: self._say_differences(plan),
                self._break_off("compare what is with what was found", _names(plan)),
            )

    def _say_differences(self, plan: Plan) -> None:
        for finding in Comparison(self._targets, self._bench.clock, self._bench.reads).findings(plan):
            self._say(FindingRaised(finding=finding))

    def _break_off(self, work: str, host: str) -> Callable[[Exception], None]:
        """Have a bug in what goes on for a whole host, or all of them, end that alone."""
        return lambda error: self._say(bug_met(error, work, host=host))

    def _tell_footprints(self, plan: Plan) -> None:
        for host in plan.hosts:
            target = self._targets.get(host.name)
            footprint = target.footprint() if target else Footprint()
            if footprint != Footprint():
                self._say(FootprintLeft(host=host.name, footprint=footprint))

    def _hold_on(self, watch: Watch, plan: Plan) -> None:
        """Hold what was contained, until that is ended."""
        self._watch = watch
        if not watch.hold(self._run, {one.key: one for one in plan.targets}, len(plan.tasks)):
            self._say(Note(text="nothing is held: no step has contained anything"))

    def _run_tasks(self, plan: Plan) -> None:
        self._known = {target.key: target for target in plan.targets}
        tasks: dict[str, list[Task]] = {}
        for task in plan.tasks:
            tasks.setdefault(task.host, []).append(task)
        size = self._limits.parallel + self._limits.bulk
        workers: list[Future[None]] = []
        with ThreadPoolExecutor(max_workers=size * max(1, len(tasks)), thread_name_prefix="run") as pool:
            for mine in tasks.values():
                schedule = Schedule(mine, parallel=self._limits.parallel, bulk=self._limits.bulk)
                work = partial(
                    shield, partial(self._work, schedule), self._break_off("hand out its tasks", mine[0].host)
                )
                workers += [pool.submit(work) for _ in range(min(size, len(mine)))]
        for worker in workers:
            worker.result()

    def _work(self, schedule: Schedule) -> None:
        """Take tasks until there are none; where the run is ending, nothing of them is begun, and the log says so."""
        while (task := schedule.take()) is not None:
            stop = f"step {task.step!r} broke off"
            try:
                stop = self._run_shielded(task, schedule.stopped(task))
            except StorageError as error:
                self._end_for(error)
            finally:
                schedule.finish(task, stop=stop)

    def _run_shielded(self, task: Task, stopped: str) -> str:
        """Carry out one task; a bug beside its operations, which have theirs, ends it and no other."""

        def break_off(error: Exception) -> str:
            key = task.containers[0] if len(task.containers) == 1 else ""
            self._say(bug_met(error, f"carry out step {task.step!r}", host=task.host, container=key))
            return f"step {task.step!r} broke off" if task.stop_on_error else ""

        return shield(lambda: self._run_task(task, stopped), break_off)

    def _end_for(self, error: StorageError) -> None:
        """Nothing can be written any more: end the run, with the reserve given back to say so."""
        self._storage_failed = self._storage_failed or str(error)
        self._store.release()

    def _say(self, event: AnyEvent) -> None:
        """Log an event, on a full disk once more with the reserve given back; readers get it in the log's order."""
        with self._in_order:
            if isinstance(event, RunFinished):
                self._takes_notes = False  # it is the last record of every log
            self._append(event)

    def _append(self, event: AnyEvent) -> None:
        try:
            record = self._store.append(event)
        except StorageError as error:
            self._end_for(error)
            record = self._store.append(event)
        if self._hold:
            self._run.add(record)
        self._records.put(record)

    def _run_task(self, task: Task, stopped: str) -> str:
        """Carry out one task; returns why its containers must stop there, or empty.

        What belongs to the host alone is read even where the container's part is over: others count on it.
        """
        if task.refused:
            for number, operation in enumerate(task.given_up):
                one = OperationRun(self._bench, self._targets[task.host], None, task, number, operation)
                one.skip(task.refused, not_needed=True)
            return f"step {task.step!r} was refused" if task.stop_on_error else ""
        stop, previous = "", True
        for number, operation in enumerate(task.operations):
            known = self._known.get(f"{task.host}/{operation.subject}")
            one = OperationRun(self._bench, self._targets[task.host], known, task, number, operation)
            is_shared = operation.touch is Touch.READ and not operation.subject
            if (stopped or stop) and not is_shared:
                one.skip(f"not done, as {stopped or stop}")
                previous = False
            elif operation.needs_previous and not previous:
                one.skip("not done, as the operation before it did not finish")
            else:
                previous = one.run()
                if not previous and task.stop_on_error and not self.is_ending():
                    stop = f"step {task.step!r} failed"
        return stop


def _names(plan: Plan) -> str:
    return ", ".join(host.name for host in plan.hosts)


def _started(plan: Plan, tool: str) -> RunStarted:
    return RunStarted(
        run=plan.run,
        case=plan.case,
        responder=plan.responder,
        tool=tool,
        playbook=plan.playbook,
        playbook_version=plan.playbook_version,
        playbook_digest=plan.playbook_digest,
        plan_digest=line_digest(canonical(plan)),
        hosts=tuple(host.name for host in plan.hosts),
        targets=tuple(target.key for target in plan.targets),
        names={target.key: target.name for target in plan.targets},
        parameters=plan.parameters,
        undoes=plan.undoes,
        engines={host.name: host.engine_id for host in plan.hosts if host.engine_id},
    )


def _told_beforehand(plan: Plan, tool: str) -> Iterator[AnyEvent]:
    """The run's first event, and what the plan already says: findings, and what will not be done."""
    yield _started(plan, tool)
    for finding in plan.findings:
        yield FindingRaised(finding=finding)
    for refusal in plan.refusals:
        if refusal.host and not refusal.step:  # a host left out has no task that could say so
            yield TargetRefused(container="", host=refusal.host, step="", reason=refusal.reason)
    for task in plan.tasks:
        for key in task.containers or ("",):
            if task.refused:
                yield TargetRefused(container=key, host=task.host, step=task.step, reason=task.refused)
            elif task.skipped:
                yield StepSkipped(step=task.step, host=task.host, container=key, reason=task.skipped)
