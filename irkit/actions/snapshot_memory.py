"""snapshot.memory: what a container's processes have in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import DumpMemory, DumpMemoryByCommand, Operation
from irkit.core.values import Duration, Size, bytes_of, seconds_of

_LARGEST = 2**53 - 1
_LONGEST = 24 * 3600
_Pid = Annotated[int, Meta(ge=1, le=2**31 - 1)]


@dataclass(frozen=True)
class SnapshotMemory(Action):
    """Freeze a container, read what its processes have in memory, and let it go on as it was found.

    No debugger is used and nothing is attached to a process: the host's /proc has the memory as a file. One that is
    paused stays so. For each process there are `memory.bin`, the bytes one after another, and `regions.jsonl`, a line
    for each region with its address, size, permissions, file, digest and place in `memory.bin`, and what of it is
    zeros, not in memory, or could not be read, with the reason. What a file has on disk only is not brought in.

    Over SSH a `dd` run as root on the host may read what is large instead of SFTP (`host_command`): a command run
    there, which takes about as long where the SFTP server is a recent one. It stands frozen for `freeze_for` at most,
    whatever time the step has: what was read by then is kept. `irkit export strings` and `irkit export core` make more
    of it, on the bundle.
    """

    name = "snapshot.memory"
    phase = Phase.ACQUIRE
    reads_files = True
    needs_root = True

    max_bytes: Annotated[Size, Meta(description="How much is read of all processes together.")] = "64GiB"
    max_process_bytes: Annotated[Size, Meta(description="How much is read of one process.")] = "16GiB"
    pids: Annotated[
        tuple[_Pid, ...],
        Meta(description="Processes by the host's numbers; none means all of the container's.", max_length=1000),
    ] = ()
    freeze_for: Annotated[
        Duration, Meta(description="How long it stands frozen at most; what was read by then is kept.")
    ] = "10m"
    host_command: Annotated[bool, Meta(description="Read large regions with the host's own dd, run as root.")] = False

    def __post_init__(self) -> None:
        if not 0 < seconds_of(self.freeze_for) <= _LONGEST:
            raise ValueError("freeze_for is more than nothing, and a day at most")

    @classmethod
    def may_need_root(cls, arguments: Mapping[str, Any]) -> bool:
        return bool(arguments.get("host_command"))

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        kind = DumpMemoryByCommand if self.host_command else DumpMemory
        limit, process = (min(bytes_of(one), _LARGEST) for one in (self.max_bytes, self.max_process_bytes))
        yield kind(container.id, limit, process, self.pids, seconds_of(self.freeze_for))
