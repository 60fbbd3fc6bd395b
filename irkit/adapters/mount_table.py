"""What a process sees mounted: its mountinfo, each mount by its id, and which mounts lead to a place.

Format: `filesystems/proc.rst` of Linux, 3.5. What is in a mount is others' concern.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")
_FIELDS: Final = 6
_NONE: Final = -1


class Mount(NamedTuple):
    """A mount: its file system's device, what of it is mounted (`root`), where, its kind, its id and its parent's."""

    device: tuple[int, int]
    root: bytes
    place: bytes
    kind: bytes
    id: int = 0
    parent: int = 0


class MountTable:
    """The mounts that a process sees, in the order of its mountinfo."""

    def __init__(self, text: bytes) -> None:
        self.mounts = tuple(parse_mounts(text))

    @cached_property
    def places(self) -> frozenset[bytes]:
        """Where anything is mounted."""
        return frozenset(one.place for one in self.mounts)

    @cached_property
    def _on(self) -> dict[tuple[int, bytes], Mount]:
        ids = {one.id for one in self.mounts}
        return {(one.parent if one.parent in ids else _NONE, one.place): one for one in self.mounts}

    def way(self, place: bytes) -> list[Mount]:
        """The mounts that are passed on the way to a place, as the kernel walks it; the last is what is seen there."""
        found: list[Mount] = []
        seen: set[int] = set()
        prefix, parts = b"/", [one for one in place.split(b"/") if one]
        for part in (b"", *parts):
            prefix = prefix.rstrip(b"/") + b"/" + part
            while (one := self._on.get((found[-1].id if found else _NONE, prefix))) and one.id not in seen:
                found.append(one)
                seen.add(one.id)
        return found


def parse_mounts(text: bytes) -> Iterator[Mount]:
    """The lines of mountinfo: `ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS [TAG]... - KIND SOURCE OPTIONS`."""
    for line in text.split(b"\n"):
        before, dash, after = line.partition(b" - ")
        words, kind = before.split(b" "), after.split(b" ")
        if not dash or len(words) < _FIELDS:
            continue
        major, _, minor = words[2].partition(b":")
        if all(word.isdigit() for word in (words[0], words[1], major, minor)):
            device = (int(major), int(minor))
            yield Mount(device, _plain(words[3]), _plain(words[4]), kind[0], int(words[0]), int(words[1]))


def _plain(word: bytes) -> bytes:
    """A path without the escapes that the kernel gives blanks and newlines."""
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), word)
