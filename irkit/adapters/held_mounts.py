"""tmpfs that is mounted nowhere any more, read through what a process still holds of it.

From a folder that is held, the top of its mount is reached by `..`, which leads no further; all below it is read. Where
only files are held, they are read, and that the rest is out of reach is told.
"""

import os
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from irkit.adapters.deleted_search import Found
from irkit.adapters.engine_deleted import HeldLinks
from irkit.adapters.held_search import Held
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.tree_tar import SMALL, TreeTar
from irkit.adapters.tree_walk import Enters, Met, walk
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileKind, HostFiles, HostFolder, Looked

_DEEPEST: Final = 4096
_MOUNTED_THERE: Final = "another file system is mounted there"
Tell = Callable[[Held, bytes, str], None]
"""Takes what was held, where what was read by it is stored, and why it was not read, or empty."""


class HeldReading:
    """Reads what is held, below `detached/MAJOR-MINOR-INODE` of the folder it was read from."""

    def __init__(self, files: HostFiles, tree: TreeTar, deadline: Deadline, tell: Tell) -> None:
        self._files, self._tree, self._deadline, self._tell = files, tree, deadline, tell
        self._read: set[tuple[int, int]] = set()
        self.missed: list[str] = []

    def take(self, every: Iterable[Held]) -> None:
        """Folders first: a file in one of them is read with it."""
        found = list(every)
        for one in found:
            if one.facts.kind is FileKind.DIRECTORY:
                self._attempt(one, self._take_folder)
        for one in found:
            if (
                one.facts.kind is FileKind.FILE
                and one.facts.links
                and (one.facts.device, one.facts.inode) not in self._read
            ):
                self._attempt(one, self._take_file)

    def _attempt(self, one: Held, take: Callable[[Held], None]) -> None:
        try:
            take(one)
        except TargetError as error:
            self._tree.flush()
            check_is_answer(error)
            self._tell(one, b"", error.reason)
            self.missed.append(f"a tmpfs that process {one.pid} holds: {error.reason}")

    def _take_folder(self, one: Held) -> None:
        top = self._top(self._files.folder(one.path, self._deadline, follow=True))
        try:
            own = top.own(self._deadline).facts
            if own.device != one.facts.device:
                raise TargetError("another folder has taken its place", Refusal.REFUSED)
            if (own.device, own.inode) in self._read:
                return
            below = b"detached/%d-%d-%d" % (os.major(own.device), os.minor(own.device), own.inode)
            for met in walk(top, self._deadline, small=SMALL, enters=self._enters(own.device)):
                self._read.add((met.looked.facts.device, met.looked.facts.inode))
                self._tree.add(_placed(met, below), self._deadline)
            self._tell(one, below, "")
        finally:
            top.close()

    def _enters(self, device: int) -> Enters:
        return lambda path, facts: "" if facts.device == device else _MOUNTED_THERE

    def _top(self, folder: HostFolder) -> HostFolder:
        """The top of the mount that a folder is on: `..` of it is itself."""
        try:
            for _ in range(_DEEPEST):
                outer = folder.enter(b"..", self._deadline)
                here, there = (each.own(self._deadline).facts for each in (folder, outer))
                if (here.device, here.inode) == (there.device, there.inode) or here.device != there.device:
                    outer.close()
                    return folder
                folder.close()
                folder = outer
        except TargetError as error:
            check_is_answer(error)
            if _MOUNTED_THERE not in error.reason:
                folder.close()
                raise
        return folder

    def _take_file(self, one: Held) -> None:
        device = one.facts.device
        self._read.add((device, one.facts.inode))
        below = b"detached/%d-%d/%d" % (os.major(device), os.minor(device), one.facts.inode)
        facts = msgspec.structs.replace(one.facts, name=b"%d" % one.facts.inode, links=1)
        found = Found(one.text, one.facts, one.facts.inode, [one.path])
        entry = self._tree.add(
            Met(below, Looked(facts=facts), HeldLinks(self._files, found, facts, None)), self._deadline
        )
        self._tell(one, below, entry.problem)
        self.missed.append(f"of a tmpfs mounted nowhere any more only files that process {one.pid} holds can be read")


def _placed(met: Met, below: bytes) -> Met:
    looked = met.looked
    if looked.problem == _MOUNTED_THERE and looked.facts.kind is FileKind.DIRECTORY:
        looked = msgspec.structs.replace(looked, problem="")
    return met._replace(path=below if met.path == b"." else below + b"/" + met.path, looked=looked)
