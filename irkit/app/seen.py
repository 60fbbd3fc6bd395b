"""What a look saw, as values that a screen shows: processes, sockets, changed files. All text in them is foreign.

How many changed files are shown is `changed_files`' to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

_KINDS = {0: "changed", 1: "added", 2: "deleted"}


@dataclass(frozen=True, slots=True)
class Process:
    """One process: `depth` is its place in the tree, `notes` what is unusual about it."""

    pid: int
    parent: int
    depth: int
    user: str
    started: str
    title: str
    executable: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Socket:
    """One socket; `holders` are the processes that have it open."""

    protocol: str
    state: str
    local: str
    remote: str
    holders: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is not as the image has it: `kind` is `added`, `changed` or `deleted`."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log as it is shown: the start of what was written, with U+FFFD for what is no UTF-8."""

    stream: str
    stamp: str
    text: str
    is_cut: bool = False


LONGEST_LINE = 4000
"""Bytes of a log line that are shown at most."""


def log_line(stream: str, stamp: str, content: bytes) -> LogLine:
    """A record of a log as a line."""
    text = content[:LONGEST_LINE].removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
    return LogLine(stream, stamp, text, len(content) > LONGEST_LINE)


@dataclass
class _Node:
    facts: Mapping[str, Any]
    children: list[int] = field(default_factory=list)


def processes_of(lines: bytes) -> list[Process]:
    """The processes of a summary made from /proc, a line of JSON each, as a tree."""
    return list(_tree(_json_lines(lines), _of_proc))


def _json_lines(lines: bytes) -> Iterator[Any]:
    """The values of whole lines; where it was cut short, the last is none."""
    return (msgspec.json.decode(line) for line in lines[: lines.rfind(b"\n") + 1].split(b"\n") if line.strip())


def processes_of_list(body: bytes) -> list[Process]:
    """The processes of the engine's list, as a tree; of hosts whose ps is another, by its own titles."""
    found = [{name.lower(): value for name, value in one.items()} for one in msgspec.json.decode(body)["processes"]]
    return list(_tree(found, _of_list))


def _of_proc(one: Mapping[str, Any], depth: int) -> Process:
    exe = one.get("exe") or {}
    users = one.get("users") or {}
    return Process(
        pid=one["pid"],
        parent=one["ppid"],
        depth=depth,
        user=str(users.get("effective", "")),
        started=str(one.get("started_at") or ""),
        title=" ".join(one.get("arguments") or ()) or f"[{one.get('name', '')}]",
        executable=f"{exe.get('path', '')}{' (deleted)' if exe.get('deleted') else ''}",
        notes=tuple(one.get("notes") or ()),
    )


def _of_list(one: Mapping[str, Any], depth: int) -> Process:
    return Process(
        pid=int(one.get("pid") or 0),
        parent=int(one.get("ppid") or 0),
        depth=depth,
        user=str(one.get("user") or one.get("uid") or ""),
        started=str(one.get("started_at") or ""),
        title=str(one.get("command") or one.get("cmd") or ""),
    )


def _tree(found: Iterable[Mapping[str, Any]], make: Callable[[Mapping[str, Any], int], Process]) -> Iterator[Process]:
    """Each below the process that started it; those whose parent is not among them are roots."""
    nodes = {int(one["pid"]): _Node(one) for one in found if "pid" in one}
    roots = []
    for pid, node in nodes.items():
        above = int(node.facts.get("ppid") or 0)
        if above in nodes and above != pid:
            nodes[above].children.append(pid)
        else:
            roots.append(pid)
    seen: set[int] = set()
    for root in (*sorted(roots), *sorted(nodes)):  # what no root leads to is a ring of parents: no honest /proc has one
        waiting = [(root, 0)]
        while waiting:
            pid, depth = waiting.pop()
            if pid not in seen:
                seen.add(pid)
                yield make(nodes[pid].facts, depth)
                waiting += [(child, depth + 1) for child in sorted(nodes[pid].children, reverse=True)]


def sockets_of(lines: bytes) -> list[Socket]:
    """The sockets of a summary made from /proc, a line of JSON each."""
    return [_socket(one) for one in _json_lines(lines)]


def _socket(one: Mapping[str, Any]) -> Socket:
    holders = [f"{who.get('name', '')} ({who['pid']})" for who in one.get("processes") or ()]
    return Socket(
        protocol=str(one.get("protocol") or ""),
        state=str(one.get("state") or ""),
        local=_place(one, "local"),
        remote=_place(one, "remote"),
        holders=tuple(dict.fromkeys(holders)),
        note=str(one.get("note") or ""),
    )


def _place(one: Mapping[str, Any], side: str) -> str:
    """An end of a socket: address and port, or the path of a local one."""
    end = one.get(side)
    if isinstance(end, Mapping):
        address = str(end.get("address", ""))
        return f"[{address}]:{end.get('port')}" if ":" in address else f"{address}:{end.get('port')}"
    return str(one.get("path") or "") if side == "local" else ""


def changes_of(body: bytes) -> list[Change]:
    """The engine's list of changed files; an engine says null where there is none.

    Of a list that was cut short it is the changes that are whole. Raises MsgspecError where it is no such list.
    """
    try:
        found = _CHANGES.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        ends = [one.start() for one in _BETWEEN.finditer(body, max(0, len(body) - _LONGEST_CHANGE))]
        if not ends:
            raise
        found = _CHANGES.decode(body[: ends[-1] + 1] + b"]")
    return [Change(_KINDS.get(one.kind, "changed"), one.path) for one in found or ()]


class _Change(msgspec.Struct, rename="pascal"):
    path: str
    kind: int = 0


_CHANGES = msgspec.json.Decoder(list[_Change] | None)
_BETWEEN = re.compile(rb'\}\s*,\s*\{\s*"[A-Za-z]')
"""Where a change ends and the next begins: no path in JSON holds it, as quotes there have a backslash before them."""
_LONGEST_CHANGE = 1 << 16
