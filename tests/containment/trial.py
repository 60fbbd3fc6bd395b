"""One cell: a suspect of a kind, in a state, contained one way and taken back; what was seen on the way."""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from irkit.app import Setting, prepare, prepare_undo, start
from irkit.core.errors import IrkitError
from irkit.core.operations import Touch
from irkit.core.run import Run, replay
from tests.acceptance.compare import ASSIGNED_ANEW, OF_A_START, OF_THE_NEXT_START, differences
from tests.lab.engine import Engine, LabError
from tests.lab.suspects import Lab

from .cells import Made, Way, make
from .flows import HOST_IN, OWN, Flows, around
from .site import Outside, on_network_of

_NEVER_THE_SAME: Final = {*ASSIGNED_ANEW, *OF_THE_NEXT_START, *OF_A_START, "Health"}
_OF_A_RUNNING_ONE: Final = {"Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen",
                            "IPv6Gateway", "MacAddress", "Restarting", "Running", "Status"}  # fmt: skip
"""What a container that is restarting has or has not, by the moment."""


@dataclass
class Cell:
    """What came of it. `outcome`: contained, refused, nothing to do, FAILED, not tried."""

    kind: str
    state: str
    way: str
    outcome: str = ""
    reason: str = ""
    proof: str = ""
    before: list[str] = field(default_factory=list)
    contained: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def values(self) -> dict[str, Any]:
        """As it is written down."""
        return {key: value for key, value in asdict(self).items() if value not in ("", [])}


def try_cells(engine: Engine, outside: Outside, kind: str, state: str, ways: Sequence[Way]) -> Iterator[Cell]:
    """Try these ways one after the other; a suspect that is as it was serves the next one too."""
    left = list(ways)
    while left:
        with Lab(engine) as lab:
            try:
                made = make(lab, outside, kind, state)
            except LabError as error:
                said = str(error).partition("Error response from daemon: ")[2].partition(" | ")[0]
                reason = f"the engine cannot make it here: {said}" if said else str(error)[-300:]
                yield from (Cell(kind, state, way.name, "not tried", reason) for way in left)
                return
            with around(engine, outside, made, kind) as flows:
                yield from _try_on(
                    engine, Setting(environment={"DOCKER_HOST": engine.host}), made, flows, left, kind, state
                )


def _try_on(
    engine: Engine, setting: Setting, made: Made, flows: Flows, left: list[Way], kind: str, state: str
) -> Iterator[Cell]:
    """The next ways, for as long as the suspect is as it was."""
    facts, before = engine.inspect(made.id), flows.measure()
    while left:
        way = left.pop(0)
        cell = Cell(kind, state, way.name, before=before)
        with tempfile.TemporaryDirectory() as folder:
            here = replace(setting, evidence=Path(folder) / "evidence")
            with on_network_of(engine):
                run = _contain(here, Path(folder), way, made, cell)
            cell.contained = flows.measure() if cell.outcome == "contained" else []
            if run is not None and run.changes:
                with on_network_of(engine):
                    _undo(here, run, cell)
                cell.undone = flows.measure(before)
                cell.differs += _differences(engine, made, facts, state)
        cell.faults = list(_faults(cell, way))
        yield cell
        # The engine waits longer each time before it starts one that ends again and again.
        if cell.differs or cell.faults or (cell.undone and cell.undone != before) or state == "restarting":
            return


def try_cell(engine: Engine, outside: Outside, kind: str, state: str, way: Way) -> Cell:
    """Try one way on a suspect of its own; everything made is removed again."""
    (cell,) = try_cells(engine, outside, kind, state, [way])
    return cell


def _contain(setting: Setting, folder: Path, way: Way, made: Made, cell: Cell) -> Run | None:
    playbook = folder / "playbook.yaml"
    playbook.write_text(way.playbook, encoding="utf-8")
    try:
        with prepare(setting, str(playbook), [made.id], given={}, case="matrix", responder="matrix") as prepared:
            plan = prepared.plan
            reasons = [one.reason for one in plan.refusals]
            if reasons or plan.touch is Touch.READ:
                cell.outcome = "refused" if reasons else "nothing to do"
                cell.reason = "; ".join(reasons) or next(
                    (one.skipped for one in plan.tasks if one.skipped), "it is on no network"
                )
                return None
            execution = start(setting, prepared)
            run = replay(execution.records())
            execution.seal()
    except IrkitError as error:
        cell.outcome, cell.reason = "refused", str(error)
        return None
    proofs = {one.proof for one in run.changes if one.proof}
    cell.proof = "asserted by the engine only" if proofs - {"proven"} else "proven" if proofs else ""
    cell.outcome = "contained" if run.is_clean and run.changes else "nothing to do" if run.is_clean else "FAILED"
    cell.reason = "; ".join(one.reason for one in run.failures) or "; ".join(one.reason for one in run.inapplicable)
    return run


def _undo(setting: Setting, run: Run, cell: Cell) -> None:
    assert run.started is not None
    try:
        with prepare_undo(setting, run.started.run, [], responder="matrix") as prepared:
            execution = start(setting, prepared)
            undone = replay(execution.records())
            execution.seal()
    except IrkitError as error:
        cell.differs.append(f"undo: {error}")
        return
    cell.differs += [f"undo: {one.reason}" for one in undone.failures]


def _differences(engine: Engine, made: Made, facts: dict[str, Any], state: str) -> list[str]:
    try:
        now = engine.inspect(made.id)
    except LabError:
        return ["it is gone"]
    ignored = _NEVER_THE_SAME | (_OF_A_RUNNING_ONE if state == "restarting" else set())
    return differences(_meant(facts), _meant(now), ignored)


def _meant(value: Any) -> Any:
    """Facts with one word for nothing: an engine writes `{}` and null for the same."""
    if isinstance(value, dict):
        return {key: _meant(one) for key, one in value.items()} or None
    return [_meant(one) for one in value] or None if isinstance(value, list) else value


def _faults(cell: Cell, way: Way) -> Iterator[str]:
    """What must not be: traffic that flows though it is said to be cut, or that does not come back."""
    if cell.outcome == "contained":
        allowed = set(HOST_IN) if way.cuts == "network but the host" else set()
        if way.cuts.startswith("network"):
            yield from (f"NOT cut: {name}" for name in cell.contained if name not in allowed)
        if way.cuts == "process" and OWN in cell.contained:
            yield f"NOT cut: {OWN}"
    # One that ends again and again is there for moments only: that it was missed is said, and is no lie.
    if cell.outcome == "FAILED" and cell.state != "restarting":
        yield f"failed: {cell.reason}"
    lost = {name for name in cell.before if not name.startswith("established")} - set(cell.undone)
    if cell.undone and cell.outcome == "contained" and lost and way.cuts != "process":
        yield from (f"not back: {name}" for name in sorted(lost))


def read_cells(path: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """What was tried before, by kind, state and way."""
    with contextlib.suppress(FileNotFoundError):
        return {(one["kind"], one["state"], one["way"]): one for one in json.loads(path.read_text(encoding="utf-8"))}
    return {}
