"""How a run found a container: from its plan where that is at hand, and from the ways back that its log holds.

The log knows better where both tell: a way back was worked out from facts read just before its change.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from irkit.core.container import Attachment, Container, Limits
from irkit.core.events import OperationSkipped, OperationStarted
from irkit.core.found import Found
from irkit.core.operations import (
    AnyOperation,
    Connect,
    Disconnect,
    Kill,
    Operation,
    Pause,
    SetLimits,
    SetRestartPolicy,
    Start,
    Stop,
    Unpause,
)
from irkit.core.run import Run


def found_by(run: Run, key: str, planned: Container | None) -> Found:
    """What is known of a container before that run changed it; `planned` are its facts of when the run was planned."""
    name = run.started.names.get(key, "") if run.started else ""
    found = Found(key=key, name=name)
    if planned is not None:
        found = Found(
            key=key,
            name=planned.name,
            state=planned.state,
            started_at=planned.started_at,
            attachments=planned.attachments,
            is_whole=True,
            restart_policy=planned.restart_policy,
            limits=planned.limits,
        )
    return _corrected(found, run)


def _corrected(found: Found, run: Run) -> Found:
    """The same, corrected by what the log tells of the moment before each change: the first word on a thing counts."""
    told: set[str] = set()
    places = {one.network: one for one in found.attachments}
    for skipped in run.inapplicable:
        if isinstance(skipped.operation, Disconnect) and _key(skipped) == found.key:
            places.pop(skipped.operation.network, None)  # somebody else had done it before
    for started in _started(run, found.key):
        for operation in (*started.undo, started.operation):
            if (about := _subject(operation)) and about not in told:
                told.add(about)
                if operation in started.undo:
                    found = _with(found, operation, started.undo, places)
    return replace(found, attachments=tuple(places[name] for name in sorted(places)))


def _started(run: Run, key: str) -> Iterator[OperationStarted]:
    return (one.started for one in run.operations if one.key == key)


def _key(event: OperationSkipped) -> str:
    return f"{event.host}/{event.container}"


def _subject(operation: AnyOperation) -> str:
    """What a way back tells of: a network, the state, the policy or the limits."""
    match operation:
        case Connect(attachment=Attachment(network=network)) | Disconnect(network=network):
            return f"network {network}"
        case Start() | Stop() | Pause() | Unpause():
            return "state"
        case SetRestartPolicy():
            return "policy"
        case SetLimits():
            return "limits"
    return ""


def _with(
    found: Found, operation: AnyOperation, undo: tuple[AnyOperation, ...], places: dict[str, Attachment]
) -> Found:
    """What was found, with what one way back tells of it; a place on a network goes into `places`."""
    match operation:
        case Connect(attachment=place):
            places[place.network] = place
        case Disconnect(network=network):
            places.pop(network, None)
        case Start() | Pause() | Unpause():
            return replace(found, state="paused" if any(isinstance(one, Pause) for one in undo) else "running")
        case SetRestartPolicy(policy=policy):
            return replace(found, restart_policy=policy)
        case SetLimits(limits=limits) if found.limits:
            return replace(found, limits=_with_limits(found.limits, limits))
    return found


def _with_limits(known: Limits, wish: Limits) -> Limits:
    """Limits as facts, with what a wish says of some of them: 0 leaves one as it is."""
    names = [name for name in Limits.__struct_fields__ if getattr(wish, name)]
    return replace(known, **{name: max(getattr(wish, name), 0) for name in names})


def left_state(run: Run, undone: Sequence[Run], found: Found) -> str:
    """The state in which the run, and those that took it back so far, left a container, as far as it can be told."""
    state = found.state
    for one in (*run.operations, *(one for undo in undone for one in undo.operations)):
        if one.key == found.key and one.state == "finished":
            state = _STATE_AFTER.get(type(one.started.operation), state)
    return state


_STATE_AFTER: Final[dict[type[Operation], str]] = {
    Pause: "paused",
    Unpause: "running",
    Start: "running",
    Stop: "exited",
    Kill: "exited",
}
