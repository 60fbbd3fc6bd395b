"""A run: its plan from the facts as they are, and the runner that carries it out. Taking back is in `undo`."""

from __future__ import annotations  # see the imports for types only, below

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import msgspec

from irkit.adapters.clock import SystemClock
from irkit.app.around import look_around
from irkit.app.bundles import contained, unreadable
from irkit.app.estimates import with_estimates
from irkit.app.hold import check_holdable, hold_order
from irkit.app.listing import look
from irkit.app.playbooks import load
from irkit.app.root import no_files_of, no_root_of
from irkit.app.setting import TOOL, versions
from irkit.core.errors import UsageError
from irkit.core.values import utc_text

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from irkit.adapters.bundle import Bundle
    from irkit.app.fleet import Fleet
    from irkit.app.listing import Look
    from irkit.app.setting import Setting
    from irkit.core.action import RunFacts
    from irkit.core.events import Record
    from irkit.core.finding import Finding
    from irkit.core.holding import Told
    from irkit.core.host import Host
    from irkit.core.plan import Plan
    from irkit.core.playbook import Playbook
    from irkit.core.store import Progress
    from irkit.engine.request import Request
    from irkit.engine.runner import Runner


Reaching: TypeAlias = "Callable[[Fleet], None]"


@dataclass
class Prepared:
    """A plan, with what is needed to carry it out: a context that ends with all its hosts let go."""

    plan: Plan
    source: bytes
    fleet: Fleet
    contained: Mapping[str, str] = field(default_factory=dict)
    request: Request | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fleet.close()


def prepare(
    setting: Setting,
    name: str,
    selectors: Sequence[str],
    *,
    given: Mapping[str, str],
    case: str,
    responder: str,
    hosts: Sequence[str | Host] = (),
    hold: bool = False,
    reaching: Reaching | None = None,
) -> Prepared:
    """The plan of a playbook for the containers meant on those hosts; connected, until its context ends.

    `hosts` are selectors, or hosts that were chosen before.

    With `hold` the run goes on holding what it contains. `reaching` is given the hosts before any is reached, for
    whoever may want to let go of them meanwhile. A host that cannot be reached is refused by the plan, which is
    for the others. Raises IrkitError.
    """
    from irkit.core.action import RunFacts
    from irkit.engine.arguments import resolve_parameters

    playbook, source = load(setting, name)
    parameters = resolve_parameters(playbook, given)
    with ExitStack() as reached:
        fleet = reached.enter_context(setting.fleet(hosts))
        if reaching is not None:
            reaching(fleet)
        seen = look(fleet, selectors, identify=True)
        held = contained(setting, seen.hosts)
        run = RunFacts(id=new_run_id(), case=case, responder=responder)
        request = _request(setting, fleet, seen, playbook, parameters=parameters, run=run, held=held)
        plan = with_estimates(setting, fleet, _plan(setting, seen, request, hold=hold))
        reached.pop_all()
    return Prepared(plan, source, fleet, held, request)


def _request(
    setting: Setting,
    fleet: Fleet,
    seen: Look,
    playbook: Playbook,
    *,
    parameters: Mapping[str, Any],
    run: RunFacts,
    held: Mapping[str, str],
) -> Request:
    """What planning needs, of what was seen and what is looked at beside it."""
    from irkit.actions import ACTIONS
    from irkit.engine.request import Request

    around = look_around(setting, fleet, seen, playbook)
    request = Request(
        playbook=playbook,
        actions=ACTIONS,
        hosts=seen.hosts,
        targets=[around.complete(one) for one in seen.containers],
        parameters=parameters,
        run=run,
        made_at=utc_text(SystemClock().now()),
        contained=held,
        named_twice=seen.twice,
        unreached={name: error.reason for name, error in seen.failures.items()},
        around=around,
    )
    return replace(request, no_root=no_root_of(fleet, request), no_files=no_files_of(fleet, request))


def _plan(setting: Setting, seen: Look, request: Request, *, hold: bool) -> Plan:
    """The plan, with what is to be known of the hosts and of other runs. Raises IrkitError."""
    from irkit.engine.planner import make_plan

    plan = make_plan(request)
    if hold and not plan.is_refused:
        check_holdable(plan, request)
        plan = msgspec.structs.replace(plan, hold=request.playbook.hold)
    findings = (*plan.findings, *_noted(seen), *_doubts(setting))
    return msgspec.structs.replace(plan, findings=findings, refusals=(*plan.refusals, *seen.refusals))


