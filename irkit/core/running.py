"""Operations that bring out what there is only while a container runs: memory, files without a name, tmpfs."""

from typing import TYPE_CHECKING, ClassVar

from irkit.core.changes import Unpause
from irkit.core.container import Container
from irkit.core.estimate import Estimate, at_most
from irkit.core.operation import Operation, Touch, Trace
from irkit.core.proof import Proof, Seen

if TYPE_CHECKING:
    from irkit.core.operations import AnyOperation

_WITH_PROCESSES = ("running", "paused")


def _without_processes(now: Container, what: str) -> str:
    return "" if now.state in _WITH_PROCESSES else f"it has no {what}: it is {now.state}"


class DumpMemory(Operation, frozen=True, tag="dump-memory"):
    """The memory of a container's processes, read while it is frozen; it is let go on afterwards if it was running.

    `pids` are numbers as the host has them, empty for all. Bytes are bounded by `limit` in all and by `process_limit`
    for one process; what is beyond is told and left out. It is frozen for at most `freeze_for` seconds: what was read
    by then is kept, and the rest told as missing.
    """

    container: str
    limit: int
    process_limit: int
    pids: tuple[int, ...] = ()
    freeze_for: float = 600.0
    level: ClassVar[int] = 1
    touch = Touch.CHANGE
    rank = 3
    collects = frozenset({Trace.MEMORY})
    bulk = True
    needs_files = True
    looks_at_kernel = True
    takes_back = True

    def estimate(self, now: Container, image: int) -> Estimate:
        return at_most(self.limit)

    @property
    def file(self) -> str:
        return "memory"

    def text(self) -> str:
        which = f"processes {', '.join(map(str, self.pids))}" if self.pids else "all processes"
        bounds = f"at most {self.limit} bytes, and {self.freeze_for:g} seconds"
        return f"read the memory of {which}, frozen meanwhile{self._way()} ({bounds})"

    def _way(self) -> str:
        return ""

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return () if now.state == "paused" else (Unpause(self.container),)

    def inapplicable(self, now: Container) -> str:
        return _without_processes(now, "memory")

    def prove(self, seen: Seen) -> Proof:
        """That it goes on as it was found: frozen or not."""
        if seen.after is None or seen.before.state == seen.after.state:
            return Proof.asserted()
        if seen.before.state == "running" and seen.after.state == "paused":
            return Proof.wrong("it was running before, and is still paused")
        return Proof.asserted(f"it was {seen.before.state} before, and is {seen.after.state} now")


class DumpMemoryByCommand(DumpMemory, frozen=True, tag="dump-memory-by-command"):
    """The same, large regions with the host's own `dd`, run as root, instead of SFTP."""

    needs_root = True

    def _way(self) -> str:
        return ", by dd as root on the host"


class ReadDeletedFiles(Operation, frozen=True, tag="read-deleted-files"):
    """Files that processes hold and no name leads to: executables, libraries, memfd, open files. Whole, up to `limit`.

    Contents that are the same are stored once.
    """

    container: str
    limit: int
    rank = 4
    collects = frozenset({Trace.DELETED})
    bulk = True
    needs_files = True

    def estimate(self, now: Container, image: int) -> Estimate:
        return at_most(self.limit)

    @property
    def file(self) -> str:
        return "deleted"

    def text(self) -> str:
        return f"recover deleted files that processes still hold (at most {self.limit} bytes)"

    def inapplicable(self, now: Container) -> str:
        return _without_processes(now, "processes that hold files")


class ReadTmpfs(Operation, frozen=True, tag="read-tmpfs"):
    """What is in its tmpfs mounts, /dev/shm among them, each as a tar and an index, up to `limit` bytes in all."""

    container: str
    limit: int
    rank = 4
    collects = frozenset({Trace.TMPFS})
    bulk = True
    needs_files = True

    def estimate(self, now: Container, image: int) -> Estimate:
        return at_most(self.limit)

    @property
    def file(self) -> str:
        return "tmpfs"

    def text(self) -> str:
        return f"read tmpfs mounts and /dev/shm (at most {self.limit} bytes)"

    def inapplicable(self, now: Container) -> str:
        return _without_processes(now, "tmpfs")
