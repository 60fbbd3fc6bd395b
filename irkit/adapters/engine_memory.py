"""snapshot.memory on a host: freeze the container, read what its processes have in memory, let it go on as found.

No debugger and no ptrace: a frozen process that is traced stays stopped, and another may see that it is. The memory is
a file of the host's /proc. Whatever happens on the way, a container that was running is let go on.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from irkit.adapters import engine_changes
from irkit.adapters.container_pids import Pids, Process, pids_of
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.freeze_time import FreezeTime
from irkit.adapters.host_side import HostSide, check_is_answer
from irkit.adapters.kernel_facts import see_kernel
from irkit.adapters.memory_process import MemoryProcess, describe, named
from irkit.adapters.memory_reading import by_command, by_file
from irkit.adapters.process_maps import read_mappings
from irkit.adapters.process_memory import ProcessMemory
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import DumpMemory, DumpMemoryByCommand, Pause, Unpause
from irkit.core.ports import Deadline, Intake, Outcome

_THAW: Final = 60.0
"""Seconds that letting a container go on may take, whatever time is left and whoever interrupts."""
_FOR_EVER: Final = float("inf")


class _OwnTime:
    """Time that nobody takes away."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds that are left. Raises TargetError where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TargetError("the engine does not let it go on in time", Refusal.TIMEOUT)
        return left

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        """It is not cancelled."""
        return lambda: None


@dataclass
class _Tally:
    """What came of all processes."""

    processes: list[MemoryProcess] = field(default_factory=list)
    read: int = 0
    stored: int = 0
    regions: int = 0
    partial: list[str] = field(default_factory=list)

    def leave_out(self, process: MemoryProcess, why: str) -> None:
        """One of which nothing is read."""
        process.partial = why
        self.processes.append(process)
        self.partial.append(f"process {process.pid}: {why}")


class DumpsMemory:
    """Handles both ways of reading memory."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: DumpMemory, intake: Intake, deadline: Deadline) -> Outcome:
        before = _examine(api, operation.container, deadline)
        self._chosen(operation, pids_of(self._side.files, before, deadline))  # a mistake is told before it is frozen
        with frozen(api, before, intake, deadline) as freezing:
            most = _FOR_EVER if freezing.was_paused else operation.freeze_for
            limited = FreezeTime(deadline, most)
            pids = pids_of(self._side.files, before, limited)
            chosen = self._chosen(operation, pids)
            is_frozen = self._is_frozen(before, limited)
            tally = self._read_all(operation, chosen, is_frozen, intake, limited)
        told = [f"{len(chosen)} processes, {tally.regions} regions, {tally.read} bytes read, {tally.stored} stored"]
        told.append(freezing.text())
        if is_frozen is not True:
            told.append("by its control group it is NOT frozen" if is_frozen is False else "the freezer cannot be read")
        if left := [one.pid for one in (*pids.joined, *pids.sharing) if not operation.pids]:
            told.append(f"not read: {len(left)} processes that joined its namespaces from elsewhere ({_some(left)})")
        if tally.partial:
            told.append(f"{len(tally.partial)} not whole: {tally.partial[0]}")
        return Outcome(detail="; ".join(told))

    def _chosen(self, operation: DumpMemory, pids: Pids) -> list[Process]:
        """The processes to be read. Raises TargetError where one that was named is not the container's."""
        known = {one.pid: one for one in pids.processes}
        if strangers := [pid for pid in operation.pids if pid not in known]:
            raise TargetError(f"process {_some(strangers)} is not the container's", Refusal.REFUSED)
        wanted = [known[pid] for pid in operation.pids] or list(pids.inside)
        return [one for one in wanted if not one.has_ended]

    def _is_frozen(self, container: Container, deadline: Deadline) -> bool | None:
        try:
            facts = see_kernel(self._side.files, container, deadline)
        except TargetError as error:
            check_is_answer(error)
            return None
        return facts.frozen if facts and facts.alive else None

    def _read_all(
        self, operation: DumpMemory, chosen: list[Process], is_frozen: bool | None, intake: Intake, deadline: FreezeTime
    ) -> _Tally:
        tally = _Tally()
        found = describe(self._side.files, chosen, deadline)
        try:
            for process in found:
                process.frozen = is_frozen if process.in_group else False
                tally.processes.append(process)
                self._read_one(operation, process, tally, intake, deadline)
        except TargetError:
            if not deadline.is_over():
                raise
        finally:
            for one in chosen[len(tally.processes) :]:
                tally.leave_out(named(one), "not read: reading ended before")
            lines = msgspec.json.Encoder().encode_lines(tally.processes)
            intake.put(f"{operation.file}/processes.jsonl", bytes(lines), source="host files /proc/PID")
        return tally

    def _read_one(
        self, operation: DumpMemory, process: MemoryProcess, tally: _Tally, intake: Intake, deadline: FreezeTime
    ) -> None:
        """One process into its two items; one that ends meanwhile is told, and the others are read."""
        pid, way = process.pid, by_command if isinstance(operation, DumpMemoryByCommand) else by_file
        folder = f"{operation.file}/{pid}"
        try:
            mappings = read_mappings(self._side.files, pid, deadline)
        except TargetError as error:
            _check_is_told(error, deadline)
            process.partial = f"not read: {error.reason}"
            tally.partial.append(process.partial)
            return
        limit = max(0, min(operation.process_limit, operation.limit - tally.read))
        how = " and dd as root" if way is by_command else ""
        item = intake.open(
            f"{folder}/memory.bin", source=f"host file /proc/{pid}/mem{how}", compress=True, level=operation.level
        )
        index = intake.open(f"{folder}/regions.jsonl", source=f"made from /proc/{pid}/smaps and pagemap", compress=True)
        if not process.frozen:
            item.warn("it was not seen to be frozen: pages may be of different moments")
        memory = ProcessMemory(self._side.files, pid, limit, item, index)
        broken = ""
        try:
            memory.take(mappings, way(self._side, pid, deadline), deadline)
        except TargetError as error:
            _check_is_told(error, deadline)
            broken = error.reason
        process.tell(folder, memory.counts, memory.finish(broken))
        tally.regions += memory.counts.regions
        tally.read += memory.counts.read
        tally.stored += memory.counts.stored
        if process.partial:
            tally.partial.append(f"process {pid}: {process.partial}")


