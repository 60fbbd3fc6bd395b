"""Walks a tree of a host's files: every name once, folders before what is in them, however deep and wide it is.

Few folders are held at a time. One that was let go of is found again from the top, and must be the same one then.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from irkit.adapters.host_side import check_is_answer
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFolder, Looked

MOST_IN_PATH: Final = 64 * 1024
"""Bytes of a path below the top; what is deeper is not gone into."""
MOST_ENTRIES: Final = 5_000_000
"""Names of one tree that are met at most."""
MOST_IN_PATHS: Final = 4 << 30
"""Bytes that their paths have together: deep folders with long names make a long path of each."""
_MOST_HELD: Final = 32


class Told(NamedTuple):
    """What another source told of a file that its host's files do not: which facts, and a note on it."""

    what: tuple[str, ...] = ()
    note: str = ""


class Met(NamedTuple):
    """What the walk came by: its path below the top, what is known of it, and the folder it is in.

    `again` says that it is a folder that was met before, and could not be read; `told`, what of it is from elsewhere.
    """

    path: bytes
    looked: Looked
    folder: HostFolder
    again: bool = False
    told: Told = Told()


Enters = Callable[[bytes, FileFacts], str]
"""Whether a folder is gone into: empty, or why not."""


@dataclass(eq=False)
class _Frame:
    name: bytes
    facts: FileFacts
    folder: HostFolder | None
    path: bytes
    pending: list[FileFacts] = field(default_factory=list)


def walk(top: HostFolder, deadline: Deadline, *, small: int, enters: Enters = lambda path, facts: "") -> Iterator[Met]:
    """All below a folder, which stays open; it comes first itself, as `.`.

    Of what cannot be read there is a `problem`. Raises TargetError where the host cannot be asked any more.
    """
    own = top.own(deadline)
    yield Met(b".", own, top)
    tree = _Tree(top, own.facts, deadline, small, enters)
    count = length = 0
    try:
        for met in tree.walk():
            count, length = count + 1, length + len(met.path)
            if count > MOST_ENTRIES or length > MOST_IN_PATHS:
                reason = f"there is more than {count - 1} names with {length} bytes: the rest is left out"
                yield Met(b".", Looked(facts=own.facts, problem=reason), top, again=True)
                return
            yield met
    finally:
        tree.close()


class _Tree:
    def __init__(self, top: HostFolder, facts: FileFacts, deadline: Deadline, small: int, enters: Enters) -> None:
        self._top, self._deadline, self._small, self._enters = top, deadline, small, enters
        self._frames = [_Frame(b"", facts, top, b"")]

    def walk(self) -> Iterator[Met]:
        yield from self._read(self._frames[0])
        while self._frames:
            frame = self._frames[-1]
            if not frame.pending:
                self._leave(self._frames.pop())
                continue
            facts = frame.pending.pop()
            path = frame.path + b"/" + facts.name if frame.path else facts.name
            try:
                inner = self._held(frame).enter(facts.name, self._deadline)
            except TargetError as error:
                check_is_answer(error)
                yield Met(path, Looked(facts=facts, problem=error.reason), self._top, again=True)
                continue
            self._frames.append(_Frame(facts.name, facts, inner, path))
            self._hold_few()
            yield from self._read(self._frames[-1])

    def close(self) -> None:
        for frame in self._frames:
            self._leave(frame)

    def _read(self, frame: _Frame) -> Iterator[Met]:
        """All names in a folder; the folders among them wait."""
        folder = self._held(frame)
        try:
            for batch in folder.batches(self._deadline):
                for looked in folder.look(batch, self._small, self._deadline):
                    yield self._met(frame, looked, folder)
        except TargetError as error:
            check_is_answer(error)
            yield Met(frame.path or b".", Looked(facts=frame.facts, problem=error.reason), folder, again=True)

    def _met(self, frame: _Frame, looked: Looked, folder: HostFolder) -> Met:
        facts = looked.facts
        path = frame.path + b"/" + facts.name if frame.path else facts.name
        if facts.kind is FileKind.DIRECTORY and not looked.problem:
            why_not = self._enters(path, facts)
            if len(path) > MOST_IN_PATH:
                why_not = f"its path has {len(path)} bytes: what is in it is left out"
            if why_not:
                looked = msgspec.structs.replace(looked, problem=why_not)
            else:
                frame.pending.append(facts)
        return Met(path, looked, folder)

    def _held(self, frame: _Frame) -> HostFolder:
        """The folder of the last frame, found again where it was let go of."""
        folder = frame.folder
        if folder is None:
            last = len(self._frames) - 1
            first = next(at for at in range(last, -1, -1) if self._frames[at].folder is not None)
            folder = self._frames[first].folder or self._top
            for at in range(first + 1, last + 1):
                folder = self._find_again(folder, self._frames[at])
                if at - 1 < last - _MOST_HELD:
                    self._let_go(self._frames[at - 1])
        return folder

    def _find_again(self, outer: HostFolder, frame: _Frame) -> HostFolder:
        found = outer.enter(frame.name, self._deadline)
        facts = found.own(self._deadline).facts
        if (facts.device, facts.inode) != (frame.facts.device, frame.facts.inode):
            found.close()
            raise TargetError("another folder has taken its place meanwhile", Refusal.REFUSED)
        frame.folder = found
        return found

    def _hold_few(self) -> None:
        for frame in self._frames[1 : max(len(self._frames) - _MOST_HELD, 1)][::-1]:
            if frame.folder is None:
                break
            self._let_go(frame)

    def _leave(self, frame: _Frame) -> None:
        if frame.folder is not None and frame.folder is not self._top:
            self._let_go(frame)

    def _let_go(self, frame: _Frame) -> None:
        if frame.folder is not None and frame.folder is not self._top:
            frame.folder.close()
            frame.folder = None
