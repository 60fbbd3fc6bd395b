"""The rules of the playbook language, for a set of actions: what is wrong with a document, and where in it.

The document is plain values; reading a file, and saying the line of a problem, is an adapter's work. The rules that
are schemas are applied there too, with the schemas given here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from irkit.core.action import Action, Scope
from irkit.core.playbook import Parameter
from irkit.core.text import safe
from irkit.engine import wording
from irkit.engine.arguments import conflict, wrong_value
from irkit.engine.expressions import ExpressionError, Names, check_expression, expressions_in, names_for
from irkit.engine.planning import HOST_STEP
from irkit.engine.schema import Schema, action_schema, skeleton_schema

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """What is wrong with the value at `path`; `see` is the way to another value that has to do with it."""

    path: Path
    reason: str
    see: Path = ()


@dataclass(frozen=True)
class Language:
    """The playbook language with these actions."""

    actions: Mapping[str, type[Action]]

    def skeleton(self) -> Schema:
        """The schema of a playbook, less actions and their arguments."""
        return skeleton_schema()

    def arguments(self, action: str) -> Schema | None:
        """The schema of the arguments of an action; None where there is no such action."""
        return action_schema(self.actions[action]) if action in self.actions else None

    def mismatch(self, schema: Mapping[str, Any], value: object) -> str:
        """What a value that a schema refuses should be."""
        return wording.mismatch(schema, value)

    def unknown(self, what: str, name: object, known: list[str]) -> str:
        """That a name is not known, and what may have been meant."""
        return f"unknown {what} '{safe(name, 60)}'{wording.suggest(name, known)}"

    def problems(self, document: Mapping[str, Any]) -> Iterator[Problem]:
        """What no schema can say. Passes over what has the wrong shape: the schemas find that."""
        parameters = _mapping(document.get("parameters"))
        for name, raw in parameters.items():
            yield from _check_default(name, raw)
        yield from _check_condition(document.get("selects"), ("selects",), names_for(parameters))
        steps = document.get("steps")
        first: dict[str, Path] = {}
        for number, step in enumerate(steps if isinstance(steps, list) else ()):
            if isinstance(step, dict):
                yield from _check_id(step.get("id"), ("steps", number, "id"), first)
                yield from self._check_step(step, ("steps", number), parameters)

    def _check_step(self, step: Mapping[str, Any], path: Path, parameters: Mapping[str, Any]) -> Iterator[Problem]:
        name = step.get("action")
        action = self.actions.get(name) if isinstance(name, str) else None
        if isinstance(name, str) and action is None:
            yield Problem((*path, "action"), self.unknown("action", name, list(self.actions)))
        scope = action.scope if action else Scope.CONTAINER
        names = names_for(parameters, scope)
        yield from _check_condition(step.get("when"), (*path, "when"), names, scope)
        arguments = _mapping(step.get("with"))
        found = list(_check_arguments(arguments, (*path, "with"), names, scope))
        yield from found
        if action and not found and (reason := conflict(action, arguments)):
            yield Problem((*path, "with"), reason)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _check_id(name: object, path: Path, first: dict[str, Path]) -> Iterator[Problem]:
    if not isinstance(name, str):
        return
    if name == HOST_STEP:
        yield Problem(path, f"step id '{HOST_STEP}' is kept for what every run begins and ends with")
    if name in first:
        yield Problem(path, f"step id '{safe(name, 60)}' is used twice", first[name])
    first.setdefault(name, path)


def _check_default(name: str, raw: object) -> Iterator[Problem]:
    try:
        parameter = msgspec.convert(raw, Parameter)
    except msgspec.ValidationError:
        return
    if parameter.default is None:
        return
    if reason := wrong_value(parameter, parameter.default):
        yield Problem(("parameters", name, "default"), f"{reason} (its type is {parameter.type})")


def _check_condition(source: object, path: Path, names: Names, scope: Scope = Scope.CONTAINER) -> Iterator[Problem]:
    if isinstance(source, str) and source:
        yield from _check_source(source, path, names, scope)


def _check_arguments(arguments: Mapping[str, Any], path: Path, names: Names, scope: Scope) -> Iterator[Problem]:
    for key, value in arguments.items():
        try:
            found = list(expressions_in(value, (*path, key)))
        except ExpressionError as error:
            yield Problem((*path, key), error.reason)
            continue
        for place, source in found:
            yield from _check_source(source, place, names, scope)


def _check_source(source: str, path: Path, names: Names, scope: Scope) -> Iterator[Problem]:
    try:
        check_expression(source, names=names)
    except ExpressionError as error:
        note = " (the step is done once for each host)" if scope is Scope.HOST and "'container" in error.reason else ""
        yield Problem(path, error.reason + note)
