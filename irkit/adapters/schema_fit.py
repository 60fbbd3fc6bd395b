"""Whether a value surely fits a JSON Schema, without the library that says what is wrong where it does not.

To load that library takes longer than to read a playbook, and most playbooks are right. What is not known here does
not fit, so that the library is asked: a schema with other keywords costs time, and nothing else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Passes = Callable[[object], bool]

_REFERENCE: Final = "#/$defs/"
_SAYS_NOTHING: Final = frozenset({"$schema", "$defs", "title", "description", "default", "examples"})
_TYPES: Final[Mapping[str, type]] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
_BOUNDS: Final[Mapping[str, tuple[type, Callable[[Any, Any], bool]]]] = {
    "enum": (object, lambda said, value: isinstance(value, str) and value in said),
    "pattern": (str, lambda said, value: re.search(said, value) is not None),
    "minLength": (str, lambda said, value: len(value) >= said),
    "maxLength": (str, lambda said, value: len(value) <= said),
    "minimum": (int, lambda said, value: value >= said),
    "maximum": (int, lambda said, value: value <= said),
    "minItems": (list, lambda said, value: len(value) >= said),
    "maxItems": (list, lambda said, value: len(value) <= said),
    "required": (dict, lambda said, value: all(name in value for name in said)),
}
"""What a keyword asks of a value of one type; it asks nothing of others."""


def nothing_passes(_: object) -> bool:
    """No value stands for others."""
    return False


def fits(schema: Mapping[str, Any], value: Any, passes: Passes = nothing_passes) -> bool:
    """Whether a value surely fits; a whole number is an int. What `passes` stands for any value."""
    return _Fit(schema.get("$defs", {}), passes).fits(schema, value)


@dataclass(frozen=True)
class _Fit:
    parts: Mapping[str, Any]
    passes: Passes

    def fits(self, schema: Any, value: Any) -> bool:
        if not isinstance(schema, dict) or isinstance(value, float):
            return False
        return self.passes(value) or all(
            word in _SAYS_NOTHING or self._heeds(word, said, schema, value) for word, said in schema.items()
        )

    def _heeds(self, word: str, said: Any, schema: Mapping[str, Any], value: Any) -> bool:
        kind, is_met = _BOUNDS.get(word, (object, None))
        if is_met is not None:
            return not isinstance(value, kind) or is_met(said, value)
        match word:
            case "type":
                return _is_of_type(said, value)
            case "$ref" if said.startswith(_REFERENCE):
                return self.fits(self.parts.get(said.removeprefix(_REFERENCE)), value)
            case "anyOf":
                # Within one of several nothing passes: what passes does so where they are chosen from.
                strict = _Fit(self.parts, nothing_passes)
                return any(strict.fits(one, value) for one in said)
            case "items" | "properties" | "additionalProperties" | "propertyNames":
                return self._heeds_within(word, said, schema, value)
        return False

    def _heeds_within(self, word: str, said: Any, schema: Mapping[str, Any], value: Any) -> bool:
        """What is asked of each entry of a list or a mapping."""
        if word == "items":
            return not isinstance(value, list) or all(self.fits(said, one) for one in value)
        if not isinstance(value, dict):
            return True
        if word == "propertyNames":
            return all(self.fits(said, name) for name in value)
        named = schema.get("properties", {})
        if word == "properties":
            return all(self.fits(one, value[name]) for name, one in named.items() if name in value)
        return all(self.fits(said, one) for name, one in value.items() if name not in named)


def _is_of_type(said: Any, value: Any) -> bool:
    if said == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(said, str) and said in _TYPES and isinstance(value, _TYPES[said])
