"""What of a container's upper folder is in its image too, looked up in the lower folders as overlayfs does; and what of
the image a folder hides that has taken another's place.

Images are not the container's to change, but their makers may be hostile too: a folder of theirs is gone into once it
was seen to be one. Engines tell the same, some only after a walk through the whole image.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from irkit.adapters.host_side import check_is_answer
from irkit.adapters.layer_marks import is_opaque, is_whiteout
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, HostFiles, HostFolder, Looked


class Gone(NamedTuple):
    """Something of the image that is not seen any more."""

    path: bytes
    facts: FileFacts


class _Below(NamedTuple):
    """The lower folders that have a folder, topmost first, and whether the upper one hides what is in them."""

    lowers: Sequence[bytes]
    hides: bool


class Image:
    """The lower folders of an overlay, topmost first. Asked for one folder after another, each once."""

    def __init__(self, files: HostFiles, lowers: Sequence[bytes], deadline: Deadline) -> None:
        self._files, self._deadline = files, deadline
        self._waiting: dict[bytes, _Below] = {b"": _Below(lowers, hides=False)}
        self._parent: bytes | None = None
        self._hides = False
        self._held: list[tuple[bytes, HostFolder]] = []
        self._names: set[bytes] = set()
        self._gone: list[Gone] = []

    def has(self, path: bytes, looked: Looked) -> bool:
        """Whether what has that path in the upper folder takes the place of something in the image."""
        parent, _, name = path.rpartition(b"/")
        if parent != self._parent:
            self._hold(parent)
        if self._hides:
            self._names.add(name)
        exists, folders = False, []
        for lower, folder in self._held:
            (below,) = folder.look([looked.facts], -1, self._deadline)
            if below.problem:
                continue
            if is_whiteout(below):
                break
            exists = True
            if below.facts.kind is not FileKind.DIRECTORY:
                break
            folders.append(lower)
            if is_opaque(below):
                break
        if folders and looked.facts.kind is FileKind.DIRECTORY:
            self._waiting[path] = _Below(folders, self._hides or is_opaque(looked))
        return exists

    def take_gone(self) -> list[Gone]:
        """What was hidden by the folders that were asked for so far."""
        gone, self._gone = self._gone, []
        return gone

    def rest(self) -> Iterator[Gone]:
        """What is hidden by the last folder, and by those with nothing in them: once, at the end."""
        for path in [path for path, below in self._waiting.items() if below.hides]:
            self._hold(path)
            yield from self.take_gone()
        self._hold(None)
        yield from self.take_gone()

    def close(self) -> None:
        """Let go of what is held."""
        for _, folder in self._held:
            folder.close()
        self._held.clear()

    def _hold(self, parent: bytes | None) -> None:
        if self._hides:
            self._find_gone()
        self.close()
        self._names.clear()
        self._parent = parent
        below = self._waiting.pop(parent, None) if parent is not None else None
        self._hides = below.hides if below else False
        for lower in below.lowers if below else ():
            try:
                folder = self._files.folder(lower + b"/" + parent if parent else lower, self._deadline)
            except TargetError as error:
                check_is_answer(error)
                continue
            self._held.append((lower, folder))

    def _find_gone(self) -> None:
        """The names below that the upper folder has not, each as the topmost layer has it."""
        above = self._parent + b"/" if self._parent else b""
        for _, folder in self._held:
            for batch in folder.batches(self._deadline):
                for facts in batch:
                    if facts.name in self._names:
                        continue
                    self._names.add(facts.name)
                    if not is_whiteout(Looked(facts=facts)):
                        self._gone.append(Gone(above + facts.name, facts))
