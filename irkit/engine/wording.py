"""How a mistake in a playbook or an argument is put in plain words. Where it stands is left to the caller."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Final

from irkit.core.text import safe

_SHOWN: Final = 60
_MANY: Final = 16
_LISTED: Final = 400
_TYPES: Final = {
    "string": "text",
    "boolean": "true or false",
    "object": "a mapping",
    "null": "nothing",
    "number": "a number",
}
_YAML_WORDS: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
Schema = Mapping[str, Any]


def suggest(word: object, known: Collection[str]) -> str:
    """What may have been meant: `: did you mean action?`, or what there is, or that there is nothing."""
    close = difflib.get_close_matches(str(word)[:100], known, n=1, cutoff=0.6)
    if close:
        return f": did you mean {safe(close[0], _SHOWN)}?"
    if not known:
        return ": there are none"
    return f": there are {safe(', '.join(sorted(known)), _LISTED)}" if len(known) <= _MANY else ""


def show(value: object) -> str:
    """A value, short and harmless, as it is named in a message."""
    if isinstance(value, str):
        return f"'{safe(value, _SHOWN)}'" if value else "empty text"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if value is None:
        return "nothing"
    return "a mapping" if isinstance(value, Mapping) else f"a list of {len(value)}"  # type: ignore[arg-type]


def expected(schema: Schema) -> str:
    """What a JSON Schema asks for."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(expected(one) for one in schema["anyOf"] if one.get("type") != "null"))
    if "enum" in schema:
        return f"one of {', '.join(str(one) for one in schema['enum'] if one != '')}"
    match schema.get("type"):
        case "integer":
            return "a whole number" + _limits(schema, "minimum", "maximum")
        case "array":
            entries = f" of {expected(schema['items'])}" if "$ref" not in schema["items"] else ""
            return f"a list{_limits(schema, 'minItems', 'maxItems', ' entries')}{entries}"
        case "string":
            return _expected_text(schema)
        case kind:
            return _TYPES.get(str(kind), "something else")


def _expected_text(schema: Schema) -> str:
    if "examples" in schema:
        return f"text such as {', '.join(map(str, schema['examples']))}"
    if "pattern" in schema:
        return f"text that matches {schema['pattern']}"
    return "text" + _limits(schema, "minLength", "maxLength", " characters")


def mismatch(schema: Schema, value: object) -> str:
    """What a value should be and is, with the likely remedy."""
    return f"must be {expected(schema)}, not {show(value)}{_remedy(schema, value)}"


def _limits(schema: Schema, low: str, high: str, unit: str = "") -> str:
    limits = [f"at least {schema[low]}"] if low in schema else []
    limits += [f"at most {schema[high]}"] if high in schema else []
    return f" of {' and '.join(limits)}{unit}" if limits else ""


def _takes_any_text(schema: Schema) -> bool:
    kinds = schema.get("anyOf", [schema])
    return any(one.get("type") == "string" and not {"pattern", "examples"} & set(one) for one in kinds)


def _remedy(schema: Schema, value: object) -> str:
    takes = {schema.get("type"), *(one.get("type") for one in schema.get("anyOf", ()))}
    if "boolean" in takes and isinstance(value, str) and value.lower() in _YAML_WORDS:
        return f": write {_YAML_WORDS[value.lower()]}"
    if _takes_any_text(schema) and isinstance(value, bool | int | float):
        return ": put it in quotes"
    if takes & {"integer", "boolean"} and isinstance(value, str) and value.isdigit() | (value in ("true", "false")):
        return ": write it without quotes"
    return ""
