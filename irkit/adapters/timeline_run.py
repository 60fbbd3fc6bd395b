"""What irkit and the responder did, as the run log tells it, for a timeline."""

from collections.abc import Iterable, Iterator, Mapping

from irkit.adapters.timeline_lines import nanoseconds_of_time
from irkit.adapters.timeline_records import text_of
from irkit.core.case_note import CopiedNote, parse_copied
from irkit.core.events import (
    FindingRaised,
    Note,
    OperationFailed,
    OperationFinished,
    OperationSkipped,
    OperationStarted,
    Record,
    RunFinished,
    RunStarted,
)
from irkit.core.operations import AnyOperation, Touch
from irkit.core.timeline import ALIGNED, Moment, Source, Where


def read_run(records: Iterable[Record], item: str, names: Mapping[str, str]) -> Iterator[Moment]:
    """What irkit and the responder did. `names` are those of the run's containers by full id."""
    begun: dict[tuple[int, int], AnyOperation] = {}
    for record in records:
        event = record.event
        at = _time_of(record)
        if isinstance(event, OperationStarted):
            begun[event.task, event.number] = event.operation
        message = _told(event, begun)
        if at is None or not message:
            continue
        container = str(getattr(event, "container", ""))
        where = Where(
            host=str(getattr(event, "host", "")),
            container=names.get(container, ""),
            container_id=container,
            item=item,
        )
        yield Moment(at=at, kind="Event Logged", source=Source.IRKIT, message=message, where=where, clock=ALIGNED)


def _time_of(record: Record) -> int | None:
    """When it happened: a note that was made between runs is older than the log that has it."""
    copied = _copied(record.event)
    return nanoseconds_of_time(copied.at if copied else record.at)


def _copied(event: object) -> CopiedNote | None:
    """The note of the case that this one is, where that tells when it was made."""
    copied = parse_copied(event.text) if isinstance(event, Note) else None
    return copied if copied and nanoseconds_of_time(copied.at) is not None else None


def _told(event: object, begun: Mapping[tuple[int, int], AnyOperation]) -> str:
    """A record as a line, empty for what is no act."""
    match event:
        case RunStarted():
            what = "taking back a run" if event.undoes else f"playbook {text_of(event.playbook)}"
            return f"run {event.run} began: {what}, by {text_of(event.responder)}, case {text_of(event.case)}"
        case OperationStarted():
            return f"began ({event.operation.touch}): {text_of(event.operation.text())}"
        case OperationFinished() | OperationFailed():
            return _ended(event, begun.get((event.task, event.number)))
        case OperationSkipped():
            return f"left out: {text_of(event.operation.text())}: {text_of(event.reason)}"
        case FindingRaised():
            return f"found: {text_of(event.finding.summary)}"
    return _said(event)


def _said(event: object) -> str:
    match event:
        case Note():
            copied = _copied(event)
            text = f"{copied.text} (note {copied.number} of the case)" if copied else event.text
            return f"note by {text_of(event.by)}: {text_of(text)}"
        case RunFinished():
            return f"run ended: {event.outcome}" + (f": {text_of(event.reason)}" if event.reason else "")
        case _:
            return ""


def _ended(event: OperationFinished | OperationFailed, operation: AnyOperation | None) -> str:
    what = text_of(operation.text()) if operation is not None else f"step {text_of(event.step)}"
    if isinstance(event, OperationFinished):
        return f"done: {what}" + (f": {text_of(event.detail)}" if event.detail else "")
    is_change = operation is not None and operation.touch is not Touch.READ
    hold = f" (took hold: {event.took_hold})" if is_change else ""
    return f"FAILED: {what}: {text_of(event.reason)}{hold}"
