"""Following an engine's events as they come: one JSON object after another in an answer that does not end."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_http import Answer, EngineApi
from irkit.adapters.engine_reads import engine_time, unix_time
from irkit.core.codec import plain
from irkit.core.engine_event import UNREADABLE, WATCHING, EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline
from irkit.core.values import utc_text

_ACTIONS: Final = ("create", "start", "unpause", "die", "died", "destroy", "remove", "rename", "update", "connect")
"""What matters of a container that is held."""
_PODMANS: Final = {"died": "die", "remove": "destroy"}
_LINE: Final = 1 << 20
_MOST_UNREADABLE: Final = 100
"""Lines that are no events, after which an answer counts as none."""
_LONGEST_UNREADABLE: Final = 1 << 26
"""Bytes of one line that are passed over at most."""
_PIECE: Final = 1 << 16
_BILLION: Final = 10**9
_DIGITS: Final = 9
_LATEST: Final = 253402300799
"""The last second of the year 9999."""
_MOST_ATTRIBUTES: Final = 200
_LONGEST_VALUE: Final = 1000


class _Actor(msgspec.Struct, rename={"id": "ID", "attributes": "Attributes"}):
    id: str = ""
    attributes: dict[str, str] | None = None


class _Event(msgspec.Struct, rename={"type": "Type", "action": "Action", "actor": "Actor", "time_nano": "timeNano"}):
    type: str = ""
    action: str = ""
    actor: _Actor = msgspec.field(default_factory=_Actor)
    time: int = 0
    time_nano: int = 0


def watch(api: EngineApi, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
    """The events of containers and networks since then, and all that come. Raises TargetError, at its end too."""
    begin = since or utc_text(engine_time(api, deadline)).replace("Z", "000Z")
    filters = {"type": ["container", "network"], "event": list(_ACTIONS)}
    query = {"since": _unix(begin), "filters": msgspec.json.encode(filters).decode()}
    with api.request("GET", "/events", deadline, query=query) as answer:
        yield EngineEvent(at=begin, kind=WATCHING)
        yield from _events(answer, since, begin)
    raise TargetError("the engine ended its events", Refusal.LOST)


def _events(answer: Answer, since: str, last: str) -> Iterator[EngineEvent]:
    """What the lines tell; one that is no event is passed over, and told of, up to so many."""
    unreadable = 0
    for line in _lines(answer):
        try:
            event = _event_of(decoded(_whole(line), _Event))
        except TargetError as error:
            unreadable += 1
            if unreadable > _MOST_UNREADABLE:
                raise TargetError(f"{unreadable} lines are no events: {error.reason}", Refusal.GARBLED) from error
            yield EngineEvent(at=last, kind=UNREADABLE, action=error.reason)
            continue
        if event.at > since:  # engines tell again what happened at that very moment
            last = max(last, event.at)
            yield event


def _whole(line: bytes | None) -> bytes:
    if line is None:
        raise TargetError(f"an event of the engine is longer than {_LINE} bytes", Refusal.GARBLED)
    return line


def _lines(answer: Answer) -> Iterator[bytes | None]:
    """The lines of an answer, each bounded; None in the place of one that is longer."""
    buffer, kept, dropped = memoryview(bytearray(_PIECE)), b"", 0
    while count := answer.read_some(buffer):
        *lines, kept = (kept + buffer[:count]).split(b"\n")
        if lines and dropped:
            del lines[0]
            dropped = 0
        yield from filter(bytes.strip, lines)
        if len(kept) > _LINE or dropped:
            if not dropped:
                yield None
            dropped, kept = dropped + len(kept), b""
        if dropped > _LONGEST_UNREADABLE:
            raise TargetError(f"an event of the engine is longer than {dropped} bytes", Refusal.GARBLED)


def _event_of(found: _Event) -> EngineEvent:
    attributes = dict(list((found.actor.attributes or {}).items())[:_MOST_ATTRIBUTES])
    short = {key[:_LONGEST_VALUE]: value[:_LONGEST_VALUE] for key, value in attributes.items()}
    is_network = found.type == "network"
    action = str(plain(found.action[:_LONGEST_VALUE])).partition(":")[0]
    return EngineEvent(
        at=_text(found.time_nano or found.time * _BILLION),
        kind="network" if is_network else "container",
        action=_PODMANS.get(action, action),
        container=(is_network and short.get("container")) or plain(found.actor.id[:_LONGEST_VALUE]),
        network=short.get("name", "") if is_network else "",
        attributes=plain(short),
    )


def _text(nanoseconds: int) -> str:
    """A moment as text that can be compared with others of its kind; one that there is not is the first of all."""
    seconds, rest = divmod(nanoseconds, _BILLION)
    moment = datetime.fromtimestamp(seconds if 0 <= seconds <= _LATEST else 0, UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}.{rest:09d}Z"


def _unix(text: str) -> str:
    """A moment as engines take it, to the nanosecond where it is told."""
    whole, _, rest = text.rstrip("Z").partition(".")
    digits = rest[:_DIGITS]
    if not (digits.isdecimal() or not digits):
        raise TargetError(f"{text!r} is no moment", Refusal.GARBLED)
    return f"{unix_time(datetime.fromisoformat(whole).replace(tzinfo=UTC)).partition('.')[0]}.{digits or '0'}"
