"""What an operation is: one request to a host, as data. All that there are stand in `operations`."""

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import msgspec

from irkit.core.container import Container
from irkit.core.estimate import SMALL, UNKNOWN, Estimate
from irkit.core.proof import Proof, Seen

if TYPE_CHECKING:
    from irkit.core.operations import AnyOperation


class Touch(StrEnum):
    """What an operation does to a host."""

    READ = "read"
    CHANGE = "change"
    DESTROY = "destroy"

    @property
    def degree(self) -> int:
        """0 for read, 1 for change, 2 for destroy: what is approved covers what is below it."""
        return list(Touch).index(self)


class Trace(StrEnum):
    """A kind of evidence that an operation collects or destroys."""

    ENGINE = "engine facts"
    CONFIG = "configuration"
    PROCESSES = "processes"
    USAGE = "resource use"
    SOCKETS = "connections"
    MEMORY = "memory"
    TMPFS = "tmpfs"
    LAYER = "changed files"
    LOGS = "logs"
    EVENTS = "engine events"
    IMAGE = "committed image"
    DELETED = "deleted files that are still open"
    VOLUMES = "volumes"
    PACKETS = "network traffic"
    HOST = "the host"


RUNNING = frozenset({Trace.PROCESSES, Trace.USAGE, Trace.MEMORY, Trace.SOCKETS, Trace.TMPFS, Trace.DELETED})
WHOLE_CONTAINER = RUNNING | {Trace.CONFIG, Trace.LAYER, Trace.LOGS}
ALIVE = ("running", "paused", "restarting")


class Operation(msgspec.Struct, frozen=True, tag_field="operation", forbid_unknown_fields=True):
    """One request to a host, as data.

    `rank` is its place in the order of volatility (docs/order-of-volatility.md, 0 first). `bulk` operations move data
    of unknown size. One that `needs_previous` is skipped where the operation before it in its step did not finish.
    One that `needs_root` runs commands as root on the host. One that `needs_files` reads files of the host as root, and
    can do nothing where it may not; `unseen` says what an operation misses there, and `untold` what it misses where the
    files are read over SFTP. For one that `looks_at_kernel` its
    proof is looked for in what the host's kernel shows of the container. One that `takes_back` what it changes before
    it ends leaves something to undo only where it did not get there; it can be stopped as a read can.
    """

    touch: ClassVar[Touch] = Touch.READ
    rank: ClassVar[int] = 1
    collects: ClassVar[frozenset[Trace]] = frozenset()
    destroys: ClassVar[frozenset[Trace]] = frozenset()
    bulk: ClassVar[bool] = False
    needs_previous: ClassVar[bool] = False
    needs_root: ClassVar[bool] = False
    needs_files: ClassVar[bool] = False
    unseen: ClassVar[str] = ""
    untold: ClassVar[str] = ""
    looks_at_kernel: ClassVar[bool] = False
    takes_back: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        """The full id of the container it concerns, or empty for the host's own."""
        return str(getattr(self, "container", ""))

    @property
    def lasts(self) -> float:
        """Seconds that it takes by what it is; 0 for what is over as soon as it can be."""
        return 0.0

    def estimate(self, now: Container, image: int) -> Estimate:
        """How much it brings, before compression; `image` is the size of the container's image, 0 if not known."""
        return UNKNOWN if self.bulk else SMALL

    @property
    def outlives(self) -> bool:
        """Whether it concerns what is on the host, so that it is done though its container is gone."""
        return False

    @property
    def file(self) -> str:
        """Where its evidence goes, below the folder of its container or host; empty where it has none."""
        return ""

    def text(self) -> str:
        """One line that says what it does. Holds foreign names: show it through `safe`."""
        raise TypeError(f"{type(self).__name__} has no text")

    def losses(self, now: Container) -> frozenset[Trace]:
        """What is gone for good after it, for this container."""
        return self.destroys

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        """The operations that take it back, from facts read just before it; empty where nothing can or need."""
        return ()

    def inapplicable(self, now: Container) -> str:
        """Why it does not apply any more, or empty where it does."""
        return ""

    def verify(self, after: Container | None) -> str:
        """What is not as it should be afterwards (None: the container is gone), or empty where all is."""
        return ""

    def prove(self, seen: Seen) -> Proof:
        """How sure it is that it took hold: by the engine's facts after it, and by what the host's kernel shows."""
        wrong = self.verify(seen.after)
        return Proof.wrong(wrong) if wrong else Proof.asserted()
