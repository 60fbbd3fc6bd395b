"""The scenes of which snapshots are kept: how to bring the app to each screen, in each of its states."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irkit.app.case import take_note
from irkit.core.events import Record, RunStarted
from irkit.tui.line_view import LineView
from tests.tui import still
from tests.tui.stage import Scene, StoppedRun


@dataclass(frozen=True)
class Shot:
    """A scene: how the app is opened, and the script that leads to what is shown."""

    script: Callable[[Scene], Awaitable[None]]
    opened: dict[str, Any] = field(default_factory=dict)


async def triage(scene: Scene) -> None:
    await scene.press("j")


async def triage_marked(scene: Scene) -> None:
    await scene.press("slash", *"risk>=m", "enter", "j", "space", "j", "space", "slash", *" !api", "enter")
    await scene.until(lambda: scene.shows("hidden"))


async def triage_wrong_filter(scene: Scene) -> None:
    await scene.press("slash", *"risk>=x")
    await scene.until(lambda: scene.shows("no risk"))


async def triage_empty(scene: Scene) -> None:
    await scene.press("slash", *"nothing-like-this", "enter")


async def _container(scene: Scene, tab: str, shown: str) -> None:
    scene.app.open_container(still.API.key, tab)
    await scene.until(lambda: scene.shows(shown))


async def overview(scene: Scene) -> None:
    await _container(scene, "overview", "because")


async def processes(scene: Scene) -> None:
    await _container(scene, "processes", "kdevtmpfsi")


async def network(scene: Scene) -> None:
    await _container(scene, "network", "ESTABLISHED")


async def files(scene: Scene) -> None:
    await _container(scene, "files", "kdevtmpfsi")


async def logs(scene: Scene) -> None:
    await _container(scene, "logs", "healthz")


async def inspect(scene: Scene) -> None:
    await _container(scene, "inspect", "HostConfig")


async def playbooks(scene: Scene) -> None:
    await scene.press("j", "P")
    await scene.until(lambda: scene.shows("steps:"))


async def parameters(scene: Scene) -> None:
    await playbooks(scene)
    screen: Any = scene.app.screen
    at = next(nth for nth, one in enumerate(screen._known) if one.playbook and one.playbook.parameters)
    for _ in range(at):
        await scene.press("j")
    await scene.press("enter")
    await scene.until(lambda: scene.shows("Plan ") or scene.shows("Parameters of"))
    if not scene.shows("Parameters of"):
        await scene.press("f")
    await scene.until(lambda: scene.shows("Parameters of"))


async def plan(scene: Scene) -> None:
    await scene.press("j", "space", "j", "space", "I")
    await scene.until(lambda: scene.shows("DRY RUN"))
    await scene.press("j", "j", "j", "j")


async def plan_left_out(scene: Scene) -> None:
    await plan(scene)
    await scene.press("space", "x")


async def confirm(scene: Scene) -> None:
    await scene.press("A")
    await plan(scene)
    await scene.press("enter")
    await scene.until(lambda: scene.shows("Type"))


async def confirm_reading(scene: Scene) -> None:
    await scene.press("j", "C")
    await scene.until(lambda: scene.shows("nothing will be changed"))
    await scene.press("enter")
    await scene.until(lambda: scene.shows("Enter begins it"))


async def run_ended(scene: Scene) -> None:
    """Of one container: what is done to several at once comes in another order each time."""
    await scene.press("A", "j", "j", "I")
    await scene.until(lambda: scene.shows("DRY RUN"))
    await scene.press("enter")
    await scene.until(lambda: scene.shows("Type"))
    await scene.press(*scene.app.screen.phrase, "enter")  # type: ignore[attr-defined]
    await scene.until(lambda: scene.app.current_mode == "run" and scene.shows("; bundle irb-"))
    ended = scene.app.services.runs.runs[-1]
    screen: Any = scene.app.screen
    await scene.until(lambda: screen._left is not None)
    assert ended.bundle is not None
    ended.bundle = Path("evidence") / ended.bundle.name  # from the working folder, which has another name each time
    ended._records.sort(key=_place)
    screen._shown = None


def _place(record: Record) -> tuple[int, int]:
    """Where a record stands in a snapshot: what is done to a container and to its host comes in any order."""
    if isinstance(record.event, RunStarted):
        return (-1, 0)
    return (getattr(record.event, "task", 1 << 30), getattr(record.event, "number", 1 << 30))


async def run_goes_on(scene: Scene) -> None:
    await run_ended(scene)
    ended = scene.app.services.runs.runs[-1]
    half = next(nth for nth, one in enumerate(ended.records) if "disconnect" in str(one.event).lower())
    scene.app.services.runs.runs.append(StoppedRun(ended, half + 4, []).as_run())
    await scene.until(lambda: scene.shows("goes on, "))


async def run_to_end(scene: Scene) -> None:
    await run_goes_on(scene)
    await scene.press("X")


async def leave(scene: Scene) -> None:
    await run_goes_on(scene)
    await scene.press("q")


async def run_none(scene: Scene) -> None:
    await scene.press("5")


async def evidence(scene: Scene) -> None:
    await run_ended(scene)
    await scene.press("6")
    await scene.until(lambda: scene.shows("bundles in") or scene.shows("1 bundle"))


async def bundle(scene: Scene) -> None:
    await evidence(scene)
    await scene.press("v")
    await scene.until(lambda: scene.shows("verifies:") and scene.shows("playbook "))


async def item(scene: Scene) -> None:
    await bundle(scene)
    view = scene.app.screen.query_one(LineView)
    await scene.until(lambda: any(one.path for one in view.lines))
    view.cursor = next(nth for nth, one in enumerate(view.lines) if one.path and one.path.endswith("inspect.json"))
    await scene.press("enter")
    await scene.until(lambda: scene.shows("made safe"))


async def hosts(scene: Scene) -> None:
    await scene.press("7", "j", "j", "j", "j", "j", "j")


async def hosts_add(scene: Scene) -> None:
    await scene.press("7", "plus", *"edge-9")


async def case(scene: Scene) -> None:
    services = scene.app.services
    for text in ("called by the pager: api-gw talks to 203.0.113.9", "the owner agrees to cut it off"):
        take_note(services.setting, services.case, text, services.responder)
    await run_ended(scene)
    await scene.press("8")
    await scene.until(lambda: scene.shows("owner agrees"))


async def note(scene: Scene) -> None:
    await scene.press("semicolon", *"the owner agrees")


async def help_of_triage(scene: Scene) -> None:
    await scene.press("question_mark")


async def help_of_container(scene: Scene) -> None:
    await logs(scene)
    await scene.press("question_mark")


async def palette(scene: Scene) -> None:
    await scene.press("colon", *"plan")
    await scene.until(lambda: scene.shows("Plan a playbook") or scene.shows("snapshot"))
    await scene.until(lambda: all(one.is_finished for one in scene.app.workers))  # all that match are there


async def notices(scene: Scene) -> None:
    await scene.press("A")
    scene.app.say("x" * 500, "warning")


_MANY = {"hosts": still.HOSTS}
SHOTS: dict[str, Shot] = {
    "triage": Shot(triage),
    "triage-marked": Shot(triage_marked),
    "triage-wrong-filter": Shot(triage_wrong_filter),
    "triage-empty": Shot(triage_empty),
    "triage-all-hosts": Shot(triage, _MANY),
    "container-overview": Shot(overview),
    "container-processes": Shot(processes),
    "container-network": Shot(network),
    "container-files": Shot(files),
    "container-logs": Shot(logs),
    "container-inspect": Shot(inspect),
    "playbooks": Shot(playbooks),
    "parameters": Shot(parameters),
    "plan": Shot(plan),
    "plan-left-out": Shot(plan_left_out),
    "confirm": Shot(confirm),
    "confirm-reading": Shot(confirm_reading),
    "run-none": Shot(run_none),
    "run-goes-on": Shot(run_goes_on),
    "run-to-end": Shot(run_to_end),
    "run-ended": Shot(run_ended),
    "leave": Shot(leave),
    "evidence": Shot(evidence),
    "bundle": Shot(bundle),
    "item": Shot(item),
    "hosts": Shot(hosts, _MANY),
    "hosts-add": Shot(hosts_add, _MANY),
    "case": Shot(case),
    "note": Shot(note),
    "help-of-triage": Shot(help_of_triage),
    "help-of-container": Shot(help_of_container),
    "palette": Shot(palette),
    "notices": Shot(notices),
}
