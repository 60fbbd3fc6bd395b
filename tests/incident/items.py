"""What was seeded, item by item, and when it counts as found: by irkit, and by the engine's own commands.

An item is found where what matters of it is there, as `needed` says; `partly` where its presence shows and that does
not. What finds it is named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .contents import Contents
from .peers import Member, Peers
from .seeds import SUSPECT, Incident, digest


class Level(StrEnum):
    """How much of an item was found."""

    FOUND = "found"
    PARTLY = "partly"
    NO = "no"


@dataclass(frozen=True)
class Verdict:
    """How much was found, and by what, or what of it."""

    level: Level
    by: str = ""


NOTHING: Final = Verdict(Level.NO)


def found(by: str) -> Verdict:
    return Verdict(Level.FOUND, by)


def partly(by: str) -> Verdict:
    return Verdict(Level.PARTLY, by)


@dataclass(frozen=True)
class Item:
    """One thing that was seeded."""

    name: str
    needed: str
    irkit: Callable[[Incident, Contents], Verdict]
    peers: Callable[[Incident, Peers], Verdict]


def either(is_found: object, by: str, otherwise: Verdict = NOTHING) -> Verdict:
    return found(by) if is_found else otherwise


def members(contents: Contents, *places: str) -> dict[bytes, Member]:
    """The suspect's files in the archives of these places."""
    return {path: member for place in places for path, member in contents.files(SUSPECT, place).items()}


def file_item(
    name: str, needed: str, path: bytes | str, is_so: Callable[[Incident, Member], bool], place: str = "changes"
) -> Item:
    """A file that is found where an archive has it and it is so."""
    where = path.encode() if isinstance(path, str) else path

    def in_bundle(incident: Incident, contents: Contents) -> Verdict:
        one = contents.files(SUSPECT, place).get(where)
        return either(one and is_so(incident, one), ACTIONS[place])

    def in_export(incident: Incident, peers: Peers) -> Verdict:
        one = peers.files.get(where)
        return either(one and is_so(incident, one), "export")

    return Item(name, needed, in_bundle, in_export)


ACTIONS: Final = {
    "changes": "snapshot.changes",
    "volumes": "snapshot.volumes",
    "tmpfs": "collect.tmpfs",
    "deleted": "collect.deleted_files",
    "memory": "snapshot.memory",
}


def has(content: bytes) -> Callable[[Incident, Member], bool]:
    """Whether a file is a regular one with that content."""
    return lambda _, one: one.kind == "file" and one.sha256 == digest(content)


def is_kind(kind: str, link: str = "") -> Callable[[Incident, Member], bool]:
    return lambda _, one: one.kind == kind and one.link == link
