"""The memory of one process on its way into an item, and the lines that say what of it is where.

What is the process's own comes first and what is mapped from files after it, so that a limit cuts what may be had
elsewhere. Large mappings are told in parts, each with a digest: memory used here is bounded whatever is read.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from irkit.adapters.memory_regions import Gap, Region, region_of
from irkit.adapters.process_maps import PAGE, Mapping, runs_in_memory
from irkit.core.ports import Deadline, EvidenceFile, HostFiles, Part

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

SLICE: Final = 64 << 20
"""Bytes of a mapping that one line tells of at most."""
LARGE: Final = 1 << 36
"""Bytes of address space from which on a mapping comes after the others of its kind."""
MOST_LOOKED_UP: Final = 1 << 39
"""Bytes of address space in one process whose pages are looked up one by one: a GiB of pagemap."""
_BLOCK: Final = 1 << 16
"""Bytes of the blocks that zeros come in which are not stored."""
_ZEROS: Final = bytes(_BLOCK)
_LINES: Final = 1 << 16

Read = Callable[[Iterable[tuple[int, int]]], Iterator[Part]]
"""How ranges of the process's memory are read."""


@dataclass
class MemoryCounts:
    """What the memory of a process came to, in bytes. `unread` is what was there and could not be read."""

    regions: int = 0
    read: int = 0
    stored: int = 0
    zeros: int = 0
    absent: int = 0
    unread: int = 0
    beyond: int = 0
    why: str = ""

    def partial(self, limit: int) -> str:
        """Why it is not whole, or empty."""
        beyond = f"{self.beyond} bytes are left out, as no more than {limit} were asked for" if self.beyond else ""
        unread = f"{self.unread} bytes could not be read: {self.why}" if self.unread else ""
        return "; ".join(filter(None, (beyond, unread)))


@dataclass
class _Slice:
    """A line that is being made: `wanted` bytes of its data are still to come."""

    region: Region
    wanted: int = 0
    digest: "Digest" = field(default_factory=hashlib.sha256)


