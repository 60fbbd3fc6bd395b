"""Changed files by folder, as many as a screen can show: however many there are in one, the others stay in view.

Who is in a container can add as many files and folders as they like; what the image had they can only change or
delete, and cannot make more of. That is shown first, and what is only counted is said where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from irkit.app.seen import Change

MOST_IN_FOLDER: Final = 200
"""Changes of one folder that are shown at most, and added folders of one; fewer where there are very many folders."""
_FEWER: Final = (MOST_IN_FOLDER, 100, 50, 20, 10, 5, 2, 1)


@dataclass(slots=True)
class Folder:
    """A folder: the changes in it that are shown, by name, and how many there are.

    `folders_left` are the added folders in it that are not shown, however deep, and `left_below` the changes in these.
    """

    path: str
    shown: list[Change]
    total: int
    folders_left: int = 0
    left_below: int = 0

    @property
    def left(self) -> int:
        """Changes right in it that are not shown."""
        return self.total - len(self.shown)

    @property
    def lines(self) -> int:
        """Lines that it takes on a screen."""
        return 1 + len(self.shown) + bool(self.left) + bool(self.folders_left)


def by_folder(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """The changes by the folder that they are in: folders in order, and names within each."""
    found: dict[str, list[Change]] = {}
    for one in changes:
        found.setdefault(_above(one.path), []).append(one)
    for some in found.values():
        some.sort(key=attrgetter("path"))
    return dict(sorted(found.items()))


def shown_folders(changes: Sequence[Change], most_lines: int) -> list[Folder]:
    """The folders in order, so much of each that all take at most so many lines; more only where there is no less."""
    grouped = by_folder(changes)
    added = {one.path for one in changes if one.kind == "added"}
    found: list[Folder] = []
    for most in _FEWER:
        found = _shown(grouped, added, most)
        if sum(one.lines for one in found) <= most_lines:
            break
    return found


def _shown(grouped: Mapping[str, list[Change]], added: set[str], most: int) -> list[Folder]:
    """Every folder that the image had, and of each folder so many that were added to it."""
    found: dict[str, Folder] = {}
    told_at: dict[str, Folder] = {}
    subfolders: dict[str, int] = {}
    for path, changes in grouped.items():
        above = _above(path)
        place = told_at.get(above) or found.get(above)
        if path in added and place is not None:
            subfolders[above] = subfolders.get(above, 0) + 1
            if above in told_at or subfolders[above] > most:
                told_at[path] = place
                place.folders_left += 1
                place.left_below += len(changes)
                continue
        found[path] = Folder(path, _telling(changes, most), len(changes))
    return list(found.values())


def _telling(changes: list[Change], most: int) -> list[Change]:
    """So many of the changes, by name: those to what the image had before those that were added to it."""
    if len(changes) <= most:
        return changes
    return sorted(sorted(changes, key=lambda one: one.kind == "added")[:most], key=attrgetter("path"))


def _above(path: str) -> str:
    return path.rpartition("/")[0] or "/"
