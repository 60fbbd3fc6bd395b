"""The wiring: the only place that picks adapters. Front ends call this, and the core.

Heavy modules are imported where they are used, so that listing containers does not wait for YAML.
"""

from __future__ import annotations  # see the imports for types only, below

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

import irkit
from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_address import engine_socket
from irkit.adapters.engine_http import dial_unix
from irkit.core.errors import IrkitError, NoTargetError, Refusal, TargetError, UsageError
from irkit.core.host import Host
from irkit.core.values import utc_text
from irkit.engine.deadline import Cancel, OperationDeadline
from irkit.engine.selection import select

if TYPE_CHECKING:
    from irkit.adapters.bundle import Bundle
    from irkit.adapters.report import Report
    from irkit.core.container import Container, Summary
    from irkit.core.errors import PlaybookError
    from irkit.core.events import Record
    from irkit.core.finding import Finding
    from irkit.core.operations import AnyOperation
    from irkit.core.plan import Plan
    from irkit.core.playbook import Playbook
    from irkit.core.ports import Progress, Target
    from irkit.core.run import Run
    from irkit.engine.runner import Runner

TOOL = f"irkit {irkit.__version__}"
LOOK_TIME = 30.0
"""Seconds that a look at an engine may take outside a run."""


@dataclass
class Setting:
    """What a verb runs in: the environment, and the folder that evidence goes to."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    evidence: Path | None = None

    @property
    def folder(self) -> Path:
        """The evidence folder: as asked for, else IRKIT_EVIDENCE, else below the XDG data folder."""
        if self.evidence is not None:
            return self.evidence
        if named := self.environment.get("IRKIT_EVIDENCE"):
            return Path(named)
        from platformdirs import user_data_path

        return user_data_path("irkit") / "evidence"

    def target(self) -> DockerEngine:
        """The way to the engine of this machine. Raises UsageError."""
        path = engine_socket(self.environment, _home())
        return DockerEngine(Host(name="local", socket=path), dial_unix(path), SystemClock())

    def playbook_folders(self) -> list[Path]:
        """Where the responder's own playbooks are."""
        from platformdirs import user_config_path

        return [user_config_path("irkit") / "playbooks"]


