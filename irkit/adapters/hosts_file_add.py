"""Adding a host to `hosts.yml`, byte for byte as it was otherwise: people keep comments in it.

The file is replaced as a whole or not at all, and only once what it will hold has been read back. How it is read is
`hosts_file`'s.
"""

import contextlib
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from irkit.adapters.hosts_file import problems_in
from irkit.adapters.inventory_kind import has_values, kind_of
from irkit.adapters.storage import make_folder, read_regular, storing, sync_folder, write_file
from irkit.adapters.yaml_document import MAX_BYTES, read_document
from irkit.core.errors import PlaybookError, StorageError, UsageError
from irkit.core.host import Host
from irkit.core.text import safe

HEAD: Final = """\
# The hosts that irkit knows. Every key: docs/hosts.md; for editors, as JSON Schema: docs/hosts.schema.json.
hosts:
"""
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*")
_NOT_PLAIN: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def add_host(path: Path, host: Host) -> None:
    """Add an entry for a host at the end of the hosts in a file, which is made where there is none.

    The defaults of the file hold for the new entry too. Raises UsageError where the name is there already or the file
    cannot be added to, StorageError.
    """
    place = Path(os.path.realpath(path))
    with storing(place), _held(_made(place.parent)):
        before = read_regular(place, MAX_BYTES) if place.exists() else None
        after = add_entry(before, entry_of(host), safe(path, 200))
        _replace(place, before, after)


def entry_of(host: Host) -> dict[str, Any]:
    """A host as an entry of the file: what differs from what is usual."""
    address = host.address if host.address != host.name else ""
    facts = {
        "name": host.name,
        "address": address,
        "reach": host.reach if host.reach != "ssh" else "",
        "user": host.user,
        "port": host.port,
        "jump": host.jump,
        "socket": host.socket,
        "sudo": host.sudo,
        "labels": dict(host.labels),
        "groups": list(host.groups),
        "tls": host.tls,
    }
    return {key: value for key, value in facts.items() if value}


def add_entry(before: bytes | None, entry: Mapping[str, Any], name: str) -> bytes:
    """What the file will hold. Raises UsageError."""
    old = _values(before, name)
    hosts = old.get("hosts") or []
    if any(isinstance(one, dict) and one.get("name") == entry["name"] for one in hosts):
        raise UsageError(f"{name}: there is a host {safe(entry['name'], 100)!r} already")
    text = HEAD if before is None else before.decode("utf-8")
    after = _insert(text, entry, name).encode()
    try:
        document = read_document(after, name)
    except PlaybookError:
        raise _by_hand(name) from None
    if document.value != {**old, "hosts": [*hosts, dict(entry)]}:
        raise _by_hand(name)
    for problem in problems_in(document):
        raise UsageError(f"{safe(entry['name'], 100)!r} cannot be added to {name}: {problem.reason}")
    return after


def _values(content: bytes | None, name: str) -> dict[str, Any]:
    """What the file holds now. Raises UsageError where it is another kind of file, or anything is wrong with it."""
    if content is None:
        return {}
    text = content.decode("utf-8-sig", "replace")
    if kind_of(text) != "irkit":
        raise UsageError(f"{name}: an inventory of Ansible's: irkit adds hosts to its own hosts.yml only")
    if not has_values(text):
        return {}
    document = read_document(content, name)
    if isinstance(document.value, dict):
        document.value.setdefault("hosts", None)  # there may be defaults only
    for problem in problems_in(document):
        raise problem
    return dict(document.value)


def _by_hand(name: str) -> UsageError:
    return UsageError(f"{name}: its form is not one that irkit can add to: write the entry under hosts by hand")


# Where the entry goes --------------------------------------------------------------------------------------------


