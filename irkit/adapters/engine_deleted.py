"""collect.deleted_files on a host: files that processes hold though no name leads to them, kept whole in one tar.

They are found by what the kernel's links in /proc say, and read through these links: what is not a regular file is
never opened. Over SFTP what is looked at and what is opened just after may differ, if the process changes it in
between; locally it cannot.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from irkit.adapters.container_pids import pids_of
from irkit.adapters.deleted_search import MEMFD, DeletedSearch, Found, Hold, leads_to
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import HostSide, check_is_answer
from irkit.adapters.tree_entry import text_of
from irkit.adapters.tree_tar import TreeTar, open_tree
from irkit.adapters.tree_walk import Met
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadDeletedFiles
from irkit.core.ports import (
    Deadline,
    FileFacts,
    HostFile,
    HostFiles,
    HostFolder,
    Intake,
    Looked,
    Outcome,
    Span,
)

_MOST_UNTOLD: Final = 64 << 20
"""Bytes that are kept of a file too large for what is left to read, where its holes are not told."""


class Held(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of `deleted/held.jsonl`: a file, by the number that is its name in the tar and in the index.

    `name` is what the kernel still calls it, exact where `name_b64` is empty. Where `links` is not 0, another name
    leads to it yet. `held` are the first of `holds` ways in which it is held. `kept` is how many bytes of it were
    read, where that is not all: its beginning.
    """

    file: str
    name: str
    name_b64: str = ""
    is_memfd: bool = False
    size: int = 0
    inode: int = 0
    links: int | None = None
    kept: int | None = None
    holds: int = 0
    held: list[Hold] = []


class ReadsDeleted:
    """The handler."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: ReadDeletedFiles, intake: Intake, deadline: Deadline) -> Outcome:
        body = api.read(f"/containers/{part(operation.container)}/json", deadline)
        container = container_of(body, "", podman=api.is_podman(deadline))
        pids = pids_of(self._side.files, container, deadline)
        processes = [one for one in (*pids.inside, *pids.joined) if not one.has_ended]
        search = DeletedSearch(self._side.files, deadline)
        search.look_at([one.pid for one in processes])
        folder = operation.file
        source = "host files /proc/PID/exe, map_files and fd"
        tree = open_tree(
            intake, f"{folder}/files.tar", f"{folder}/files.index.jsonl", source=source, limit=operation.limit
        )
        lines: list[Held] = []
        try:
            for number, found in enumerate(search.found, start=1):
                lines.append(self._keep(tree, f"{number:05d}", found, deadline))
        finally:
            tree.flush()
            intake.put(f"{folder}/held.jsonl", bytes(msgspec.json.Encoder().encode_lines(lines)), source=source)
        cut = sum(one.kept is not None for one in lines)
        if cut:
            search.missed.append(f"of {cut} files only the beginning is kept: too large, and their holes are not told")
        partial = tree.finish("; ".join(search.missed))
        detail = f"{len(lines)} deleted files held by {len(processes)} processes, {tree.counts.bytes} bytes"
        return Outcome(detail=f"{detail}; not whole: {partial}" if partial else detail)

    def _keep(self, tree: TreeTar, name: str, found: Found, deadline: Deadline) -> Held:
        facts = msgspec.structs.replace(found.facts, name=name.encode(), links=1)
        room = min(tree.limit - tree.counts.bytes, _MOST_UNTOLD)
        kept = room if facts.allocated < 0 and facts.size > tree.limit - tree.counts.bytes else None
        if kept is not None:
            facts = msgspec.structs.replace(facts, size=kept)
        tree.add(Met(facts.name, Looked(facts=facts), HeldLinks(self._side.files, found, facts, kept)), deadline)
        text, raw = text_of(found.name)
        return Held(
            file=name,
            name=text,
            name_b64=raw,
            is_memfd=found.name.startswith(MEMFD),
            size=found.facts.size,
            inode=found.inode,
            links=found.facts.links if found.facts.inode else None,
            kept=kept,
            holds=found.count,
            held=found.holds,
        )


class HeldLinks:
    """A deleted file by whichever of its links still leads to it: as much of a folder as a tree needs."""

    def __init__(self, files: HostFiles, found: Found, facts: FileFacts, most: int | None) -> None:
        self._files, self._found, self._facts, self._most = files, found, facts, most

    @property
    def path(self) -> bytes:
        """A link to it."""
        return self._found.paths[0]

    @contextlib.contextmanager
    def open(self, name: bytes, deadline: Deadline) -> Iterator[HostFile]:
        """The file, through the first link that leads to it yet. Raises TargetError."""
        with contextlib.ExitStack() as stack:
            file = self._first(stack, deadline)
            size = file.facts.size if self._most is None else min(self._most, file.facts.size)
            yield _LinkedFile(file, msgspec.structs.replace(self._facts, size=size))

    def _first(self, stack: contextlib.ExitStack, deadline: Deadline) -> HostFile:
        last: TargetError | None = None
        wanted = self._found.facts
        for path in self._found.paths:
            with contextlib.ExitStack() as attempt:
                try:
                    file = attempt.enter_context(self._files.open_link(path, deadline))
                except TargetError as error:
                    check_is_answer(error)
                    last = error
                    continue
                is_it = (file.facts.device, file.facts.inode) == (wanted.device, wanted.inode)
                if is_it and (wanted.inode or leads_to(self._files, path, file.facts, self._found, deadline)):
                    stack.push(attempt.pop_all())
                    return file
        raise last or TargetError("another file has taken its place", Refusal.REFUSED)

    def batches(self, deadline: Deadline) -> Iterator[list[FileFacts]]:
        """Nothing: it is no folder."""
        return iter(())

    def own(self, deadline: Deadline) -> Looked:
        """The file."""
        return Looked(facts=self._facts)

    def look(self, listed: Sequence[FileFacts], small: int, deadline: Deadline) -> Iterator[Looked]:
        """Nothing."""
        return iter(())

    def enter(self, name: bytes, deadline: Deadline, *, across: Collection[int] = ()) -> HostFolder:
        """Nothing."""
        raise TargetError("it is no folder", Refusal.REFUSED)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True)
class _LinkedFile:
    """The file that is open, by the name it has in the tar."""

    file: HostFile
    facts: FileFacts

    def spans(self, deadline: Deadline) -> Sequence[Span]:
        if self.facts.size < self.file.facts.size:
            return [Span(0, self.facts.size)] if self.facts.size else []
        return self.file.spans(deadline)

    def read(self, span: Span, deadline: Deadline) -> Iterator[memoryview]:
        if self.facts.size < self.file.facts.size and span.offset >= self.facts.size:
            return iter(())  # what is cut off is no growth
        return self.file.read(span, deadline)
