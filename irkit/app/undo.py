"""The plan that takes a run back, from its log and the facts of its containers as they are now."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from irkit.adapters.clock import SystemClock
from irkit.app.bundles import find_bundle, known_runs, left_to_undo, names_of, undo_runs
from irkit.app.fleet import Fleet
from irkit.app.listing import none_reached
from irkit.app.runs import Prepared, new_run_id
from irkit.app.setting import Setting
from irkit.app.undo_around import look_around
from irkit.app.undo_hosts import HostNow, look_again, recorded_hosts, ways_back
from irkit.core.errors import TargetError, UsageError
from irkit.core.values import utc_text

if TYPE_CHECKING:
    from pathlib import Path

    from irkit.app.runs import Reaching
    from irkit.app.undo_around import Left
    from irkit.core.container import Container
    from irkit.core.finding import Finding
    from irkit.core.host import Host
    from irkit.core.run import Run
    from irkit.engine.undo import UndoRequest
    from irkit.engine.way_back import Around


def prepare_undo(
    setting: Setting,
    name: str,
    selectors: Sequence[str],
    *,
    responder: str,
    new_address: bool = False,
    reset_connections: bool = False,
    reaching: Reaching | None = None,
) -> Prepared:
    """The plan that takes a run, or some of its containers, back; connected, until its context ends.

    With `new_address` a container whose address is taken is given the nearest free one; with `reset_connections` those
    that were open are ended before it is put back. `reaching` is given the hosts before any is reached.

    What is on a host that cannot be reached, or for which another engine answers, is refused by the plan, which is for
    the others. Raises IrkitError, also where no host at all can be reached.
    """
    from msgspec.structs import replace as with_fields

    from irkit.engine.undo import plan_undo

    job = _job(setting, name, selectors)
    recorded = recorded_hosts(job.path, job.run)
    with ExitStack() as reached:
        fleet = reached.enter_context(Fleet(setting, ways_back(setting, recorded, job.hosts)))
        if reaching is not None:
            reaching(fleet)
        seen = _look(fleet, job.wanted, job.run, recorded)
        around = _look_around(fleet, seen, job, root=reset_connections)
        reached.pop_all()
    request = replace(
        _request(job, seen, responder), around=around, new_address=new_address, reset_connections=reset_connections
    )
    plan = plan_undo(request)
    return Prepared(with_fields(plan, findings=(*plan.findings, *seen.doubts)), _playbook_of(job.path), fleet)


def _request(job: _Job, seen: _Seen, responder: str) -> UndoRequest:
    from irkit.core.action import RunFacts
    from irkit.engine.undo import UndoRequest

    held = _held_by_others(job.runs, job.run, job.keys, seen.hosts)
    return UndoRequest(
        run=job.run,
        undone=job.undone,
        hosts=seen.hosts,
        now=seen.now,
        gone={**seen.gone, **held},
        removed=frozenset(seen.gone.keys() - held.keys()),
        facts=RunFacts(id=new_run_id(), case=job.case, responder=responder),
        made_at=utc_text(SystemClock().now()),
        only=job.only,
        unreached=seen.refused,
    )


@dataclass
class _Job:
    """The run to be taken back, its bundle and case, the runs that are known, and what is left of it to take back.

    `undone` are those of the runs that took it back so far; `only` the keys of the containers that were asked for.
    """

    path: Path
    run: Run
    case: str
    only: frozenset[str]
    runs: Sequence[tuple[Path, Run]]
    undone: Sequence[Run]
    left: Left

    @property
    def keys(self) -> set[str]:
        """The containers that something is left of."""
        return {f"{host}/{container}" for host, container, _ in self.left}

    @property
    def wanted(self) -> list[str]:
        """Those of them that were asked for."""
        return sorted(self.keys & self.only if self.only else self.keys)

    @property
    def hosts(self) -> list[str]:
        """Their hosts."""
        return list(dict.fromkeys(key.partition("/")[0] for key in self.wanted))


def _job(setting: Setting, name: str, selectors: Sequence[str]) -> _Job:
    from irkit.engine.undo import outstanding

    path, run, case = _read_run(setting, name)
    only = _keys(run, selectors)
    folders = {setting.folder.resolve(), path.resolve().parent}
    runs = [(where, one) for folder in folders for where, one in known_runs(Setting(evidence=folder))]
    undone = undo_runs(runs, run)
    return _Job(path, run, case, only, runs, undone, outstanding(run, undone))


def _read_run(setting: Setting, name: str) -> tuple[Path, Run, str]:
    """The run to be taken back: its bundle, what its log says, its case. Raises UsageError for one that cannot be."""
    from irkit.adapters.bundle_reading import read_run

    path = find_bundle(setting, name)
    _check_not_live(path)
    run = read_run(path)
    if run.started is None:
        raise UsageError(f"the log of {path.name} holds no record: that run did nothing")
    if run.started.undoes:
        raise UsageError(f"{path.name} took another run back: to contain again, run the playbook again")
    return path, run, run.started.case


@dataclass
class _Seen:
    """The hosts that can be worked on, their containers as they are, what cannot be taken back and why, and doubts."""

    hosts: list[Host] = field(default_factory=list)
    now: dict[str, Container] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    doubts: list[Finding] = field(default_factory=list)


def _look(fleet: Fleet, wanted: Sequence[str], run: Run, recorded: Mapping[str, Host]) -> _Seen:
    seen = _Seen()
    failures: dict[str, TargetError] = {}
    for host, result in look_again(fleet, wanted, run, recorded):
        if isinstance(result, TargetError):
            failures[host.name] = result
            seen.refused[host.name] = f"host {host.name}: {result.reason}"
        elif result.refused:
            seen.refused[host.name] = result.refused
        else:
            _take_in(seen, result)
    if failures and len(failures) == len(fleet.hosts):
        raise none_reached(failures)
    return seen


def _look_around(fleet: Fleet, seen: _Seen, job: _Job, *, root: bool) -> Around:
    """What else is to be known of those that can be worked on."""
    from irkit.adapters.bundle_reading import read_approved_plan

    plan = read_approved_plan(job.path, job.run.started.plan_digest if job.run.started else "")
    mine = [one for one in job.left if f"{one[0]}/{one[1]}" in seen.now]
    return look_around(fleet, seen.hosts, mine, seen.now, plan, root=root)


def _take_in(seen: _Seen, result: HostNow) -> None:
    seen.hosts.append(result.host)
    seen.now.update(result.now)
    seen.gone.update(result.gone)
    if result.doubt:
        from irkit.core.finding import Finding, Severity

        name = result.host.name
        seen.doubts.append(Finding(check="plan.host", severity=Severity.MEDIUM, host=name, summary=result.doubt))


def left_after(setting: Setting, name: str) -> int:
    """How many operations of a run are still to be taken back, undo runs of this moment counted in."""
    from irkit.adapters.bundle_reading import read_run

    return len(left_to_undo(setting, read_run(find_bundle(setting, name))))


def _playbook_of(bundle: Path) -> bytes:
    """The playbook in a bundle, to go along with its undo; empty where it is gone: the log alone is needed."""
    from irkit.adapters.storage import read_regular

    try:
        return read_regular(bundle / "metadata" / "playbook.yaml", 1024 * 1024)
    except (OSError, ValueError):
        return b""


def lasting_changes(setting: Setting, name: str) -> list[str]:
    """What a run changed and no undo takes back: an image it made, a container that removed itself."""
    from irkit.adapters.bundle_reading import read_run
    from irkit.core.operations import Commit, RemoveImage
    from irkit.engine.held import mark_of

    run = read_run(find_bundle(setting, name))
    names, known = run.names, _with_way_back(run)
    removed = {
        one.started.operation.image
        for one in run.operations
        if isinstance(one.started.operation, RemoveImage) and one.state == "finished"
    }
    found = []
    for change in run.changes:
        operation = change.started.operation
        gone = isinstance(operation, RemoveImage) or (isinstance(operation, Commit) and operation.image in removed)
        if operation.takes_back or change.undo or gone:
            continue
        if (change.key, mark_of(operation)) not in known:
            text = f"image {operation.image}, as evidence" if isinstance(operation, Commit) else operation.text()
            found.append(f"{names.get(change.key, change.key)}: {text}")
    return found


def _with_way_back(run: Run) -> set[tuple[str, str]]:
    """What need not be taken back each time it was done: the first time is, or it was found so."""
    from irkit.engine.held import mark_of

    known = {(one.key, mark_of(one.started.operation)) for one in run.changes if one.undo}
    return known | {(f"{one.host}/{one.container}", mark_of(one.operation)) for one in run.inapplicable}


def _check_not_live(path: Path) -> None:
    """Raises UsageError while the run of that bundle goes on."""
    from irkit.adapters.bundle_reading import is_sealed
    from irkit.adapters.run_log import RunLog

    if not is_sealed(path):
        log, _, _ = RunLog.reopen(path / "data" / "log" / "run.jsonl", SystemClock(), writable=False)
        log.close()


def _keys(run: Run, selectors: Sequence[str]) -> frozenset[str]:
    """The containers of a run by name, id or prefix, with or without their host before them. Raises UsageError."""
    names = run.names
    keys = set()
    for text in selectors:
        found = [key for key, name in names.items() if _is_meant(text, key, name)]
        if len(found) != 1:
            known = ", ".join(f"{key.partition('/')[0]}/{name}" for key, name in names.items())
            raise UsageError(f"{text!r} means {len(found)} of the run's containers: {known}")
        keys.add(found[0])
    return frozenset(keys)


def _is_meant(text: str, key: str, name: str) -> bool:
    host, _, container = key.partition("/")
    text = text.removeprefix(f"{host}/")
    return name == text or (bool(text) and container.startswith(text))


def _held_by_others(
    runs: Sequence[tuple[Path, Run]], run: Run, keys: set[str], hosts: Sequence[Host]
) -> dict[str, str]:
    """The containers that a later run holds contained too, and why they cannot be taken back before it is."""
    from irkit.engine.undo import outstanding

    found = {}
    for path, other in runs:
        if other.started is None or run.started is None or other.started.undoes or other.started_at <= run.started_at:
            continue
        held = {
            f"{name}/{container}"
            for host, container, _ in outstanding(other, undo_runs(runs, other))
            for name in names_of(host, other, hosts)
        }
        reason = f"the later run {path.name} holds it contained too: undo that one first"
        found.update(dict.fromkeys(held & keys, reason))
    return found