def _home() -> Path:
    """The home folder; the root folder for an account that has none."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def _new_id() -> str:
    """The id of a run: 32 hexadecimal digits, by chance."""
    return os.urandom(16).hex()


def look_deadline(seconds: float = LOOK_TIME) -> OperationDeadline:
    """The time for one look at an engine outside a run."""
    return OperationDeadline(SystemClock(), seconds, seconds, Cancel())


def list_containers(target: Target, selectors: Sequence[str] = (), seconds: float = LOOK_TIME) -> list[Summary]:
    """The containers of a host, or those meant: running first, newest first. Raises TargetError, NoTargetError."""
    found = target.list_containers(look_deadline(seconds))
    if selectors:
        found, _ = select(found, selectors)
    found.sort(key=lambda one: one.created_at, reverse=True)
    found.sort(key=lambda one: one.state not in ("running", "paused", "restarting"))
    return found


def examine(target: Target, selectors: Sequence[str]) -> tuple[list[Container], frozenset[str]]:
    """The facts of the containers meant, and the keys of those named twice. Raises IrkitError."""
    chosen, twice = select(list_containers(target), selectors)
    found = []
    for one in chosen:
        try:
            found.append(target.examine(one.id, look_deadline()))
        except TargetError as error:
            if error.kind is not Refusal.ABSENT:
                raise
    if not found:
        raise NoTargetError("the containers meant are gone")
    return found, twice


@dataclass
class Prepared:
    """A plan, with what is needed to carry it out."""

    plan: Plan
    source: bytes
    targets: dict[str, Target]
    contained: Mapping[str, str] = field(default_factory=dict)


def playbook_names(setting: Setting) -> list[str]:
    """The names of the playbooks there are."""
    from irkit.adapters.playbook_library import list_playbooks

    return [entry.name for entry in list_playbooks(setting.playbook_folders())]


def load(setting: Setting, name: str) -> tuple[Playbook, bytes]:
    """A playbook by name or path. Raises PlaybookError."""
    from irkit.actions import ACTIONS
    from irkit.adapters.playbook_file import load_playbook
    from irkit.adapters.playbook_library import find_playbook
    from irkit.engine.language import Language

    path = find_playbook(name, setting.playbook_folders())
    return load_playbook(path, path.name, Language(ACTIONS))


def prepare(
    setting: Setting, name: str, selectors: Sequence[str], *, given: Mapping[str, str], case: str, responder: str
) -> Prepared:
    """The plan of a playbook for the containers meant. Raises IrkitError."""
    from irkit.actions import ACTIONS
    from irkit.core.action import RunFacts
    from irkit.engine.arguments import resolve_parameters
    from irkit.engine.planner import Request, make_plan

    playbook, source = load(setting, name)
    parameters = resolve_parameters(playbook, given)
    target = setting.target()
    containers, twice = examine(target, selectors)
    held = contained(setting)
    request = Request(
        playbook=playbook,
        actions=ACTIONS,
        hosts=[target.host],
        targets=containers,
        parameters=parameters,
        run=RunFacts(id=_new_id(), case=case, responder=responder),
        made_at=utc_text(SystemClock().now()),
        contained=held,
        named_twice=twice,
    )
    plan = make_plan(request)
    plan = msgspec.structs.replace(plan, findings=(*plan.findings, *_doubts(setting)))
    return Prepared(plan, source, {target.host.name: target}, held)


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
        from irkit.adapters.holds import release

        path = self.bundle.seal()
        release(self.held)
        return path


def start(setting: Setting, prepared: Prepared, *, parallel: int = 8, progress: Progress | None = None) -> Execution:
    """Make the bundle and the runner. Nothing has been done to any host yet. Raises StorageError."""
    from irkit.adapters.bundle import Bundle
    from irkit.adapters.holds import release
    from irkit.engine.runner import Limits, Runner

    clock = SystemClock()
    held = _hold(setting, prepared)
    try:
        bundle = Bundle.create(
            setting.folder,
            prepared.plan,
            clock=clock,
            tool=TOOL,
            playbook_source=prepared.source,
            tool_versions=versions(),
            progress=progress,
        )
    except IrkitError:
        release(held)
        raise
    runner = Runner(prepared.targets, bundle, clock, tool=TOOL, limits=Limits(parallel=parallel))
    return Execution(runner, bundle, prepared.plan, held)


def _hold(setting: Setting, prepared: Prepared) -> list[int]:
    """See that nobody else changes the targets, nor has contained them since the plan was made. Raises UsageError."""
    from irkit.adapters.holds import hold, release

    plan = prepared.plan
    tasks = [task for task in plan.tasks if any(one.touch != "read" for one in task.operations)]
    changed = {key for task in tasks for key in task.containers}
    if not changed:
        return []
    held = hold(setting.folder, {one.key: one.name for one in plan.targets if one.key in changed})
    since = {key: run for key, run in contained(setting).items() if key in changed and key not in prepared.contained}
    if since and not plan.undoes:
        release(held)
        key, run = next(iter(since.items()))
        target = plan.target(key)
        name = target.name if target else key
        raise UsageError(f"run {run} has contained {name!r} since the plan was made: nothing was done, plan again")
    return held


def known_runs(setting: Setting) -> Iterator[tuple[Path, Run]]:
    """The runs whose bundles lie in the evidence folder; `unreadable` tells which are left out."""
    for path, run in _bundles(setting.folder):
        if run is not None and run.started is not None:
            yield path, run


def unreadable(setting: Setting) -> list[Path]:
    """The bundles of the evidence folder whose log cannot be believed: what they changed is not known."""
    return [path for path, run in _bundles(setting.folder) if run is None]


def _bundles(folder: Path) -> Iterator[tuple[Path, Run | None]]:
    from irkit.adapters.bundle import bundles_in, read_run
    from irkit.core.errors import IrkitError

    for path in bundles_in(folder) if _is_folder(folder) else ():
        try:
            yield path, read_run(path)
        except IrkitError:
            yield path, None


def _is_folder(path: Path) -> bool:
    """Whether it is a folder that can be looked into; a name that is none at all is not."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def contained(setting: Setting) -> dict[str, str]:
    """The containers that a run changed and no undo has released: key to the run's bundle."""
    from irkit.engine.undo import outstanding

    runs = list(known_runs(setting))
    found: dict[str, str] = {}
    for path, run in runs:
        if run.started and run.started.undoes:
            continue  # taking back contains nothing
        for host, container, _ in outstanding(run, undo_runs(runs, run)):
            found[f"{host}/{container}"] = path.name
    return found


