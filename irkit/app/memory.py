"""The memory of processes in a bundle, in the forms other tools read: strings, and ELF cores."""

from __future__ import annotations  # what reads memory is loaded when it is asked for

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from irkit.app.bundles import find_bundle, read_records
from irkit.core.errors import UsageError
from irkit.core.run import replay

if TYPE_CHECKING:
    from irkit.adapters.memory_bundle import StoredProcess
    from irkit.adapters.memory_strings import Found
    from irkit.app.setting import Setting


def memory_strings(setting: Setting, name: str, pid: int, least: int) -> Iterator[tuple[int, Found]]:
    """The strings in the memory of a bundle's processes, or of one: its number, and each string with its address.

    Raises UsageError, VerificationError, StorageError.
    """
    from irkit.adapters.memory_bundle import opened_memory, pieces, regions_of
    from irkit.adapters.memory_strings import find_strings

    def parts(stored: StoredProcess, file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        for region in regions_of(stored):
            for at, size, offset in region.data:
                address = int(at, 16)
                for piece in pieces(file, offset, size):
                    yield address, piece
                    address += len(piece)

    for stored in _chosen(setting, name, pid):
        with opened_memory(stored) as file:
            for found in find_strings(parts(stored, file), least):
                yield stored.process.pid, found


def memory_core(setting: Setting, name: str, pid: int) -> tuple[Iterator[bytes], str]:
    """A process as an ELF core, and in a line what of it is missing.

    Raises UsageError, also where processes of more than one host have the number; VerificationError, StorageError.
    """
    from irkit.adapters.memory_bundle import opened_memory, regions_of
    from irkit.adapters.memory_core import core_of

    chosen = _chosen(setting, name, pid)
    if len(chosen) > 1:
        raise UsageError(f"the bundle has {len(chosen)} processes of number {pid}, of several hosts or moments")
    (stored,) = chosen

    def made() -> Iterator[bytes]:
        regions = list(regions_of(stored))
        with opened_memory(stored) as file:
            yield from core_of(stored.process, regions, file, "")

    return made(), stored.process.partial


def _chosen(setting: Setting, name: str, pid: int) -> list[StoredProcess]:
    from irkit.adapters.memory_bundle import stored_processes

    path = find_bundle(setting, name)
    found = stored_processes(path, replay(read_records(path)).evidence)
    chosen = [one for one in found if pid in (0, one.process.pid)]
    if not chosen:
        known = ", ".join(str(one.process.pid) for one in found[:20])
        raise UsageError(f"the bundle has no memory of process {pid}: it has that of {known}")
    return chosen