@dataclass
class Freezing:
    """How long it was frozen for this, and whether somebody else had done it before."""

    began: float = 0.0
    seconds: float = 0.0
    was_paused: bool = False

    def text(self) -> str:
        """In words."""
        return "it was paused before, and stays so" if self.was_paused else f"frozen for {self.seconds:.2f} s"


@contextmanager
def frozen(api: EngineApi, before: Container, intake: Intake, deadline: Deadline) -> Iterator[Freezing]:
    """A container frozen, unless it is already; afterwards it goes on if it was not. Raises TargetError."""
    freezing = Freezing(was_paused=before.state == "paused")
    if freezing.was_paused:
        yield freezing
        return
    try:
        engine_changes.pause(api, Pause(before.id), intake, deadline)
    except TargetError as error:
        if error.kind is not Refusal.ALREADY:
            with suppress(TargetError):  # it may have taken hold all the same
                engine_changes.unpause(api, Unpause(before.id), intake, _OwnTime(_THAW))
            raise
        freezing.was_paused = True
    freezing.began = time.monotonic()
    try:
        yield freezing
    finally:
        if not freezing.was_paused:
            _thaw(api, before, intake)
            freezing.seconds = time.monotonic() - freezing.began


def _thaw(api: EngineApi, before: Container, intake: Intake) -> None:
    own = _OwnTime(_THAW)
    try:
        engine_changes.unpause(api, Unpause(before.id), intake, own)
    except TargetError as error:
        if error.kind in (Refusal.ALREADY, Refusal.ABSENT):
            return
        with suppress(TargetError):
            if _examine(api, before.id, own).state != "paused":
                return
        raise TargetError(f"it is STILL FROZEN: {error.reason}", error.kind) from error


def _check_is_told(error: TargetError, deadline: FreezeTime) -> None:
    """Raises it where it means that the host cannot be asked any more; that the freezing is over ends this alone."""
    if not (error.kind is Refusal.TIMEOUT and deadline.is_over()):
        check_is_answer(error)


def _examine(api: EngineApi, container: str, deadline: Deadline) -> Container:
    body = api.read(f"/containers/{part(container)}/json", deadline)
    return container_of(body, "", podman=api.is_podman(deadline))


def _some(pids: list[int]) -> str:
    shown = ", ".join(map(str, pids[:10]))
    return shown if len(pids) <= 10 else f"{shown} and more"  # noqa: PLR2004
