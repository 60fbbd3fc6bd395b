"""The memory in a bundle, read back: processes, their regions, and the bytes of each by address.

What stands in a bundle may have been made by anybody: numbers are checked before they are used.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar, cast

import msgspec

from irkit.adapters.evidence_reader import open_stored
from irkit.adapters.memory_process import MemoryProcess
from irkit.adapters.memory_regions import Region
from irkit.core.errors import UsageError, VerificationError
from irkit.core.evidence import Evidence

_PROCESSES: Final = "/memory/processes.jsonl"
_MOST_LINE: Final = 64 << 20
_PIECE: Final = 1 << 20
T = TypeVar("T")


@dataclass(frozen=True)
class StoredProcess:
    """A process whose memory a bundle has, and where its two items are."""

    container: str
    process: MemoryProcess
    memory: Path
    regions: Path


def stored_processes(root: Path, evidence: list[Evidence]) -> list[StoredProcess]:
    """All of a bundle. Raises UsageError where there are none, VerificationError, StorageError."""
    paths = {one.path for one in evidence}
    found = []
    for one in evidence:
        if not one.path.endswith(_PROCESSES):
            continue
        place = one.path.removesuffix(_PROCESSES)
        for process in _decoded(root / one.path, MemoryProcess):
            items = [f"{place}/memory/{process.pid}/{name}.zst" for name in ("memory.bin", "regions.jsonl")]
            if process.folder and all(item in paths for item in items):
                found.append(StoredProcess(one.container, process, root / items[0], root / items[1]))
    if not found:
        raise UsageError("the bundle has no memory of processes: snapshot.memory puts it there")
    return found


def regions_of(stored: StoredProcess) -> Iterator[Region]:
    """The lines of a process's index, in the order in which they were written."""
    return _decoded(stored.regions, Region)


@contextlib.contextmanager
def opened_memory(stored: StoredProcess) -> Iterator[IO[bytes]]:
    """The bytes of a process's item, in which can be sought. Raises VerificationError, StorageError."""
    with open_stored(stored.memory) as file:
        yield cast("IO[bytes]", file)


def pieces(file: IO[bytes], offset: int, size: int) -> Iterator[bytes]:
    """A part of an item. Raises VerificationError where it is not there."""
    file.seek(offset)
    while size:
        piece = file.read(min(size, _PIECE))
        if not piece:
            raise VerificationError(f"the item ends before byte {offset + size}, which its index tells of")
        yield piece
        offset, size = offset + len(piece), size - len(piece)


def _decoded(path: Path, kind: type[T]) -> Iterator[T]:
    """The lines of an index. Raises VerificationError."""
    decoder = msgspec.json.Decoder(kind)
    with open_stored(path) as file:
        while line := file.readline(_MOST_LINE):
            try:
                yield decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise VerificationError(f"{path}: a line is none of its kind: {error}") from error
