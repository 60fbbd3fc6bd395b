"""A plan that is being made on a thread of its own, for a front end that must not wait for hosts."""

from __future__ import annotations  # see the imports for types only, below

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from irkit.app.bundles import find_bundle, left_to_undo
from irkit.app.hold import check_holdable
from irkit.app.playbooks import load
from irkit.app.runs import prepare
from irkit.app.undo import lasting_changes, prepare_undo
from irkit.core.errors import IrkitError, PlaybookError, UsageError
from irkit.engine.unforeseen import shield

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.runs import Prepared, Reaching
    from irkit.app.setting import Setting
    from irkit.core.host import Host
    from irkit.core.plan import Plan
    from irkit.core.playbook import Playbook

LEFT_OUT = "left out by the responder"
"""Why a step is skipped that the responder took out of a plan."""


class Work(Protocol):
    """What makes a plan: it tells `reaching` of its hosts before it reaches any. Raises IrkitError."""

    def __call__(self, *, reaching: Reaching) -> Prepared: ...


class Planning:
    """One plan in the making: `prepared` once it is there, or `error` in a line.

    `work` tells of its hosts before it reaches them. What was prepared is handed over by `hand_over`; until then
    `close` lets go of the hosts, whenever that is called, also while one of them is waited for.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._is_closed = False
        self._fleet: Fleet | None = None
        self.prepared: Prepared | None = None
        self.error = ""
        threading.Thread(target=self._make, name="plan", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether it is there, or will never be."""
        return self.prepared is not None or bool(self.error)

    def close(self) -> None:
        """Let go of its hosts, unless it was handed over. Waits for nothing."""
        with self._lock:
            self._is_closed, self.prepared = True, None
            fleet, self._fleet = self._fleet, None
        if fleet is not None:
            threading.Thread(target=fleet.close, name="plan closing", daemon=True).start()

    def hand_over(self) -> Prepared | None:
        """The plan, for somebody else to let go of; None where it is not there, or was handed over before."""
        with self._lock:
            prepared, self.prepared = self.prepared, None
            self._is_closed, self._fleet = True, None
        return prepared

    def _reaching(self, fleet: Fleet) -> None:
        with self._lock:
            if not self._is_closed:
                self._fleet = fleet
                return
        fleet.close()

    def _make(self) -> None:
        try:
            made = shield(lambda: self._work(reaching=self._reaching), self._break_off)
        except IrkitError as error:
            made = str(error)
        with self._lock:
            if isinstance(made, str):
                self.error = made
            elif not self._is_closed:
                self.prepared, self._fleet = made, made.fleet
                return
        if not isinstance(made, str):
            made.fleet.close()

    def _break_off(self, error: Exception) -> Prepared | str:
        if isinstance(error, IrkitError):
            return str(error)
        return f"a bug in irkit while it planned: {type(error).__name__}"


def plan_run(
    setting: Setting,
    playbook: str,
    keys: Sequence[str],
    *,
    given: Mapping[str, str],
    case: str,
    responder: str,
    hosts: Mapping[str, Host],
) -> Planning:
    """The plan of a playbook for containers by their keys (host and full id), on these hosts and no others.

    `hosts` are, by name, those of the list that the containers were chosen from: no name tells the socket of an
    address. One that is not among them is looked for by its name.
    """
    names = dict.fromkeys(key.partition("/")[0] for key in keys)
    meant = [hosts.get(name, name) for name in names]
    return Planning(
        partial(prepare, setting, playbook, list(keys), given=given, case=case, responder=responder, hosts=meant)
    )


def plan_undo_of(
    setting: Setting,
    run: str,
    containers: Sequence[str] = (),
    *,
    responder: str,
    new_address: bool = False,
    reset_connections: bool = False,
) -> Planning:
    """The plan that takes a run back, or what it did to some of its containers; as `prepare_undo` has it."""
    return Planning(
        partial(
            prepare_undo,
            setting,
            run,
            containers,
            responder=responder,
            new_address=new_address,
            reset_connections=reset_connections,
        )
    )


def without_steps(plan: Plan, steps: Collection[str]) -> Plan:
    """The plan with these steps left out: they do nothing, and the log says who wanted that."""
    from msgspec.structs import replace

    from irkit.core.estimate import SMALL

    tasks = tuple(
        replace(task, operations=(), refused="", skipped=LEFT_OUT, estimate=SMALL) if task.step in steps else task
        for task in plan.tasks
    )
    return replace(plan, tasks=tasks)


def hold_of(prepared: Prepared, plan: Plan) -> str:
    """How what the plan contains would be held (`tell` or `contain`); empty where there is nothing to hold.

    `plan` is that of `prepared`, perhaps with steps left out.
    """
    if prepared.request is None or plan.is_refused:
        return ""
    try:
        check_holdable(plan, prepared.request)
    except UsageError:
        return ""
    return prepared.request.playbook.hold


@dataclass(frozen=True)
class Shelved:
    """A playbook there is: `playbook` is None where it is not valid, and `problem` says why.

    `effect` is the gravest phase of its steps: `contain`, `acquire` or `collect`.
    """

    name: str
    is_shipped: bool
    playbook: Playbook | None = None
    problem: str = ""
    effect: str = ""


def shelf(setting: Setting) -> list[Shelved]:
    """The playbooks there are, the shipped ones and the responder's own."""
    from irkit.adapters.playbook_library import list_playbooks

    found = []
    for entry in list_playbooks(setting.playbook_folders()):
        try:
            playbook, _ = load(setting, str(entry.path))
        except PlaybookError as error:
            found.append(Shelved(entry.name, entry.is_shipped, problem=str(error)))
        else:
            found.append(Shelved(entry.name, entry.is_shipped, playbook, effect=_effect(playbook)))
    return found


def _effect(playbook: Playbook) -> str:
    from irkit.actions import ACTIONS
    from irkit.core.action import Phase

    phases = {ACTIONS[step.action].phase for step in playbook.steps}
    return next((str(phase) for phase in (Phase.CONTAIN, Phase.ACQUIRE) if phase in phases), str(Phase.COLLECT))


def wrong_parameters(playbook: Playbook, given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with what is given, by parameter; empty where a plan can be made."""
    from irkit.engine.arguments import resolve_parameters

    found = {}
    for name, parameter in playbook.parameters.items():
        mine = {name: given[name]} if name in given else {}
        try:
            from msgspec.structs import replace

            resolve_parameters(replace(playbook, parameters={name: parameter}), mine)
        except IrkitError as error:
            found[name] = str(error)
    return found


def undo_left(setting: Setting, name: str) -> tuple[int, list[str]]:
    """How much of a run is to be taken back, and what of it stays whatever is done. Raises IrkitError."""
    from irkit.adapters.bundle_reading import read_run

    return len(left_to_undo(setting, read_run(find_bundle(setting, name)))), lasting_changes(setting, name)
