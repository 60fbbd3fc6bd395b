"""An Ansible inventory in INI form, by the rules of Ansible's own documentation; what it says is left to others.

A section is a group, `:children` its subgroups, `:vars` its variables. A host's line is split as a shell would, and
comments begin with `#` anywhere in it; in a `:vars` section a value is the rest of the line.
"""

import re
import shlex
from collections.abc import Iterator
from typing import Final

from irkit.adapters.ansible_ranges import expand, split_port
from irkit.adapters.ansible_tree import MAX_HOSTS, Tree, Value
from irkit.core.errors import PlaybookError, UsageError
from irkit.core.text import safe

_SECTION: Final = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CHILD: Final = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_QUOTED: Final = re.compile(r"""(["'])((?:(?!\1)[^\\])*)\1\s*(?:#.*)?""")
_SIMPLE: Final = re.compile(r"([0-9]+|True|False)\s*#.*")
_NEEDS_SHELL: Final = re.compile(r"[\"'\\#]")
_LONGEST: Final = 64 * 1024


def read_ini(text: str, name: str) -> Tree:
    """The inventory in a text. Raises PlaybookError for the first thing in it that Ansible would refuse too."""
    reader = _Reader(Tree())
    number = 0
    try:
        for number, line in enumerate(text.splitlines(), 1):
            reader.take(line.strip(), number)
    except UsageError as error:
        raise PlaybookError(str(error), place=f"{safe(name, 200)}:{number}") from None
    for number, reason in reader.missing():
        raise PlaybookError(reason, place=f"{safe(name, 200)}:{number}")
    return reader.tree


class _Reader:
    """One reading, line by line: Ansible's own section at first is `ungrouped`."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._group, self._kind = "ungrouped", "hosts"
        self._declared = {"all", "ungrouped"}
        self._wanted: list[tuple[int, str, str]] = []

    def take(self, line: str, number: int) -> None:
        """The next line, without white space around it. Raises UsageError."""
        if not line or line[0] in "#;":
            return
        if len(line) > _LONGEST:
            raise UsageError("the line is too long")
        if found := _SECTION.fullmatch(line):
            self._begin(found[1], found[2] or "hosts", number)
        elif line.startswith("[") and line.endswith("]"):
            raise UsageError("a section is [group], [group:children] or [group:vars], without spaces")
        elif self._kind == "hosts":
            self._add_host(line)
        elif self._kind == "vars":
            self.tree.set_variables(self._group, dict([_variable(line)]))
        else:
            self._add_child(line, number)

    def missing(self) -> Iterator[tuple[int, str]]:
        """The groups that are named and nowhere declared, with the line that names them."""
        for number, group, reason in self._wanted:
            if group not in self._declared:
                yield number, reason

    def _begin(self, group: str, kind: str, number: int) -> None:
        if kind not in ("hosts", "children", "vars"):
            raise UsageError(f"a section [group:{safe(kind, 40)}] is not known: there are children and vars")
        self._group, self._kind = group, kind
        if kind == "vars":
            self._wanted.append((number, group, f"there is no group {safe(group, 60)!r} to have variables"))
        else:
            self._declared.add(group)
        self.tree.add_group(group)

    def _add_child(self, line: str, number: int) -> None:
        found = _CHILD.fullmatch(line)
        if not found:
            raise UsageError("under [group:children] each line is the name of a group")
        self._wanted.append((number, found[1], f"there is no group {safe(found[1], 60)!r} to be a child"))
        self.tree.add_child(self._group, found[1])

    def _add_host(self, line: str) -> None:
        pattern, *pairs = _words(line)
        variables: dict[str, Value] = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals:  # not shown: it may be part of a password with a space in it
                raise UsageError("after the host each word must be variable=value (values with spaces in quotes)")
            variables[key] = _plain(value)
        if pattern.endswith(":"):
            raise UsageError("a host must not end with a colon (is this a YAML inventory?)")
        name, port = split_port(pattern)
        for host in expand(name, MAX_HOSTS):
            self.tree.add_host(host, self._group, port, variables)


def _words(line: str) -> list[str]:
    if not _NEEDS_SHELL.search(line):
        return line.split()
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        raise UsageError("a quote in the line is not closed") from None


def _variable(line: str) -> tuple[str, str]:
    key, equals, value = line.partition("=")
    if not equals:
        raise UsageError("under [group:vars] each line is variable=value")
    return key.strip(), _plain(value.strip())


def _plain(value: str) -> str:
    """A value as Ansible takes it: a Python literal where it is one (a comment may follow), else as it is."""
    if found := _QUOTED.fullmatch(value):
        return found[2]
    found = _SIMPLE.fullmatch(value)
    return found[1] if found else value