def undo_runs(runs: Sequence[tuple[Path, Run]], of: Run) -> list[Run]:
    """The runs among these that take `of` back."""
    wanted = of.started.run if of.started else ""
    return [run for _, run in runs if run.started and run.started.undoes == wanted]


def find_bundle(setting: Setting, name: str) -> Path:
    """A bundle by path, name (with or without `.partial-`) or the start of its run's id. Raises UsageError."""
    path = Path(name)
    if _is_folder(path / "data"):
        return path
    for candidate in (setting.folder / name, setting.folder / f".partial-{name}"):
        if "/" not in name and _is_folder(candidate / "data"):
            return candidate
    found = [path for path, run in known_runs(setting) if name and run.started and run.started.run.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{name!r} may mean {len(found)} runs: {', '.join(path.name for path in found[:10])}")
    raise UsageError(f"no bundle or run {name!r}: give a bundle's folder, its name in {setting.folder}, or a run's id")


def read_records(path: Path) -> list[Record]:
    """The records of a bundle's log. Raises VerificationError where the chain is broken."""
    from irkit.adapters.run_log import read_log

    return read_log(path / "data" / "log" / "run.jsonl")[0]


def left_to_undo(setting: Setting, run: Run) -> list[tuple[str, str, AnyOperation]]:
    """What of a run is still to be taken back, as far as the evidence folder tells."""
    from irkit.engine.undo import outstanding

    if run.started and run.started.undoes:
        return []
    return outstanding(run, undo_runs(list(known_runs(setting)), run))


def describe_playbooks(setting: Setting) -> list[dict[str, str]]:
    """The playbooks there are: name, version, title, origin, path; one that is not valid says so as its title."""
    from irkit.adapters.playbook_library import list_playbooks
    from irkit.core.errors import PlaybookError

    found = []
    for entry in list_playbooks(setting.playbook_folders()):
        try:
            playbook, _ = load(setting, str(entry.path))
            version, title = str(playbook.version), playbook.title
        except PlaybookError as error:
            version, title = "-", f"NOT VALID: {error}"
        found.append(
            {"name": entry.name, "version": version, "title": title, "origin": "shipped" if entry.is_shipped else "own"}
        )
    return found


def problems_of(setting: Setting, name: str) -> Sequence[PlaybookError]:
    """Everything wrong with a playbook, as far as it can be told without a host."""
    from irkit.actions import ACTIONS
    from irkit.adapters.playbook_file import find_problems
    from irkit.adapters.playbook_library import find_playbook
    from irkit.engine.language import Language

    path = find_playbook(name, setting.playbook_folders())
    return find_problems(path, path.name, Language(ACTIONS))


def schema_of_playbooks() -> dict[str, object]:
    """The JSON Schema of playbooks."""
    from irkit.actions import ACTIONS
    from irkit.engine.schema import playbook_schema

    return playbook_schema(ACTIONS)


def prepare_undo(setting: Setting, name: str, selectors: Sequence[str], *, responder: str) -> Prepared:
    """The plan that takes a run, or some of its containers, back. Raises IrkitError."""
    from irkit.adapters.bundle import read_run
    from irkit.core.action import RunFacts
    from irkit.engine.undo import UndoRequest, outstanding, plan_undo

    path = find_bundle(setting, name)
    _check_not_live(path)
    run = read_run(path)
    if run.started is None:
        raise UsageError(f"the log of {path.name} holds no record: that run did nothing")
    if run.started.undoes:
        raise UsageError(f"{path.name} took another run back: to contain again, run the playbook again")
    target = setting.target()
    only = _keys(run, selectors)
    folders = {setting.folder.resolve(), path.resolve().parent}
    runs = [(where, one) for folder in folders for where, one in known_runs(Setting(evidence=folder))]
    undone = undo_runs(runs, run)
    left = {f"{host}/{container}" for host, container, _ in outstanding(run, undone)}
    now, gone = _look_again(target, sorted(left & only if only else left), run)
    gone.update(_held_by_others(runs, run, left))
    request = UndoRequest(
        run=run,
        undone=undone,
        hosts=[target.host],
        now=now,
        gone=gone,
        facts=RunFacts(id=_new_id(), case=run.started.case, responder=responder),
        made_at=utc_text(SystemClock().now()),
        only=only,
    )
    return Prepared(plan_undo(request), _playbook_of(path), {target.host.name: target})


def _playbook_of(bundle: Path) -> bytes:
    """The playbook in a bundle, to go along with its undo; empty where it is gone: the log alone is needed."""
    from irkit.adapters.storage import read_regular

    try:
        return read_regular(bundle / "metadata" / "playbook.yaml", 1024 * 1024)
    except (OSError, ValueError):
        return b""


def lasting_changes(setting: Setting, name: str) -> list[str]:
    """What a run changed and no undo takes back: an image it made, a container that removed itself."""
    from irkit.adapters.bundle import read_run
    from irkit.core.operations import Commit, RemoveImage

    run = read_run(find_bundle(setting, name))
    names = run.started.names if run.started else {}
    removed = {
        one.started.operation.image
        for one in run.operations
        if isinstance(one.started.operation, RemoveImage) and one.state == "finished"
    }
    found = []
    for change in run.changes:
        operation = change.started.operation
        gone = isinstance(operation, RemoveImage) or (isinstance(operation, Commit) and operation.image in removed)
        if not change.started.undo and not gone:
            text = f"image {operation.image}, as evidence" if isinstance(operation, Commit) else operation.text()
            found.append(f"{names.get(change.key, change.key)}: {text}")
    return found


def _check_not_live(path: Path) -> None:
    """Raises UsageError while the run of that bundle goes on."""
    from irkit.adapters.bundle import is_sealed
    from irkit.adapters.run_log import RunLog

    if not is_sealed(path):
        log, _, _ = RunLog.reopen(path / "data" / "log" / "run.jsonl", SystemClock(), writable=False)
        log.close()


def _keys(run: Run, selectors: Sequence[str]) -> frozenset[str]:
    """The containers of a run by name, id or prefix. Raises UsageError."""
    names = run.started.names if run.started else {}
    keys = set()
    for text in selectors:
        found = [key for key, name in names.items() if name == text or key.partition("/")[2].startswith(text)]
        if len(found) != 1:
            raise UsageError(f"{text!r} means {len(found)} of the run's containers: {', '.join(names.values())}")
        keys.add(found[0])
    return frozenset(keys)


def _held_by_others(runs: Sequence[tuple[Path, Run]], run: Run, keys: set[str]) -> dict[str, str]:
    """The containers that a later run holds contained too, and why they cannot be taken back before it is."""
    from irkit.engine.undo import outstanding

    found = {}
    for path, other in runs:
        if other.started is None or run.started is None or other.started.undoes or other.started_at <= run.started_at:
            continue
        held = {f"{host}/{container}" for host, container, _ in outstanding(other, undo_runs(runs, other))}
        reason = f"the later run {path.name} holds it contained too: undo that one first"
        found.update(dict.fromkeys(held & keys, reason))
    return found


def _look_again(target: Target, keys: Sequence[str], run: Run) -> tuple[dict[str, Container], dict[str, str]]:
    now, gone = {}, {}
    for key in keys:
        try:
            now[key] = target.examine(key.partition("/")[2], look_deadline())
        except TargetError as error:
            if error.kind is not Refusal.ABSENT:
                raise
            name = run.started.names.get(key, "") if run.started else ""
            gone[key] = f"container {name or key} is gone: nothing can be put back"
    return now, gone


def _check_unfinished(path: Path) -> None:
    """See that a sealed bundle is whole, and that its seal was ended before all was read-only. Raises IrkitError."""
    from irkit.adapters.verify import verify
    from irkit.core.errors import VerificationError

    if not any(one.lstat().st_mode & 0o222 for one in path.rglob("*")):
        raise UsageError(f"{path.name} is sealed already")
    if problems := verify(path).problems:
        raise VerificationError(f"{path.name} is sealed and does not verify: {problems[0].text}")


def seal_partial(setting: Setting, name: str) -> tuple[Path, str]:
    """Seal the bundle of a run that was killed; where it lies, and what became of the run. Raises IrkitError."""
    from irkit.adapters.bundle import Bundle, is_sealed
    from irkit.core.events import RunFinished

    path = find_bundle(setting, name)
    if is_sealed(path):
        _check_unfinished(path)
    bundle = Bundle.open_partial(path, clock=SystemClock(), tool=TOOL)
    run = bundle.run
    outcome = run.finished.outcome if run.finished else "killed"
    if run.finished is None:
        bundle.append(RunFinished(outcome="killed", reason="the run ended without a word; sealed afterwards"))
    return bundle.seal(), outcome


def verify_bundle(setting: Setting, name: str, progress: Callable[[int, int], None] | None = None) -> Report:
    """Check a bundle against itself. Raises UsageError where there is none."""
    from irkit.adapters.verify import verify

    return verify(find_bundle(setting, name), progress)


class Demo(Protocol):
    """What there is to be shown: a suspect, and an outside that it talks to."""

    suspect: str
    outside: str

    def build(self, image: str = "") -> str: ...
    def received(self) -> int: ...
    def state(self) -> dict[str, object]: ...
    def clean(self) -> list[str]: ...


def open_demo(setting: Setting) -> Demo:
    """The demonstration on the responder's engine; nothing is made yet. Raises UsageError."""
    from irkit.adapters.demo_host import DemoHost
    from irkit.adapters.engine_http import EngineApi

    path = engine_socket(setting.environment, _home())
    clock = SystemClock()
    return DemoHost(EngineApi(dial_unix(path)), OperationDeadline(clock, 600.0, LOOK_TIME, Cancel()))


def responder_name(environment: Mapping[str, str]) -> str:
    """Who is at work, where nothing else is said: the login name and this machine's name."""
    name = environment.get("SUDO_USER") or environment.get("USER") or environment.get("LOGNAME") or f"uid{os.getuid()}"
    return f"{name}@{os.uname().nodename}"


def versions() -> dict[str, str]:
    """irkit's own version, Python's, and those of what it depends on."""
    import platform
    import re
    from importlib import metadata

    found = {"irkit": irkit.__version__, "python": platform.python_version()}
    try:
        needed = metadata.requires("irkit") or []
    except metadata.PackageNotFoundError:
        return found
    for text in needed:
        name = re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]
        if "extra ==" in text:
            continue
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
