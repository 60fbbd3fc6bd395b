"""An Ansible inventory in YAML form; what it says is left to others.

Ansible's files have what irkit's own must not: anchors, merge keys, tags. They are read from the parser's events, so
that nothing is made of a tag, an alias costs nothing, and what is encrypted is never looked at.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from irkit.adapters.ansible_ranges import expand, split_port
from irkit.adapters.ansible_tree import MAX_HOSTS, Hidden, Tree, Value
from irkit.core.errors import PlaybookError, UsageError
from irkit.core.text import safe

Plain = Any
"""Text, nothing, `Hidden`, or lists and mappings of them; keys are text."""

_MAX_EVENTS: Final = 400_000
_MAX_DEPTH: Final = 60
_MAX_VISITS: Final = 100_000
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_VAULT_TAGS: Final = ("!vault", "!vault-encrypted")
_TEXT_TAGS: Final = ("!", "!unsafe")
_SECTIONS: Final = ("vars", "children", "hosts")


def read_plain(text: str, name: str) -> Plain:
    """The values of a YAML text, every scalar as text. Raises PlaybookError."""
    place = safe(name, 200)
    try:
        return _Reader(_LOADER(text), place).read()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        raise PlaybookError(f"it is not YAML: {safe(error.problem or error.context, 100)}", place=where) from None
    except yaml.YAMLError as error:
        raise PlaybookError(f"it is not YAML: {safe(str(error).partition(chr(10))[0], 100)}", place=place) from None


class _Reader:
    """One reading. Values that an alias stands for are the same object, never copied."""

    def __init__(self, loader: Any, name: str) -> None:
        self._loader, self._name = loader, name
        self._anchors: dict[str, Plain] = {}
        self._cost = 0

    def read(self) -> Plain:
        self._loader.get_event()  # the stream's start
        if isinstance(self._loader.get_event(), yaml.StreamEndEvent):
            return None
        value = self._value(self._loader.get_event(), 0)
        self._loader.get_event()  # the document's end
        event = self._loader.get_event()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._refusal(event, "a second document begins here: one file holds one")
        return value

    def _refusal(self, event: Any, reason: str) -> PlaybookError:
        mark = event.start_mark
        return PlaybookError(reason, place=f"{self._name}:{mark.line + 1}:{mark.column + 1}")

    def _value(self, event: Any, depth: int) -> Plain:
        self._pay(event, 1)
        if depth > _MAX_DEPTH:
            raise self._refusal(event, f"it is nested more than {_MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._refusal(event, "the alias stands for nothing that comes before it")
            return self._anchors[event.anchor]
        if isinstance(event, yaml.SequenceStartEvent):
            value: Plain = [self._value(one, depth + 1) for one in self._until(yaml.SequenceEndEvent)]
        elif isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(depth)
        else:
            value = _scalar(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _pay(self, event: Any, cost: int) -> None:
        self._cost += cost
        if self._cost > _MAX_EVENTS:
            raise self._refusal(event, f"the file holds more than {_MAX_EVENTS} values")

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := self._loader.get_event(), end):
            yield event

    def _mapping(self, depth: int) -> dict[str, Plain]:
        result: dict[str, Plain] = {}
        merged: dict[str, Plain] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            value = self._value(self._loader.get_event(), depth + 1)
            if key == "<<" and isinstance(event, yaml.ScalarEvent) and not event.style:
                self._merge(event, merged, value)
            elif isinstance(key, str) or key is None:
                result[key or ""] = value
            else:
                raise self._refusal(event, "a key must be text")
        return {**merged, **result}

    def _merge(self, event: Any, merged: dict[str, Plain], value: Plain) -> None:
        """Take in what a merge key names: of several mappings the first that has a key counts."""
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, dict):
                raise self._refusal(event, "what is merged with << must be a mapping")
            self._pay(event, len(one))
            for key, part in one.items():
                merged.setdefault(key, part)


def _scalar(event: Any) -> str | Hidden | None:
    text: str = event.value
    if event.tag in _VAULT_TAGS:
        return Hidden.VAULT
    if event.tag is not None and event.tag not in _TEXT_TAGS and not event.tag.startswith("tag:yaml.org,2002:"):
        return Hidden.OTHER
    return None if not event.style and text in _NOTHING else text


# What the values say ---------------------------------------------------------------------------------------------


def read_yaml(text: str, name: str) -> Tree:
    """The inventory in a text. Raises UsageError for the first thing in it that Ansible would refuse too."""
    value = read_plain(text, name)
    where = safe(name, 200)
    if not isinstance(value, dict):
        raise UsageError(f"{where}: an inventory is a mapping that begins with all, or another group")
    if "plugin" in value:
        raise UsageError(
            f"{where}: an inventory that a plugin makes is not run: save what it makes"
            " (ansible-inventory --list --yaml > inventory.yml) and use that"
        )
    walk = _Walk(Tree())
    try:
        for group, content in value.items():
            walk.take(group, content)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    return walk.tree


class _Walk:
    """A walk through groups and their children; aliases may lead to one of them many times."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._visits = 0

    def take(self, group: str, content: Plain, depth: int = 0) -> None:
        """A group with all below it. Raises UsageError."""
        self._visits += 1
        if depth > _MAX_DEPTH:
            raise UsageError(f"groups are nested more than {_MAX_DEPTH} deep")
        if self._visits > _MAX_VISITS:
            raise UsageError(f"groups are named more than {_MAX_VISITS} times")
        self.tree.add_group(group)
        if content is None:
            return
        if not isinstance(content, dict):
            raise UsageError(f"the group {safe(group, 60)!r} must be a mapping with {', '.join(_SECTIONS)}")
        for key in content:
            if key not in _SECTIONS:
                self.tree.notes[f"{safe(key, 60)!r} in a group is not known: there are {', '.join(_SECTIONS)}"] = None
        self.tree.set_variables(group, _variables(_section(content, "vars", group)))
        for child, below in _section(content, "children", group).items():
            self.tree.add_child(group, child)
            self.take(child, below, depth + 1)
        for pattern, variables in _section(content, "hosts", group).items():
            self._add_hosts(pattern, variables, group)

    def _add_hosts(self, pattern: str, variables: Plain, group: str) -> None:
        if variables is not None and not isinstance(variables, dict):
            raise UsageError(f"what is under the host {safe(pattern, 60)!r} must be a mapping of its variables")
        name, port = split_port(pattern)
        for host in expand(name, MAX_HOSTS):
            self.tree.add_host(host, group, port, _variables(variables or {}))


def _section(content: dict[str, Plain], key: str, group: str) -> dict[str, Plain]:
    found = content.get(key)
    if isinstance(found, str):
        return {found: None}
    if found is not None and not isinstance(found, dict):
        raise UsageError(f"{key} of the group {safe(group, 60)!r} must be a mapping, each name followed by a colon")
    return found or {}


def _variables(values: dict[str, Plain]) -> dict[str, Value]:
    return {
        key: value if isinstance(value, str | Hidden) else "" if value is None else Hidden.OTHER
        for key, value in values.items()
    }
