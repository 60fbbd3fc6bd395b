"""The playbook language as JSON Schema, made from the types of playbooks and of actions.

It serves three readers: the loader (the skeleton, and one schema for each action's arguments), editors (the whole)
and the reference. What a schema cannot say (ids used twice, names in expressions) is in `language`.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from irkit.core.action import Action
from irkit.core.playbook import Playbook
from irkit.core.values import DURATION_PATTERN

Schema = dict[str, Any]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = "#/$defs/{name}"
_NOT_IN_FILES: Final = ("digest", "places")
_CONDITION: Final = {"minLength": 1, "examples": ['container.state == "running"']}
_EXPRESSION: Final = {
    "title": "Expression",
    "description": "${{ }} around an expression (CEL) over container, host, params and run.",
    "type": "string",
    "pattern": r"\$\{\{",
    "examples": ["${{ params.log_since }}"],
}
_VALUE_ONLY: Final = ("description", "default", "title")

# What the types do not say of the fields of a playbook: their description and their bounds.
_FIELDS: Final[Mapping[str, Mapping[str, Schema]]] = {
    "Playbook": {
        "name": {
            "description": "What the playbook is called: lower-case letters, digits and hyphens.",
            "pattern": r"^[a-z0-9][a-z0-9-]{0,63}$(?!\n)",
            "examples": ["triage", "contain-web-server"],
        },
        "version": {"description": "Raise it with every change; it stands in plan and bundle.", "minimum": 1},
        "title": {"description": "One line for lists and screens."},
        "description": {"description": "What the playbook does, when to use it, and what it costs."},
        "references": {"description": "Where the procedure comes from, such as attack:T1610 or nist:sp800-61."},
        "parameters": {
            "description": "The values a responder may give with --param, by name; ${{ params.NAME }} stands for one.",
            "propertyNames": {"pattern": r"^[a-z][a-z0-9_]{0,63}$(?!\n)", "type": "string", "examples": ["log_since"]},
        },
        "selects": {"description": "An expression (CEL) that a container must meet to be a target.", **_CONDITION},
        "hold": {
            "description": "What irkit run --hold does where somebody breaks the containment: tell, or contain again."
        },
        "steps": {"description": "What is done, first to last.", "minItems": 1, "maxItems": 500},
    },
    "Parameter": {
        "type": {"description": "What kind of value it takes."},
        "description": {"description": "What the value is for."},
        "default": {"description": "The value where none is given; without it, one must be given."},
        "choices": {"description": "The only values it takes."},
    },
    "Step": {
        "id": {
            "description": "The name of the step in plan, log and bundle; used once in a playbook.",
            "pattern": r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)",
            "examples": ["volatile", "cut-off"],
        },
        "action": {"description": "What the step does."},
        "title": {"description": "One line for screens, where the id does not say enough."},
        "with": {"description": "The parameters of the action."},
        "when": {"description": "An expression (CEL); the step is skipped where it is false.", **_CONDITION},
        "on_error": {"description": "Usual is continue for what only reads, and stop for what changes something."},
        "timeout": {
            "description": "How long one operation of the step may take.",
            "pattern": DURATION_PATTERN,
            "examples": ["90s", "10m", "1h30m"],
        },
        "retries": {"description": "How often an operation that failed is tried again.", "minimum": 0, "maximum": 10},
        "accept_loss": {"description": "Go on although the step destroys what cannot be collected after it."},
    },
}


def action_schema(action_class: type[Action]) -> Schema:
    """The schema of the arguments of one action, with values as they are once expressions are evaluated."""
    (reference,), parts = msgspec.json.schema_components([action_class], ref_template=_REFERENCE)
    schema: Schema = parts[reference["$ref"].rpartition("/")[2]]
    schema.pop("title", None)
    return {**schema, "description": inspect.getdoc(action_class) or "", "additionalProperties": False}


def skeleton_schema() -> Schema:
    """The schema of a playbook without what depends on the actions there are."""
    (reference,), parts = msgspec.json.schema_components([Playbook], ref_template=_REFERENCE)
    for part, fields in _FIELDS.items():
        _describe(parts[part], fields)
    playbook: Schema = parts.pop(reference["$ref"].rpartition("/")[2])
    for name in _NOT_IN_FILES:
        del playbook["properties"][name]
    return {"$schema": DRAFT, **playbook, "title": "Playbook", "$defs": parts}


def playbook_schema(actions: Mapping[str, type[Action]]) -> Schema:
    """The whole schema of a playbook, as editors use it: the arguments of a step depend on its action."""
    schema = skeleton_schema()
    step = schema["$defs"]["Step"]
    step["properties"]["action"]["oneOf"] = [
        {"const": name, "description": inspect.getdoc(action) or ""} for name, action in actions.items()
    ]
    step["allOf"] = [_depend(name, action_schema(action)) for name, action in actions.items()]
    schema["$defs"]["Expression"] = dict(_EXPRESSION)
    schema["$defs"].update((f"with.{name}", _allow_expressions(action_schema(one))) for name, one in actions.items())
    return schema


def _describe(part: Schema, fields: Mapping[str, Schema]) -> None:
    """Put descriptions and bounds into the schema of a type, and take out defaults that only code can have."""
    part["description"] = inspect.cleandoc(part["description"])
    for name, more in fields.items():
        field = part["properties"][name]
        field.update(more)
        if field.get("default", 0) in ("", None):
            del field["default"]
        if "enum" in field:
            field["enum"] = [one for one in field["enum"] if one != ""]


def _depend(name: str, arguments: Schema) -> Schema:
    """What a step with that action looks like."""
    then: Schema = {"properties": {"with": {"$ref": f"#/$defs/with.{name}"}}}
    if arguments.get("required"):
        then["required"] = ["with"]
    return {"if": {"properties": {"action": {"const": name}}, "required": ["action"]}, "then": then}


def _allow_expressions(arguments: Schema) -> Schema:
    properties = {name: _or_expression(one) for name, one in arguments["properties"].items()}
    return {**arguments, "properties": properties}


def _or_expression(schema: Schema) -> Schema:
    """The schema of a value that may be an expression instead, at any depth of lists."""
    about = {key: value for key, value in schema.items() if key in _VALUE_ONLY}
    value = {key: value for key, value in schema.items() if key not in _VALUE_ONLY}
    if value == {"type": "string"}:
        return schema
    if "items" in value:
        value["items"] = _or_expression(value["items"])
    kinds = value.get("anyOf", [value])
    return {**about, "anyOf": [*kinds, {"$ref": "#/$defs/Expression"}]}
