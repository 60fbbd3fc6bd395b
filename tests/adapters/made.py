"""What the tests of bundles share: a clock, a plan, and a small bundle made by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from irkit.adapters.bundle import Bundle
from irkit.adapters.bundle_intake import BundleIntake
from irkit.core import codec, operations
from irkit.core.container import Attachment, Container
from irkit.core.events import Note, OperationFailed, OperationFinished, OperationStarted, RunFinished, RunStarted
from irkit.core.evidence import Evidence
from irkit.core.host import Host
from irkit.core.operations import AnyOperation
from irkit.core.plan import Plan
from irkit.core.store import Bytes, Progress

PLAYBOOK = b"name: contain\nversion: 1\n"
WEB = Container(
    id="ab12" * 16, name="web", host="local", image="nginx", attachments=(Attachment(network="front", ipv4="10.0.0.2"),)
)


class TestClock:
    """Starts at one moment and goes on by a second whenever it is read."""

    __test__ = False

    def __init__(self) -> None:
        self.read = 0

    def now(self) -> datetime:
        self.read += 1
        return datetime(2026, 11, 21, 10, 15, tzinfo=UTC) + timedelta(seconds=self.read - 1)

    def monotonic(self) -> float:
        self.read += 1
        return float(self.read)


def a_plan(case: str = "IR-2026-042", playbook: str = "contain") -> Plan:
    return Plan(
        run="0123abcd",
        case=case,
        responder="Ann Örst",
        playbook=playbook,
        playbook_version=1,
        playbook_digest=codec.line_digest(PLAYBOOK),
        made_at="2026-11-21T10:14:00.000000Z",
        hosts=(Host(name="local"),),
        targets=(WEB,),
    )


def a_bundle(folder: Path, plan: Plan | None = None, progress: Progress | None = None) -> Bundle:
    """A new bundle, with nothing in it yet."""
    return Bundle.create(
        folder,
        plan or a_plan(),
        clock=TestClock(),
        tool="irkit 0.0.1",
        playbook_source=PLAYBOOK,
        tool_versions={"docker": "7.1"},
        progress=progress,
    )


def run_started(plan: Plan) -> RunStarted:
    return RunStarted(
        run=plan.run,
        case=plan.case,
        responder=plan.responder,
        tool="irkit 0.0.1",
        playbook=plan.playbook,
        playbook_version=1,
        playbook_digest=plan.playbook_digest,
        plan_digest=codec.line_digest(codec.canonical(plan)),
        hosts=("local",),
        targets=(WEB.key,),
        names={WEB.key: "web"},
        parameters={"log_since": "24h"},
    )


def apply(
    bundle: Bundle, number: int, operation: AnyOperation, collect: Callable[[BundleIntake], object], *, fails: str = ""
) -> tuple[Evidence, ...]:
    """One operation as a runner would log it."""
    container = WEB if operation.subject else None
    place = {"task": number, "number": 0, "step": f"step-{number}", "host": "local", "container": operation.subject}
    bundle.append(OperationStarted(**place, operation=operation, undo=operation.undo(WEB)))  # type: ignore[arg-type]
    intake = bundle.intake(host="local", container=container, operation=operation, task=number)
    collect(intake)
    found = intake.close(fails)
    if fails:
        event = OperationFailed(
            **place, milliseconds=5, reason=fails, kind="lost", took_hold="no", evidence=found  # type: ignore[arg-type]
        )  # fmt: skip
        bundle.append(event)
    else:
        bundle.append(OperationFinished(**place, milliseconds=5, evidence=found))  # type: ignore[arg-type]
    return found


def fill(bundle: Bundle) -> None:
    """A short run: facts of the host and a container, its log in part, a change, an image left behind."""
    bundle.append(run_started(a_plan()))
    clock = b'{"offset_ns":1500,"error_ns":90,"method":"info","at":"2026-11-21T10:15:00.000000Z"}'
    apply(bundle, 1, operations.MeasureClock(), lambda to: to.put("clock-start.json", clock, source="GET /info"))
    apply(bundle, 2, operations.Inspect(WEB.id), lambda to: to.put("inspect.json", b'{"Id":"ab"}', source="GET /x"))
    apply(bundle, 3, operations.ReadLogs(WEB.id), _take_log, fails="the connection ended")
    apply(bundle, 4, operations.Disconnect(WEB.id, "front"), lambda to: None)
    apply(bundle, 5, operations.Commit(WEB.id, "irkit/web:1"), lambda to: None)
    bundle.append(Note(text="seen\nby Ann", by="Ann"))


def _take_log(intake: BundleIntake) -> None:
    item = intake.open("logs/stdout.log", source="GET /logs", compress=True)
    item.write(b"GET / 200\n" * 200)
    item.warn("the host's clock was ahead")


def sealed_bundle(folder: Path) -> Path:
    """A small bundle, sealed."""
    bundle = a_bundle(folder)
    fill(bundle)
    bundle.append(RunFinished(outcome="failed", reason="one operation failed"))
    return bundle.seal()


def make_writable(root: Path) -> None:
    """Undo the seal's last step, to tamper."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def told(reports: list[Bytes]) -> Progress:
    """A progress callback that keeps what it is told."""
    return reports.append
