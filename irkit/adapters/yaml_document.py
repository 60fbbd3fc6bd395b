"""YAML as irkit accepts it: plain values, and where in the file each stands. What they mean is left to others.

A safe part of YAML 1.2, from the event stream of the C parser: text, whole numbers, numbers, true, false, nothing,
lists and mappings. Anchors, aliases, merge keys, tags and further documents are refused, and what YAML 1.1 and 1.2
read differently never becomes a surprise: `yes`, `no`, `on`, `off`, `24:00`, dates and `1_000` are text; `010` is
refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml

from irkit.core.errors import PlaybookError
from irkit.core.text import safe

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 20
MAX_VALUES: Final = 20_000
MAX_NUMBER: Final = 2**63 - 1

Path = tuple[str | int, ...]
Place = tuple[int, int]

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAB: Final = re.compile(r"^ *\t[ \t]*[^\s]", re.MULTILINE)
# Controls, and the characters that make text read in another order than it is written.
_HIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL: Final = re.compile(r"[-+]?0[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")
_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass
class Document:
    """The values of a file, where each stands and where its key does, and what is wrong short of the syntax."""

    name: str
    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    problems: list[tuple[Place, PlaybookError]] = field(default_factory=list)

    def place(self, path: Path, *, of_key: bool = False) -> str:
        """`file:line:column` of a value, or of what is nearest to it where it is not in the file."""
        line, column = self.position(path, of_key=of_key)
        return f"{self.name}:{line}:{column}"

    def position(self, path: Path, *, of_key: bool = False) -> Place:
        """Line and column of a value, both from 1."""
        if of_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def path_text(path: Path) -> str:
    """The way to a value as people write it: `steps[2].with.since`."""
    parts = (f"[{one}]" if isinstance(one, int) else f".{safe(one, 60)}" for one in path)
    return "".join(parts).removeprefix(".")


def read_document(source: bytes, name: str) -> Document:
    """The values of a YAML file. Raises PlaybookError where it is not one, or is larger than allowed."""
    name = safe(name, 200)
    text = _decode(source, name)
    if found := _TAB.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise PlaybookError("the line is indented with a tab: use spaces", place=f"{name}:{line}:1")
    reader = _Reader(_LOADER(text), Document(name))
    try:
        return reader.read()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from None
    except yaml.YAMLError as error:
        reason = safe(str(error).partition("\n")[0], 100)
        raise PlaybookError(f"it is not YAML: {reason}", place=name) from None


def _decode(source: bytes, name: str) -> str:
    if len(source) > MAX_BYTES:
        raise PlaybookError(f"the file is larger than {MAX_BYTES >> 20} MiB", place=name)
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise PlaybookError("the file is not text in UTF-8", place=f"{name}:{line}") from None


def _syntax_error(error: yaml.MarkedYAMLError, text: str, name: str) -> PlaybookError:
    mark = error.problem_mark or error.context_mark
    reason = f"it is not YAML: {safe(error.problem or error.context, 100)}"
    if mark is None:
        return PlaybookError(reason, place=name)
    if "${{" in "".join(text.splitlines()[mark.line : mark.line + 1]):
        reason += " (text with ${{ }} may need quotes around it)"
    return PlaybookError(reason, place=f"{name}:{mark.line + 1}:{mark.column + 1}")


class _Reader:
    """One reading: events become values as they come, so that nothing is built of what is refused."""

    def __init__(self, loader: Any, document: Document) -> None:
        self._loader = loader
        self._document = document
        self._count = 0

    def read(self) -> Document:
        self._loader.get_event()  # the stream's start
        if isinstance(self._loader.get_event(), yaml.StreamEndEvent):
            raise PlaybookError("the file is empty", place=self._document.name)
        self._document.value = self._value(self._loader.get_event(), ())
        self._loader.get_event()  # the document's end
        event = self._loader.get_event()
        if not isinstance(event, yaml.StreamEndEvent):
            self._refuse(event, (), "a second document begins here: one file holds one")
        return self._document

    def _refuse(self, event: Any, path: Path, reason: str) -> NoReturn:
        line, column = _place(event)
        raise PlaybookError(reason, place=f"{self._document.name}:{line}:{column}", path=path_text(path))

    def _note(self, event: Any, path: Path, reason: str) -> None:
        line, column = _place(event)
        place = f"{self._document.name}:{line}:{column}"
        self._document.problems.append(((line, column), PlaybookError(reason, place=place, path=path_text(path))))

    def _value(self, event: Any, path: Path) -> Any:
        self._check(event, path)
        self._document.places[path] = _place(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(one, (*path, number)) for number, one in enumerate(self._until(yaml.SequenceEndEvent))]
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        return self._scalar(event, path)

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := self._loader.get_event(), end):
            yield event

    def _check(self, event: Any, path: Path) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            self._refuse(event, (), f"the file holds more than {MAX_VALUES} values")
        if len(path) > MAX_DEPTH:
            self._refuse(event, (), f"it is nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse(event, path, "anchors (&) and aliases (*) are not allowed: write the value out")
        if event.tag is not None:
            self._refuse(event, path, f"the tag {safe(event.tag, 60)} is not allowed: put text in quotes instead")

    def _mapping(self, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            self._check(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(event, path, "a key must be text, not a list or a mapping")
            key = self._key(event, path)
            value = self._value(self._loader.get_event(), (*path, key))
            result.setdefault(key, value)
        return result

    def _key(self, event: Any, path: Path) -> str:
        key: str = event.value
        place = (*path, key)
        if key == "<<" and not event.style:
            self._refuse(event, path, "merge keys (<<) are not allowed: write the values out")
        if place in self._document.keys:
            line, _ = self._document.keys[place]
            self._note(event, place, f"the key is there twice: first in line {line}")
        elif not isinstance(self._scalar(event, place), str):
            self._note(event, path, f"the key {safe(key, 60)} must be text: put it in quotes")
        self._document.keys.setdefault(place, _place(event))
        return key

    def _scalar(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if hidden := _HIDDEN.search(text):
            self._note(event, path, f"the text holds a hidden character (U+{ord(hidden.group()):04X})")
        if event.style:  # quoted, or a block
            return text
        if _OCTAL.fullmatch(text):
            number = text.lstrip("+-0") or "0"
            self._note(
                event, path, f"{safe(text, 30)} has two readings: write {safe(number, 30)} or '{safe(text, 30)}'"
            )
            return 0
        return self._plain(event, text, path)

    def _plain(self, event: Any, text: str, path: Path) -> Any:
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            if len(text) > len(str(MAX_NUMBER)) or abs(int(text)) > MAX_NUMBER:
                self._note(event, path, "the number is too large")
                return 0
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1
