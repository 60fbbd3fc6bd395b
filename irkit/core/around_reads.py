"""Operations that read what lies around a container: its image, the engine's own files of it, its network, its host."""

from irkit.core.container import Container
from irkit.core.estimate import Estimate, at_most, of_image
from irkit.core.operation import Operation, Trace
from irkit.core.text import file_name


class ReadImage(Operation, frozen=True, tag="read-image"):
    """An image as its engine saves it, layer by layer: a layer that this run has from the host already is not kept.

    `run` is the run whose bundle it goes to.
    """

    image: str
    run: str = ""
    rank = 9
    collects = frozenset({Trace.IMAGE})
    bulk = True

    @property
    def file(self) -> str:
        return f"images/{file_name(self.image.removeprefix('sha256:')[:12])}/layers.json"

    def estimate(self, now: Container, image: int) -> Estimate:
        return of_image(image, and_more=False)

    def text(self) -> str:
        return f"read image {self.image.removeprefix('sha256:')[:12]} with its layers"


class ReadLogFiles(Operation, frozen=True, tag="read-log-files"):
    """The engine's own files of a container: its log with all rotations, raw, and how the container was set up.

    Of the log at most `limit` bytes are read, the newest.
    """

    container: str
    limit: int
    rank = 7
    collects = frozenset({Trace.LOGS})
    bulk = True
    needs_files = True
    unseen = "the engine's own log files: the log is what its API gives of it"

    @property
    def file(self) -> str:
        return f"daemon/{file_name(self.container)}/files.json"

    def estimate(self, now: Container, image: int) -> Estimate:
        return at_most(self.limit)

    def text(self) -> str:
        return f"read the engine's own log files (at most {self.limit} bytes)"


class CapturePackets(Operation, frozen=True, tag="capture-packets"):
    """What passes the interfaces of a container's network namespace, for so long, as a pcap.

    At most `limit` bytes are kept: the newest where `ring`, else the capture ends there. Of each packet `snap` bytes.
    `whole_host` allows a container on the host's own network, where all of the host's traffic passes.
    """

    container: str
    seconds: float
    limit: int
    snap: int = 262_144
    ring: bool = False
    whole_host: bool = False
    rank = 2
    collects = frozenset({Trace.PACKETS})
    needs_root = True

    @property
    def lasts(self) -> float:
        return self.seconds

    def estimate(self, now: Container, image: int) -> Estimate:
        return Estimate(most=self.limit, seconds=self.seconds)

    @property
    def file(self) -> str:
        return "network/capture.pcap"

    def text(self) -> str:
        bound = f"the newest {self.limit} bytes" if self.ring else f"at most {self.limit} bytes"
        return f"capture packets for {self.seconds:g} s ({bound}), as root in its network namespace"

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in ("running", "paused") else f"it has no network: it is {now.state}"


class ReadHost(Operation, frozen=True, tag="read-host"):
    """The host around the containers, from its files: `changed` is what counts as changed lately, in seconds."""

    changed: float
    log_limit: int
    rank = 1
    collects = frozenset({Trace.HOST})
    unseen = "what only root may read of the host (units, cron, sessions, the engine's settings, as far as guarded)"

    @property
    def file(self) -> str:
        return "around/host.json"

    def text(self) -> str:
        return "read the host's settings, mounts, sockets, interfaces, sessions, users and jobs"


class ReadHostByCommand(Operation, frozen=True, tag="read-host-by-command"):
    """What a host tells by its own commands alone: firewall rules, and the engine's journal since `since`."""

    since: str
    rank = 1
    collects = frozenset({Trace.HOST})
    needs_root = True

    @property
    def file(self) -> str:
        return "around/commands/commands.json"

    def text(self) -> str:
        return f"read firewall rules and the engine's journal since {self.since}, by commands of the host, as root"
