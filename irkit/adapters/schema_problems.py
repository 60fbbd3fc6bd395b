"""What a JSON Schema finds wrong with the values of a file, in plain words. Where each stands is left to the caller.

For files that irkit keeps itself; the words for playbooks are the playbook language's.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from irkit.adapters.yaml_document import Path
from irkit.core.text import safe

if TYPE_CHECKING:
    from jsonschema import ValidationError

_SHOWN: Final = 60
_TYPES: Final = {"string": "text", "boolean": "true or false", "object": "a mapping", "array": "a list"}
_YES_AND_NO: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Found(NamedTuple):
    """What is wrong with the value at `path`, or with its key where `of_key` says so."""

    path: Path
    reason: str
    of_key: bool = False


def schema_problems(schema: Mapping[str, Any], value: Any) -> Iterator[Found]:
    """Everything that the schema finds; unknown keys first, as a missing one may be the same in a wrong spelling."""
    errors = validator_class()(schema).iter_errors(value)
    for error in sorted(errors, key=lambda one: one.validator != "additionalProperties"):
        yield from _explain(error, tuple(error.absolute_path))


@cache
def validator_class() -> Any:
    """What checks values by a JSON Schema, from a library that is loaded when it is first asked for."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, and most files have no problem
    from jsonschema.validators import extend  # noqa: PLC0415

    # JSON Schema takes 1.0 for a whole number; a port or a parameter is none.
    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole_number)
    return extend(Draft202012Validator, type_checker=checker)  # type: ignore[no-untyped-call]


def _is_whole_number(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _explain(error: "ValidationError", path: Path) -> Iterator[Found]:
    schema: Any = error.schema
    value: Any = error.instance
    match error.validator:
        case "additionalProperties":
            for name in value:
                if name not in schema["properties"]:
                    yield Found((*path, name), _unknown(name, schema["properties"]), True)
        case "required":
            for name in schema["required"]:
                if name not in value:
                    yield Found(path, f"key {name} is missing")
        case _ if "propertyNames" in error.absolute_schema_path:
            yield Found((*path, value), f"the key must be {_expected(schema)}", True)
        case _:
            yield Found(path, f"must be {_expected(schema)}{_but_is(value)}{_remedy(schema, value)}")


def _unknown(name: object, known: Collection[str]) -> str:
    if "pass" in str(name).lower():
        return "irkit keeps no passwords: leave it out, it asks"
    close = difflib.get_close_matches(str(name)[:100], known, n=1)
    what = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"unknown key '{safe(name, _SHOWN)}': {what}"


def _expected(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    kinds = schema.get("type", "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "integer":
        return f"a whole number from {schema['minimum']} to {schema['maximum']}"
    if "examples" in schema:
        return f"text such as {', '.join(map(str, schema['examples']))}"
    longest = f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    return _TYPES[kind] + longest


def _but_is(value: object) -> str:
    """What it is; a text is not shown, as somebody may have put a password there."""
    if isinstance(value, str):
        return ""
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, int | float):
        return f", not the number {value}"
    return ", not nothing" if value is None else ", not a mapping" if isinstance(value, dict) else ", not a list"


def _remedy(schema: Mapping[str, Any], value: object) -> str:
    kind = schema.get("type")
    if kind == "string" and isinstance(value, bool | int | float):
        return ": put it in quotes"
    if kind == "boolean" and isinstance(value, str) and value.lower() in _YES_AND_NO:
        return f": write {_YES_AND_NO[value.lower()]}"
    if kind in ("integer", "boolean") and isinstance(value, str):
        return ": write it without quotes" if value.isdecimal() or value in ("true", "false") else ""
    return ""
