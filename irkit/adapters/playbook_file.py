"""A playbook from a YAML file, or everything that is wrong with it, each with its line.

What YAML is accepted is `yaml_document`'s to say, what a playbook may hold the language's, which is passed in.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from irkit.adapters.schema_fit import fits, nothing_passes
from irkit.adapters.schema_problems import validator_class
from irkit.adapters.yaml_document import MAX_BYTES, Document, Path, path_text, read_document
from irkit.core.errors import PlaybookError
from irkit.core.playbook import Playbook
from irkit.core.text import safe

if TYPE_CHECKING:
    from jsonschema import ValidationError

_EXPRESSION: Final = "${{"


class Problem(Protocol):
    """What is wrong with the value at `path`; `see` is the way to another one that has to do with it."""

    @property
    def path(self) -> Path: ...
    @property
    def reason(self) -> str: ...
    @property
    def see(self) -> Path: ...


class Language(Protocol):
    """What a playbook may hold: `irkit.engine.language`."""

    def skeleton(self) -> Mapping[str, Any]: ...
    def arguments(self, action: str) -> Mapping[str, Any] | None: ...
    def mismatch(self, schema: Mapping[str, Any], value: object) -> str: ...
    def unknown(self, what: str, name: object, known: list[str]) -> str: ...
    def problems(self, document: Mapping[str, Any]) -> Iterable[Problem]: ...


def load_playbook(source: FilePath | bytes, name: str, language: Language) -> tuple[Playbook, bytes]:
    """The playbook, and the bytes it was made from. Raises the first PlaybookError there is in it.

    `name` is what the file is called in messages.
    """
    content = source if isinstance(source, bytes) else _read(source, name)
    document = _read_mapping(content, name)
    for problem in _problems(document, language):
        raise problem
    return _build(document, content), content


def find_problems(source: FilePath | bytes, name: str, language: Language) -> list[PlaybookError]:
    """Everything that is wrong with a playbook, in the order of its lines."""
    try:
        content = source if isinstance(source, bytes) else _read(source, name)
        document = _read_mapping(content, name)
    except PlaybookError as error:
        return [error]
    return _problems(document, language)


def _read(path: FilePath, name: str) -> bytes:
    try:
        # Not to wait for a pipe that nobody writes to, or for a device that never ends.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PlaybookError("the file cannot be read: it is not a regular file", place=safe(name, 200))
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "the path cannot be used"
        raise PlaybookError(f"the file cannot be read: {reason}", place=safe(name, 200)) from None


def _read_mapping(content: bytes, name: str) -> Document:
    document = read_document(content, name)
    if not isinstance(document.value, dict):
        reason = "a playbook is a mapping that begins with name, version and steps"
        raise PlaybookError(reason, place=document.place(()))
    return document


def _build(document: Document, content: bytes) -> Playbook:
    steps = document.value["steps"]
    places = {step["id"]: f"{document.name}:{document.position(('steps', n))[0]}" for n, step in enumerate(steps)}
    more = {"digest": hashlib.sha256(content).hexdigest(), "places": places}
    try:
        return msgspec.convert({**document.value, **more}, Playbook)
    except msgspec.ValidationError as error:
        raise PlaybookError(safe(error, 200), place=document.name) from None


# Problems --------------------------------------------------------------------------------------------------------


def _problems(document: Document, language: Language) -> list[PlaybookError]:
    found: dict[tuple[Path, str], tuple[tuple[int, int], PlaybookError]] = {}
    for path, reason, of_key in _all_problems(document, language):
        error = PlaybookError(reason, place=document.place(path, of_key=of_key), path=path_text(path))
        found.setdefault((path, reason), (document.position(path, of_key=of_key), error))
    in_order = sorted([*document.problems, *found.values()], key=lambda one: one[0])
    return [error for _, error in in_order]


_Found = tuple[Path, str, bool]
"""The way to a value, what is wrong with it, and whether its key is meant."""


def _all_problems(document: Document, language: Language) -> Iterator[_Found]:
    yield from _schema_problems(language.skeleton(), document.value, (), language)
    steps = document.value.get("steps")
    for number, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, dict):
            yield from _argument_problems(step, ("steps", number, "with"), language)
    for problem in language.problems(document.value):
        first = f": first in line {document.position(problem.see)[0]}" if problem.see else ""
        yield problem.path, problem.reason + first, False


def _argument_problems(step: Mapping[str, Any], path: Path, language: Language) -> Iterator[_Found]:
    action, arguments = step.get("action"), step.get("with", {})
    schema = language.arguments(action) if isinstance(action, str) else None
    if schema is None or not isinstance(arguments, dict):
        return
    yield from _schema_problems(schema, arguments, path, language)


def _schema_problems(schema: Mapping[str, Any], value: Any, base: Path, language: Language) -> Iterator[_Found]:
    """What a schema finds; in the arguments of a step an expression stands for any value."""
    passes = _is_expression if base else nothing_passes
    if fits(schema, value, passes):
        return
    for error in validator_class()(schema).iter_errors(value):
        if not passes(error.instance):
            yield from _explain(error, (*base, *error.absolute_path), language)


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and _EXPRESSION in value


def _explain(error: "ValidationError", path: Path, language: Language) -> Iterator[_Found]:
    """One mistake that a schema shows, in plain words."""
    schema: Any = error.schema
    value: Any = error.instance
    what = "parameter" if path[-1:] == ("with",) else "key"
    match error.validator:
        case "additionalProperties":
            known = schema["properties"]
            for name in value:
                if name not in known:
                    yield (*path, name), language.unknown(what, name, list(known)), True
        case "required":
            for name in schema["required"]:
                if name not in value:
                    yield path, f"{what} {name} is missing", False
        case _ if "propertyNames" in error.absolute_schema_path:
            yield (*path, value), f"the name {language.mismatch(schema, value)}", True
        case _:
            yield path, language.mismatch(schema, value), False
