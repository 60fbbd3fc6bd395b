"""Operations that bring evidence out: reads of a host and of a container, and the snapshots that read its files."""

import msgspec

from irkit.core.container import Container
from irkit.core.estimate import SMALL, Estimate, at_most, of_image
from irkit.core.operation import Operation, Touch, Trace
from irkit.core.text import file_name


def _short(image: str) -> str:
    """An image's id as people read it; another name as it is."""
    return image.removeprefix("sha256:")[:12] if image.startswith("sha256:") else image


# Reads of the host -----------------------------------------------------------------------------------------------


class ReadEngine(Operation, frozen=True, tag="read-engine"):
    """The engine's own account of itself: `part` is `info` or `version`."""

    part: str = "info"
    rank = 0
    collects = frozenset({Trace.ENGINE})

    @property
    def file(self) -> str:
        return f"{file_name(self.part)}.json"

    def text(self) -> str:
        return f"read engine {self.part}"


class MeasureClock(Operation, frozen=True, tag="measure-clock"):
    """The offset between the responder's clock and the host's; `moment` is `start` or `end` of a run."""

    moment: str = "start"
    rank = 0
    collects = frozenset({Trace.ENGINE})

    @property
    def file(self) -> str:
        return f"clock-{file_name(self.moment)}.json"

    def text(self) -> str:
        return f"measure clock offset at {self.moment} of run"


class InspectImage(Operation, frozen=True, tag="inspect-image"):
    """The configuration of an image, by id."""

    image: str
    rank = 10
    collects = frozenset({Trace.CONFIG})

    @property
    def file(self) -> str:
        return f"images/{file_name(self.image.removeprefix('sha256:')[:12])}/image.json"

    def text(self) -> str:
        return f"inspect image {_short(self.image)}"


class ReadImageHistory(Operation, frozen=True, tag="read-image-history"):
    """How an image was built, as its layers tell."""

    image: str
    rank = 10
    collects = frozenset({Trace.CONFIG})

    @property
    def file(self) -> str:
        return f"images/{file_name(self.image.removeprefix('sha256:')[:12])}/history.json"

    def text(self) -> str:
        return f"read history of image {_short(self.image)}"


class InspectNetwork(Operation, frozen=True, tag="inspect-network"):
    """A network: its settings and the containers on it."""

    network: str
    rank = 1
    collects = frozenset({Trace.CONFIG})

    @property
    def file(self) -> str:
        return f"networks/{file_name(self.network)}.json"

    def text(self) -> str:
        return f"inspect network {self.network}"


class InspectVolume(Operation, frozen=True, tag="inspect-volume"):
    """A volume's settings, not its contents."""

    volume: str
    rank = 1
    collects = frozenset({Trace.CONFIG})

    @property
    def file(self) -> str:
        return f"volumes/{file_name(self.volume)}.json"

    def text(self) -> str:
        return f"inspect volume {self.volume}"


class ReadEvents(Operation, frozen=True, tag="read-events"):
    """The engine's events from `since` to the moment the operation begins (engines keep the latest only)."""

    since: str = "24h"
    rank = 1
    collects = frozenset({Trace.EVENTS})

    @property
    def file(self) -> str:
        return "events.jsonl"

    def text(self) -> str:
        return f"read engine events since {self.since}"


# Reads of a container --------------------------------------------------------------------------------------------


class Inspect(Operation, frozen=True, tag="inspect"):
    """All that the engine knows of a container."""

    container: str
    collects = frozenset({Trace.CONFIG})

    @property
    def file(self) -> str:
        return "inspect.json"

    def text(self) -> str:
        return "inspect container"


class ListProcesses(Operation, frozen=True, tag="list-processes"):
    """The container's processes, as the host's `ps` sees them."""

    container: str
    collects = frozenset({Trace.PROCESSES})

    @property
    def file(self) -> str:
        return "processes.json"

    def text(self) -> str:
        return "list processes"

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in ("running", "paused") else f"it has no processes: it is {now.state}"