class ProcessMemory:
    """One process's memory, taken in once. `limit` bounds the bytes that are read."""

    def __init__(self, files: HostFiles, pid: int, limit: int, item: EvidenceFile, index: EvidenceFile) -> None:
        self._files, self._pid, self._limit = files, pid, limit
        self._item, self._index = item, index
        self._pending: deque[_Slice] = deque()
        self._lines: list[bytes] = []
        self._encoder = msgspec.json.Encoder()
        self._planned = self._offset = self._held = self._seen = 0
        self._looks = MOST_LOOKED_UP
        self.counts = MemoryCounts()

    def take(self, mappings: Iterable[Mapping], read: Read, deadline: Deadline) -> None:
        """Read what is in memory of these. Raises TargetError where the host cannot be asked, and StorageError."""
        ordered = sorted(mappings, key=_turn)
        try:
            for part in read(self._ranges(ordered, deadline)):
                self._put(part)
            self._settle()
        finally:
            self._break_off()

    def finish(self, partial: str = "") -> str:
        """End both items; what is said to be missing, or empty."""
        reason = "; ".join(filter(None, (partial, self.counts.partial(self._limit))))
        self._item.finish(reason)
        self._index.finish(reason)
        return reason

    # What is wanted.

    def _ranges(self, mappings: Iterable[Mapping], deadline: Deadline) -> Iterator[tuple[int, int]]:
        for mapping in mappings:
            if reason := mapping.why_not():
                self._leave_out(mapping, mapping.start, reason)
            elif not mapping.in_use:
                self._tell_unused(mapping)
            else:
                yield from self._in_use(mapping, deadline)

    def _in_use(self, mapping: Mapping, deadline: Deadline) -> Iterator[tuple[int, int]]:
        """A mapping slice by slice, as far as its pages can be looked up."""
        self._seen = 0
        for begin in range(mapping.start, mapping.end, SLICE):
            deadline.remaining()
            end = min(begin + SLICE, mapping.end)
            if mapping.in_use < mapping.size:
                if end - begin > self._looks:
                    missing = max(mapping.in_use - self._seen, PAGE)
                    reason = f"too large to look for all that is in use of it, {missing} bytes or more"
                    self.counts.unread += missing
                    self.counts.why = self.counts.why or reason
                    self._leave_out(mapping, begin, reason)
                    return
                self._looks -= end - begin
            yield from self._slice(mapping, begin, end, deadline)

    def _slice(self, mapping: Mapping, begin: int, end: int, deadline: Deadline) -> Iterator[tuple[int, int]]:
        """The ranges of a part of a mapping that are in memory, as far as the limit allows."""
        made = _Slice(region_of(mapping, begin, end))
        self._pending.append(made)
        wanted: list[tuple[int, int]] = []
        whole = mapping.in_use >= mapping.size
        runs = [(begin, end - begin, True)] if whole else runs_in_memory(self._files, self._pid, begin, end, deadline)
        for at, size, is_there in runs:
            if not is_there:
                self._tell_missing(made.region, mapping, at, size)
                continue
            self._seen += size
            allowed = min(size, self._limit - self._planned)
            self._planned += allowed
            made.wanted += allowed
            if allowed:
                wanted.append((at, allowed))
            if allowed < size:
                self.counts.beyond += size - allowed
                made.region.gaps.append(Gap(address=hex(at + allowed), size=size - allowed, why="beyond the limit"))
        yield from wanted
        self._settle()

    def _leave_out(self, mapping: Mapping, begin: int, reason: str) -> None:
        region = region_of(mapping, begin, mapping.end)
        region.gaps.append(Gap(address=region.address, size=region.size, why=reason))
        self._pending.append(_Slice(region))

    def _tell_unused(self, mapping: Mapping) -> None:
        region = region_of(mapping, mapping.start, mapping.end)
        self._tell_missing(region, mapping, mapping.start, mapping.size)
        self._pending.append(_Slice(region))

    def _tell_missing(self, region: Region, mapping: Mapping, at: int, size: int) -> None:
        """What is not in memory reads as zeros where it is the process's own, and else is on some disk."""
        if mapping.is_anonymous:
            region.zeros.append((hex(at), size))
            self.counts.zeros += size
        else:
            region.absent.append((hex(at), size))
            self.counts.absent += size

    # What came.

    def _put(self, part: Part) -> None:
        self._settle()
        at, data = part.offset, part.data
        if part.why:
            self._miss(part)
            return
        # More than one line may be waited for by one part: reading joins what follows on.
        while data:
            self._settle()
            made = self._pending[0]
            piece = data[: made.wanted]
            self._store(made, at, piece)
            at, data = at + len(piece), data[len(piece) :]

    def _miss(self, part: Part) -> None:
        at, left = part.offset, part.missing
        self.counts.unread += left
        self.counts.why = self.counts.why or part.why
        while left:
            self._settle()
            made = self._pending[0]
            size = min(left, made.wanted)
            gaps = made.region.gaps
            if gaps and int(gaps[-1].address, 16) + gaps[-1].size == at and gaps[-1].why == part.why:
                gaps[-1].size += size
            else:
                gaps.append(Gap(address=hex(at), size=size, why=part.why))
            made.wanted -= size
            at, left = at + size, left - size

    def _store(self, made: _Slice, at: int, data: memoryview) -> None:
        """Keep what was read, but for blocks of zeros."""
        made.wanted -= len(data)
        self.counts.read += len(data)
        begin = 0
        for place in range(0, len(data) - _BLOCK + 1, _BLOCK):
            if _is_zeros(data, place):
                self._keep(made, at + begin, data[begin:place])
                self._skip(made, at + place)
                begin = place + _BLOCK
        self._keep(made, at + begin, data[begin:])

    def _skip(self, made: _Slice, at: int) -> None:
        """A block of zeros."""
        self.counts.zeros += _BLOCK
        zeros = made.region.zeros
        if zeros and int(zeros[-1][0], 16) + zeros[-1][1] == at:
            zeros[-1] = (zeros[-1][0], zeros[-1][1] + _BLOCK)
        else:
            zeros.append((hex(at), _BLOCK))

    def _keep(self, made: _Slice, at: int, data: memoryview) -> None:
        if not data:
            return
        self._item.write(data)
        made.digest.update(data)
        kept = made.region.data
        if kept and int(kept[-1][0], 16) + kept[-1][1] == at:
            kept[-1] = (kept[-1][0], kept[-1][1] + len(data), kept[-1][2])
        else:
            kept.append((hex(at), len(data), self._offset))
        self._offset += len(data)
        made.region.stored += len(data)
        self.counts.stored += len(data)

    def _settle(self) -> None:
        """Write the lines of which nothing is to come any more."""
        while self._pending and not self._pending[0].wanted:
            made = self._pending.popleft()
            if made.region.data:
                made.region.sha256 = made.digest.hexdigest()
            self.counts.regions += 1
            line = self._encoder.encode(made.region)
            self._lines += (line, b"\n")
            self._held += len(line)
            if self._held > _LINES:
                self._flush()

    def _break_off(self) -> None:
        """What was waited for and did not come is told as missing; nothing is, where all came."""
        for made in self._pending:
            if made.wanted:
                data = made.region.data
                at = int(data[-1][0], 16) + data[-1][1] if data else int(made.region.address, 16)
                made.region.gaps.append(Gap(address=hex(at), size=made.wanted, why="reading broke off"))
                self.counts.unread += made.wanted
                self.counts.why = self.counts.why or "reading broke off"
                made.wanted = 0
        self._settle()
        self._flush()

    def _flush(self) -> None:
        if self._lines:
            self._index.write(b"".join(self._lines))
        self._lines.clear()
        self._held = 0


def _turn(mapping: Mapping) -> tuple[bool, bool, int]:
    """What is a process's own first, and the largest last, as looking through them may take all the time there is."""
    return bool(mapping.inode) and not mapping.anonymous, mapping.size > LARGE, mapping.start


def _is_zeros(data: memoryview, place: int) -> bool:
    """Whether a block is nothing but zeros. It is compared where it lies: a copy would cost more than that."""
    return _ZEROS.startswith(data[place : place + _BLOCK])
