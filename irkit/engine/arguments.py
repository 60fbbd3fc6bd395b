"""From text and plain values to the parameters of a run and the arguments of an action.

Expressions are evaluated before (`expressions`); the steps of a file are checked by `language`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from irkit.core.action import Action
from irkit.core.errors import PlaybookError, UsageError
from irkit.core.playbook import Parameter, ParameterValue, Playbook
from irkit.core.text import safe
from irkit.core.values import bytes_of, moment_of, seconds_of
from irkit.engine.schema import Schema, action_schema
from irkit.engine.wording import mismatch, show, suggest

_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_WANTED: Final[Mapping[str, Schema]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "duration": {"type": "string", "examples": ["90s", "10m", "24h", "7d"]},
    "size": {"type": "string", "examples": ["64KiB", "10MiB", "2GB"]},
    "when": {"type": "string", "examples": ["24h", "2026-01-31T10:00:00Z"]},
    "list": {"type": "array", "items": {"type": "string"}},
}
_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "duration": seconds_of,
    "size": bytes_of,
    "when": lambda text: moment_of(text, _SOME_DAY),
}
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_OF_ONE: Final = ("Expected", "Invalid", "Object")  # how msgspec begins what it says of one field
_PLACE: Final = re.compile(r"\.(\w+)|\[([0-9]+)\]")


def resolve_parameters(playbook: Playbook, given: Mapping[str, str]) -> dict[str, ParameterValue]:
    """The value of every parameter, from the text given for it or its default. Raises UsageError."""
    for name in given:
        if name not in playbook.parameters:
            hint = suggest(name, playbook.parameters)
            raise UsageError(f"playbook {playbook.name} has no parameter '{safe(name, 60)}'{hint}")
    return {
        name: _resolve(name, parameter, given.get(name), playbook.name)
        for name, parameter in playbook.parameters.items()
    }


def _resolve(name: str, parameter: Parameter, text: str | None, playbook: str) -> ParameterValue:
    value = parameter.default if text is None else _read(parameter, text)
    if value is None:
        about = f" ({safe(parameter.description, 200)})" if parameter.description else ""
        raise UsageError(f"playbook {playbook} needs parameter {name}{about}: give it as --param {name}=VALUE")
    if reason := wrong_value(parameter, value):
        raise UsageError(f"parameter {name} {reason}")
    return value


def _read(parameter: Parameter, text: str) -> ParameterValue:
    """The value that text stands for; the text itself where it stands for none."""
    match parameter.type:
        case "integer" if _WHOLE_NUMBER.fullmatch(text):
            return int(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "list":
            return [one.strip() for one in text.split(",")] if text.strip() else []
        case _:
            return text


def wrong_value(parameter: Parameter, value: ParameterValue) -> str:
    """What is wrong with a value for a parameter; empty where nothing is."""
    if not _has_type(parameter.type, value):
        return mismatch(_WANTED[parameter.type], value)
    if not parameter.choices:
        return ""
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, bool) and str(one) not in parameter.choices:
            return f"must be one of {safe(', '.join(parameter.choices), 400)}, not {show(one)}"
    return ""


def _has_type(kind: str, value: ParameterValue) -> bool:
    if kind == "list":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str) and _can_read(kind, value)


def _can_read(kind: str, text: str) -> bool:
    try:
        _READERS.get(kind, str)(text)
    except ValueError:
        return False
    return True


def build_action(action_class: type[Action], arguments: Mapping[str, Any]) -> Action:
    """The action with its arguments. Raises PlaybookError, whose path begins with `with`."""
    schema = action_schema(action_class)
    for name in arguments:
        if name not in schema["properties"]:
            hint = suggest(name, schema["properties"])
            raise PlaybookError(f"{action_class.name} has no parameter '{safe(name, 60)}'{hint}", path="with")
    for name in schema["required"]:
        if name not in arguments:
            raise PlaybookError(f"{action_class.name} needs parameter {name}", path="with")
    try:
        return msgspec.convert(dict(arguments), action_class, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(str(error), schema, arguments) from None


def conflict(action_class: type[Action], arguments: Mapping[str, Any]) -> str:
    """Why arguments that are right one by one do not go together; empty where they do, or where one is wrong."""
    try:
        msgspec.convert(dict(arguments), action_class, strict=True)
    except msgspec.ValidationError as error:
        return "" if str(error).startswith(_OF_ONE) else safe(error, 200)
    return ""


def _explain(message: str, schema: Schema, value: Any) -> PlaybookError:
    """A mistake that msgspec found (`Expected ... - at $.since`), in plain words."""
    reason, found, place = message.rpartition(" - at `$")
    path = "with"
    for name, index in _PLACE.findall(place) if found else ():
        schema = schema["properties"][name] if name else schema["items"]
        value = value[name or int(index)]
        path += f".{name}" if name else f"[{index}]"
    if not found or not reason.startswith(_OF_ONE):
        return PlaybookError(safe(reason or message, 200), path=path)
    return PlaybookError(mismatch(schema, value), path=path)