class ReadStats(Operation, frozen=True, tag="read-stats"):
    """One sample of CPU, memory, network and disk use."""

    container: str
    collects = frozenset({Trace.USAGE})

    @property
    def file(self) -> str:
        return "stats.json"

    def text(self) -> str:
        return "read resource use"

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in ("running", "paused") else f"it uses nothing: it is {now.state}"


class ReadLogs(Operation, frozen=True, tag="read-logs"):
    """Both log streams, apart, up to the moment the operation begins. `tail` 0 means all lines."""

    container: str
    since: str = ""
    until: str = ""
    tail: int = 0
    rank = 7
    collects = frozenset({Trace.LOGS})
    bulk = True

    @property
    def file(self) -> str:
        return "logs"

    def text(self) -> str:
        limits = [f"since {self.since}" if self.since else "", f"until {self.until}" if self.until else ""]
        limits.append(f"last {self.tail} lines" if self.tail else "")
        return " ".join(["read logs", *filter(None, limits)])


class Diff(Operation, frozen=True, tag="diff"):
    """Which files were added, changed and deleted since the container was made."""

    container: str
    rank = 8
    collects = frozenset({Trace.LAYER})

    @property
    def file(self) -> str:
        return "changes.json"

    def text(self) -> str:
        return "list changed files"


class CopyOut(Operation, frozen=True, tag="copy-out"):
    """A file or folder of the container as a tar stream, cut after `limit` bytes."""

    container: str
    path: str
    limit: int
    number: int = 1
    rank = 5
    collects = frozenset({Trace.LAYER})
    bulk = True

    @property
    def file(self) -> str:
        return f"files/{self.number:03d}-{file_name(self.path.strip('/') or 'root', 80)}.tar"

    def estimate(self, now: Container, image: int) -> Estimate:
        return at_most(self.limit)

    def text(self) -> str:
        return f"copy out {self.path} (at most {self.limit} bytes)"


class Export(Operation, frozen=True, tag="export"):
    """The container's merged file system as a tar stream: no volumes, tmpfs or deletions."""

    container: str
    compress: bool = True
    level: int = 3
    index: bool = True
    rank = 8
    collects = frozenset({Trace.LAYER})
    bulk = True

    @property
    def file(self) -> str:
        return "export/rootfs.tar"

    def estimate(self, now: Container, image: int) -> Estimate:
        return of_image(image, and_more=True)

    def text(self) -> str:
        return "export file system" + ("" if self.compress else ", not compressed")


# Snapshots -------------------------------------------------------------------------------------------------------


class Commit(Operation, frozen=True, tag="commit"):
    """Make an image of the container's file system on its host, labelled with case and run."""

    container: str
    image: str
    pause: bool = True
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    touch = Touch.CHANGE
    rank = 9
    collects = frozenset({Trace.LAYER})
    bulk = True

    @property
    def file(self) -> str:
        return "commit.json"

    def estimate(self, now: Container, image: int) -> Estimate:
        return SMALL  # what is copied stays on the host

    def text(self) -> str:
        return f"commit to image {self.image}, {'pausing it meanwhile' if self.pause else 'without pausing'}"


class SaveImage(Operation, frozen=True, tag="save-image"):
    """A committed image, with all its layers, as a tar stream."""

    container: str
    image: str
    rank = 9
    collects = frozenset({Trace.IMAGE})
    bulk = True
    needs_previous = True

    @property
    def file(self) -> str:
        return "image/image.tar"

    def estimate(self, now: Container, image: int) -> Estimate:
        return of_image(image, and_more=True)

    def text(self) -> str:
        return f"save image {self.image}"


class RemoveImage(Operation, frozen=True, tag="remove-image"):
    """Remove from the host an image that this run made and saved: the bundle has it, so nothing is lost."""

    container: str
    image: str
    touch = Touch.CHANGE
    rank = 9
    needs_previous = True

    def text(self) -> str:
        return f"remove image {self.image} from the host"