def _insert(text: str, entry: Mapping[str, Any], name: str) -> str:
    """The text with the entry in it. Raises UsageError."""
    end = "\r\n" if "\r\n" in text else "\n"
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError:
        raise _by_hand(name) from None
    found = [(key, value) for key, value in root.value if key.value == "hosts"] if root is not None else []
    if not found:
        return _lines_at(text, len(text), f"hosts:{end}" + _block(entry, 2, end), end)
    key, hosts = found[0]
    if not isinstance(hosts, yaml.SequenceNode):
        return _lines_at(text, _after_line(text, key.end_mark.line), _block(entry, 2, end), end)
    if hosts.flow_style:
        place = _offset(text, hosts.end_mark) - 1
        return text[:place] + (", " if hosts.value else "") + _flow(entry) + text[place:]
    dash = hosts.start_mark.column
    place = _after_comments(text, _after_line(text, _last_line(hosts)), dash)
    return _lines_at(text, place, _block(entry, dash, end), end)


def _lines_at(text: str, place: int, lines: str, end: str) -> str:
    """Whole lines at the beginning of a line, or after a last one that is not ended."""
    gap = end if place and not _BREAK.fullmatch(text[place - 1]) else ""
    return text[:place] + gap + lines + text[place:]


def _starts(text: str) -> list[int]:
    """Where each line begins, as YAML counts them."""
    return [0, *(one.end() for one in _BREAK.finditer(text))]


def _offset(text: str, mark: Any) -> int:
    return int(_starts(text)[mark.line] + mark.column)


def _after_line(text: str, line: int) -> int:
    starts = _starts(text)
    return starts[line + 1] if line + 1 < len(starts) else len(text)


def _last_line(node: Any) -> int:
    """The line that a value ends in; marks of block collections stand where the next thing begins."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    is_block = getattr(node, "style", None) in ("|", ">") and node.end_mark.column == 0
    return int(node.end_mark.line) - (1 if is_block else 0)


def _after_comments(text: str, place: int, dash: int) -> int:
    """Past the comments that go with the last entry: those right after it, and not further left than it."""
    while (found := re.compile(r"( *)#[^\r\n]*(?:\r\n|[\r\n]|\Z)").match(text, place)) and len(found[1]) >= max(
        dash, 1
    ):
        place = found.end()
    return place


# How the entry is written ----------------------------------------------------------------------------------------


def _block(entry: Mapping[str, Any], indent: int, end: str) -> str:
    first, *rest = (f"{key}: {_flow_value(value)}" for key, value in entry.items())
    return "".join([" " * indent + f"- {first}{end}", *(" " * (indent + 2) + one + end for one in rest)])


def _flow(entry: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{_scalar(key)}: {_flow_value(value)}" for key, value in entry.items()) + "}"


def _flow_value(value: Any) -> str:
    if isinstance(value, dict):
        return _flow(value)
    return "[" + ", ".join(_scalar(one) for one in value) + "]" if isinstance(value, list) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool | int):
        return json.dumps(value)
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN else json.dumps(text, ensure_ascii=False)


# On disk ---------------------------------------------------------------------------------------------------------


def _made(folder: Path) -> Path:
    """The folder, made with those above it where they are missing, for their owner alone."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        with contextlib.suppress(FileExistsError):
            make_folder(one)
    return folder


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Have the folder for oneself, as far as other runs of irkit go: two that add at once both are to be there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(place: Path, before: bytes | None, after: bytes) -> None:
    """Put the new file in the old one's place, unless that was changed meanwhile."""
    new = place.with_name(f".{place.name}.{secrets.token_hex(4)}.new")
    write_file(new, after)
    try:
        if before is not None:
            kept = place.stat()
            new.chmod(kept.st_mode & 0o777)
            if (kept.st_uid, kept.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(new, kept.st_uid, kept.st_gid)
        if (read_regular(place, MAX_BYTES) if place.exists() else None) != before:
            raise StorageError(f"{place}: somebody else is changing the file: nothing was added, try again")
        new.rename(place)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(place.parent)
