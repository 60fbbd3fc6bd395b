"""The hosts in irkit's own `hosts.yml`, or everything that is wrong with it, each with its line.

What YAML is accepted is `yaml_document`'s to say, the shape of an entry `inventory_schema`'s; the rules here are those
that no schema can say. Reading the file, and adding to it, are left to others.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, Final

from irkit.adapters.host_address import KEPT_NAMES, Endpoint, is_host, parse_endpoint, refuse_open_tcp
from irkit.adapters.host_jumps import Jumps
from irkit.adapters.inventory_schema import NAME_PATTERN, fits, inventory_schema
from irkit.adapters.schema_problems import Found, schema_problems
from irkit.adapters.yaml_document import Document, path_text, read_document
from irkit.core.errors import PlaybookError, UsageError
from irkit.core.host import Host
from irkit.core.text import safe

KEPT_BEGINNINGS: Final = ("group:", "label:", "context:")
"""What names cannot begin with, as it means something else where a host is chosen."""
_OF_REACH: Final[Mapping[str, frozenset[str]]] = {
    "ssh": frozenset({"address", "user", "port", "jump", "socket", "sudo"}),
    "local": frozenset({"socket", "sudo"}),
    "tcp": frozenset({"address", "port", "tls"}),
}
_SOME_REACH: Final = frozenset().union(*_OF_REACH.values())
_ALWAYS: Final = frozenset({"name", "reach", "labels", "groups"})


def read_hosts(content: bytes, name: str, folder: FilePath) -> tuple[Host, ...]:
    """The hosts of a `hosts.yml`, with what its defaults say put into each. Raises PlaybookError.

    `name` is what the file is called in messages; `folder` is where relative folders of certificates are. The error is
    that of the first problem, and says how many more there are.
    """
    document = read_document(content, name)
    found = problems_in(document)
    if found:
        first, more = found[0], len(found) - 1
        reason = first.reason + (f" (and {more} more {'problem' if more == 1 else 'problems'})" if more else "")
        raise PlaybookError(reason, place=first.place, path=first.path)
    return _build(document.value, folder)


def problems_in(document: Document) -> list[PlaybookError]:
    """Everything that is wrong with a document, in the order of its lines."""
    found: dict[Found, tuple[tuple[int, int], PlaybookError]] = {}
    for one in _all_problems(document):
        path, reason, of_key = one
        error = PlaybookError(reason, place=document.place(path, of_key=of_key), path=path_text(path))
        found.setdefault(one, (document.position(path, of_key=of_key), error))
    return [error for _, error in sorted([*document.problems, *found.values()], key=lambda pair: pair[0])]


def _all_problems(document: Document) -> Iterator[Found]:
    if not isinstance(document.value, dict):
        yield Found((), "a file of hosts is a mapping with hosts, and under it a list of entries")
        return
    if not fits(document.value):
        yield from schema_problems(inventory_schema(), document.value)
    first: dict[str, int] = {}
    jumps = Jumps(document.value)
    for number, entry in enumerate(jumps.entries):
        yield from _name_problems(number, entry, first, document)
        yield from _address_problems(number, entry)
        yield from _useless(number, entry)
        yield from jumps.problems(number)
    yield from jumps.default_problems()


def _name_problems(number: int, entry: Mapping[str, Any], first: dict[str, int], document: Document) -> Iterator[Found]:
    name, path = entry.get("name"), ("hosts", number, "name")
    if not isinstance(name, str):
        return
    if name in KEPT_NAMES:
        yield Found(path, f"the name {name} has a meaning of its own: give the host another one")
    if name.startswith(KEPT_BEGINNINGS):
        beginning = name.partition(":")[0]
        yield Found(path, f"names cannot begin with {beginning}:, which has a meaning where hosts are chosen")
    if name in first:
        line, _ = document.position(("hosts", first[name], "name"))
        yield Found(path, f"the name '{safe(name, 60)}' is used twice: first in line {line}")
    first.setdefault(name, number)


def _address_problems(number: int, entry: Mapping[str, Any]) -> Iterator[Found]:
    reach, path = entry.get("reach", "ssh"), ("hosts", number)
    if reach not in ("ssh", "tcp"):
        return
    address, name, tls = entry.get("address", ""), entry.get("name", ""), entry.get("tls", "")
    if not all(isinstance(one, str) for one in (address, name, tls)):
        return
    try:
        endpoint = parse_endpoint(address or name)
        if address and not is_host(address):
            yield Found(
                (*path, "address"), f"an address has no user and no port: they go to user and port, {_apart(endpoint)}"
            )
        elif reach == "tcp":
            refuse_open_tcp(endpoint.host, tls)
    except UsageError as error:
        if address:
            yield Found((*path, "address"), str(error))
        elif re.fullmatch(NAME_PATTERN, name):
            yield Found((*path, "name"), f"{error}: say the address")


def _apart(endpoint: Endpoint) -> str:
    parts = {"address": endpoint.host, "user": endpoint.user, "port": endpoint.port}
    return "as " + ", ".join(f"{key}: {value}" for key, value in parts.items() if value)


def _useless(number: int, entry: Mapping[str, Any]) -> Iterator[Found]:
    """Keys that say nothing for a host that is reached in that way: somebody meant something else."""
    reach = entry.get("reach", "ssh")
    if not isinstance(reach, str) or reach not in _OF_REACH:
        return
    for key in entry:
        if key in _SOME_REACH - _OF_REACH[reach]:
            yield Found(("hosts", number, key), f"{key} has no meaning for a host that is reached by {reach}", True)


# Building --------------------------------------------------------------------------------------------------------


def _build(value: Mapping[str, Any], folder: FilePath) -> tuple[Host, ...]:
    jumps = Jumps(value)
    return tuple(_host(jumps, number, folder) for number in range(len(jumps.entries)))


def _host(jumps: Jumps, number: int, folder: FilePath) -> Host:
    entry = jumps.merged(number)
    reach = entry.get("reach", "ssh")
    facts = {key: value for key, value in entry.items() if key in _OF_REACH[reach] | _ALWAYS}
    if reach != "local":
        endpoint = parse_endpoint(entry.get("address") or entry["name"])
        facts["address"] = endpoint.host
        facts["user"] = facts.get("user", "") or (endpoint.user if reach == "ssh" else "")
        facts["port"] = facts.get("port", 0) or endpoint.port
    if reach == "ssh":
        facts["jump"] = jumps.text(number)
    if facts.get("tls"):
        facts["tls"] = str(_folder(facts["tls"], folder))
    return Host(**{**facts, "reach": reach, "groups": tuple(facts.get("groups", ()))})


def _folder(text: str, beside: FilePath) -> FilePath:
    try:
        return beside / FilePath(text).expanduser()
    except RuntimeError:  # the account has no home
        return beside / text
