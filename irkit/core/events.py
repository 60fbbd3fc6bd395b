"""What the run log holds: events, each as a record in a chain of SHA-256 digests."""

from typing import Any, TypeAlias

import msgspec

from irkit.core.container import Container
from irkit.core.evidence import Evidence
from irkit.core.finding import Finding
from irkit.core.footprint import Footprint
from irkit.core.operations import AnyOperation


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", forbid_unknown_fields=True):
    """Something that happened in a run."""


class RunStarted(Event, frozen=True, kw_only=True, tag="run-started"):
    """The first event of every log. `undoes` is the id of the run taken back by this one, if it does.

    `engines` are the IDs of the hosts' engines, by the host's name, as far as they tell one.
    """

    run: str
    case: str
    responder: str
    tool: str
    playbook: str
    playbook_version: int
    playbook_digest: str
    plan_digest: str
    hosts: tuple[str, ...]
    targets: tuple[str, ...]
    names: dict[str, str]
    parameters: dict[str, Any]
    undoes: str = ""
    engines: dict[str, str] = {}


class _OperationEvent(Event, frozen=True, kw_only=True):
    """An event of one operation: `task` and `number` place it in the plan; `attempt` counts from 1."""

    task: int
    number: int
    step: str
    host: str
    container: str
    attempt: int = 1


class OperationStarted(_OperationEvent, frozen=True, kw_only=True, tag="operation-started"):
    """Written before the request is sent, with the way back as worked out from facts read just then."""

    operation: AnyOperation
    undo: tuple[AnyOperation, ...] = ()


class OperationFinished(_OperationEvent, frozen=True, kw_only=True, tag="operation-finished"):
    """The request was answered and, where it changed something, the facts re-read agree.

    `proof` is a level of `ProofLevel`, empty for a read; `because` the facts it rests on.
    """

    milliseconds: int
    evidence: tuple[Evidence, ...] = ()
    detail: str = ""
    proof: str = ""
    because: str = ""


class OperationFailed(_OperationEvent, frozen=True, kw_only=True, tag="operation-failed"):
    """The request failed. `took_hold` is `no`, `yes` or `in doubt`; `final` that it will not be tried again."""

    milliseconds: int
    reason: str
    kind: str
    took_hold: str
    final: bool = True
    evidence: tuple[Evidence, ...] = ()


class OperationSkipped(_OperationEvent, frozen=True, kw_only=True, tag="operation-skipped"):
    """Nothing was sent: what came before it did not finish, or (`not_needed`) it does not apply any more."""

    reason: str
    operation: AnyOperation
    not_needed: bool = False


class StepSkipped(Event, frozen=True, kw_only=True, tag="step-skipped"):
    """A whole step that does not apply: its `when` is false or it has nothing to do."""

    step: str
    host: str
    container: str = ""
    reason: str


class TargetRefused(Event, frozen=True, kw_only=True, tag="target-refused"):
    """What the plan refused, and why; without a container, all that was to be done on that host."""

    container: str
    step: str
    reason: str
    host: str = ""


class TargetJoined(Event, frozen=True, kw_only=True, tag="target-joined"):
    """A container that the plan did not know and that the run works on from here on, in place of another.

    `container` are its facts as found; `replaces` the key of the one in whose place it is, `reason` how that is known.
    """

    container: Container
    replaces: str
    reason: str


class FindingRaised(Event, frozen=True, kw_only=True, tag="finding-raised"):
    """Something noticed while planning or running."""

    finding: Finding


class FootprintLeft(Event, frozen=True, kw_only=True, tag="footprint-left"):
    """What the run has asked of a host, from the first connection on, and what it has left there."""

    host: str
    footprint: Footprint


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """Something irkit or the responder has to say."""

    text: str
    by: str = "irkit"


class BugMet(Event, frozen=True, kw_only=True, tag="bug-met"):
    """irkit itself went wrong in one piece of work, which ended with it; the others go on.

    `error` is the exception's name, `trace` where in the code it was raised, outermost place first, with no value of
    any variable. `container` is a key, empty where it is of a host alone.
    """

    work: str
    host: str
    error: str
    container: str = ""
    trace: tuple[str, ...] = ()


class RunFinished(Event, frozen=True, kw_only=True, tag="run-finished"):
    """The last event. `outcome`: `done`, `failed`, `interrupted`, `killed` (written by `irkit seal`)."""

    outcome: str
    reason: str = ""


AnyEvent: TypeAlias = (
    RunStarted
    | OperationStarted
    | OperationFinished
    | OperationFailed
    | OperationSkipped
    | StepSkipped
    | TargetRefused
    | TargetJoined
    | FindingRaised
    | FootprintLeft
    | Note
    | BugMet
    | RunFinished
)


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event's place in the log: `prev` is the SHA-256 of the line before with its LF, 64 zeros for the first."""

    seq: int
    at: str
    prev: str
    event: AnyEvent