def _noted(seen: Look) -> Iterator[Finding]:
    """What is to be known of how the hosts were reached, as findings."""
    from irkit.core.finding import Finding, Severity

    for host, notes in seen.notes.items():
        for note in notes:
            yield Finding(check="plan.host", severity=Severity.INFO, host=host, summary=f"host {host}: {note}")


def _doubts(setting: Setting) -> Iterator[Finding]:
    """What cannot be told of containments, as findings."""
    from irkit.core.finding import Finding, Severity

    for path in unreadable(setting):
        yield Finding(
            check="plan.unreadable",
            severity=Severity.MEDIUM,
            summary=f"bundle {path.name} cannot be read: whether it holds a target contained is not known",
            because=("its run log does not hold together",),
            remedy=f"irkit verify {path.name}",
        )


@dataclass
class Execution:
    """A run under way: iterate `records`, then `seal`."""

    runner: Runner
    bundle: Bundle
    plan: Plan
    held: list[int]

    def records(self) -> Iterator[Record]:
        """The records as they happen, each on disk already."""
        return self.runner.execute(self.plan)

    def seal(self) -> Path:
        """Close the bundle for good; where it lies."""
        path = self.bundle.seal()
        self.close()
        return path

    def close(self) -> None:
        """Let go of bundle and containers, sealed or not: another run of this process may need them. Also twice."""
        from irkit.adapters.holds import release

        self.bundle.close()
        release(self.held)


def start(
    setting: Setting,
    prepared: Prepared,
    *,
    parallel: int = 8,
    progress: Progress | None = None,
    hold_for: float = 0,
    holding: Told | None = None,
) -> Execution:
    """Make the bundle and the runner. Nothing has been done to any host yet. Raises StorageError.

    Where the plan says so, what it contains is held for `hold_for` seconds, or (0) until it is interrupted; `holding`
    is told now and then how that stands.
    """
    from irkit.adapters.holds import release
    from irkit.app.case import notes_for_run
    from irkit.engine.runner import Limits, Runner

    held = _hold(setting, prepared)
    with ExitStack() as kept:
        kept.callback(release, held)
        bundle = _bundle(setting, prepared, progress)
        kept.pop_all()
    prepared.fleet.stop_asking()
    order = hold_order(setting, prepared, held, seconds=hold_for, told=holding)
    runner = Runner(
        prepared.fleet.targets,
        bundle,
        SystemClock(),
        tool=TOOL,
        limits=Limits(parallel=parallel, bulk=min(parallel, Limits.bulk)),
        hold=order,
        notes=notes_for_run(setting, prepared.plan.case) if prepared.plan.case else (),
    )
    return Execution(runner, bundle, prepared.plan, held)


def _bundle(setting: Setting, prepared: Prepared, progress: Progress | None) -> Bundle:
    from irkit.adapters.bundle import Bundle

    return Bundle.create(
        setting.folder,
        prepared.plan,
        clock=SystemClock(),
        tool=TOOL,
        playbook_source=prepared.source,
        tool_versions=versions(),
        progress=progress,
    )


def _hold(setting: Setting, prepared: Prepared) -> list[int]:
    """See that nobody else changes the targets, nor has contained them since the plan was made. Raises UsageError."""
    from irkit.adapters.holds import hold, release

    plan = prepared.plan
    tasks = [task for task in plan.tasks if any(one.touch != "read" for one in task.operations)]
    changed = {key for task in tasks for key in task.containers}
    if not changed:
        return []
    # By the id alone: a host may have another name in the other run.
    held = hold(setting.folder, {one.id: one.name for one in plan.targets if one.key in changed})
    with ExitStack() as kept:
        kept.callback(release, held)
        now = contained(setting, plan.hosts)
        since = {key: run for key, run in now.items() if key in changed and key not in prepared.contained}
        if since and not plan.undoes:
            key, run = next(iter(since.items()))
            target = plan.target(key)
            name = target.name if target else key
            raise UsageError(f"run {run} has contained {name!r} since the plan was made: nothing was done, plan again")
        kept.pop_all()
    return held


def new_run_id() -> str:
    """The id of a run: 32 hexadecimal digits, by chance."""
    return os.urandom(16).hex()
