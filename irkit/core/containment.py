"""What a run did to contain each of its containers, and how sure that is: a view of the run's state."""

import msgspec

from irkit.core.events import OperationSkipped
from irkit.core.operations import (
    BlockTraffic,
    Connect,
    Disconnect,
    Kill,
    Operation,
    Pause,
    SeeIsolated,
    SetLimits,
    SetRestartPolicy,
    Stop,
    TryReach,
)
from irkit.core.proof import ProofLevel
from irkit.core.run import Run

NOT_ISOLATED = "NOT isolated: "
_CONTAINING = (Disconnect, BlockTraffic, Pause, Stop, Kill, SetRestartPolicy, SetLimits)


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done; `proof` is a level of `ProofLevel`, `because` the facts it rests on."""

    text: str
    proof: str
    because: str = ""


class Containment(msgspec.Struct, frozen=True, kw_only=True):
    """One container, by its key: what was done to contain it. `not_isolated` says why it is not, where it was to be."""

    key: str
    measures: tuple[Measure, ...] = ()
    not_isolated: str = ""

    @property
    def proof(self) -> str:
        """How sure all of it is: the least of the levels."""
        levels = {one.proof for one in self.measures}
        if self.not_isolated or ProofLevel.WRONG in levels:
            return ProofLevel.WRONG
        return ProofLevel.ASSERTED if levels - {ProofLevel.PROVEN} else ProofLevel.PROVEN


def containments(run: Run) -> list[Containment]:
    """All that a run contained or was to isolate, in the order in which it began; an undo contains nothing."""
    if run.started is None or run.started.undoes:
        return []
    measures: dict[str, dict[str, Measure]] = {}
    wrong: dict[str, str] = {}
    for one in run.operations:
        operation = one.started.operation
        if isinstance(operation, TryReach) and not one.followed and one.reason.startswith(NOT_ISOLATED):
            wrong[one.key] = one.reason.removeprefix(NOT_ISOLATED)
        if one.followed or not _contains(operation):
            continue
        known = measures.setdefault(one.key, {})
        if one.state == "finished":
            known[operation.text()] = Measure(text=operation.text(), proof=one.proof, because=one.because)
        elif isolates(operation):
            wrong.setdefault(one.key, _why(operation, one.reason or "no word came whether it took hold"))
    for skip in run.left_out:
        if isolates(skip.operation):
            wrong.setdefault(_key(skip), _why(skip.operation, skip.reason))
    keys = [*measures, *(key for key in wrong if key not in measures)]
    found = [
        Containment(key=key, measures=tuple(measures.get(key, {}).values()), not_isolated=wrong.get(key, ""))
        for key in keys
    ]
    return [one for one in found if one.measures or one.not_isolated]


def isolates(operation: Operation) -> bool:
    """Whether a container is reached all the same where this was not done."""
    return isinstance(operation, Disconnect | BlockTraffic | SeeIsolated) or (
        isinstance(operation, Connect) and operation.alone
    )


def _contains(operation: Operation) -> bool:
    return isinstance(operation, _CONTAINING) or isolates(operation)


def _why(operation: Operation, reason: str) -> str:
    """Why it is not isolated, in a line: the proof's own word, or what was not done."""
    return reason.removeprefix(NOT_ISOLATED) if reason.startswith(NOT_ISOLATED) else f"{operation.text()}: {reason}"


def _key(skip: OperationSkipped) -> str:
    return f"{skip.host}/{skip.container}"
