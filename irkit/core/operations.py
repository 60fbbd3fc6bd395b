"""The closed list of what irkit can do to a host: this file is the audit surface.

An operation is a value. It knows how risky it is, what it collects and destroys, its own opposite (from facts
re-read at the moment of applying), and how to tell from facts whether it took hold. Carrying it out is a target's
work; when, a runner's.
"""

from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

import msgspec

from irkit.core.container import Attachment, Container, RestartPolicy
from irkit.core.text import file_name


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


_RUNNING = frozenset({Trace.PROCESSES, Trace.USAGE, Trace.MEMORY, Trace.SOCKETS, Trace.TMPFS})
_WHOLE_CONTAINER = _RUNNING | {Trace.CONFIG, Trace.LAYER, Trace.LOGS}
_ALIVE = ("running", "paused", "restarting")


class Operation(msgspec.Struct, frozen=True, tag_field="operation", forbid_unknown_fields=True):
    """One request to a host, as data.

    `rank` is its place in the order of volatility (docs/order-of-volatility.md, 0 first). `bulk` operations move data
    of unknown size. One that `needs_previous` is skipped where the operation before it in its step did not finish.
    """

    touch: ClassVar[Touch] = Touch.READ
    rank: ClassVar[int] = 1
    collects: ClassVar[frozenset[Trace]] = frozenset()
    destroys: ClassVar[frozenset[Trace]] = frozenset()
    bulk: ClassVar[bool] = False
    needs_previous: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        """The full id of the container it concerns, or empty for the host's own."""
        return str(getattr(self, "container", ""))

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

    def text(self) -> str:
        return "export file system" + ("" if self.compress else ", not compressed")


# Changes ---------------------------------------------------------------------------------------------------------


class Commit(Operation, frozen=True, tag="commit"):
    """Make an image of the container's file system on its host, labelled with case and run."""

    container: str
    image: str
    pause: bool = True
    labels: dict[str, str] = {}
    touch = Touch.CHANGE
    rank = 9
    collects = frozenset({Trace.LAYER})
    bulk = True

    @property
    def file(self) -> str:
        return "commit.json"

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


class Disconnect(Operation, frozen=True, tag="disconnect"):
    """Take a container off a network. With `leaves` it is the last: then no network but those may be attached."""

    container: str
    network: str
    leaves: tuple[str, ...] | None = None
    touch = Touch.CHANGE
    rank = 3
    destroys = frozenset({Trace.SOCKETS})

    def text(self) -> str:
        return f"disconnect from network {self.network}"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        attachment = now.attachment(self.network)
        return (Connect(self.container, attachment),) if attachment else ()

    def inapplicable(self, now: Container) -> str:
        return "" if now.attachment(self.network) else f"it is not attached to network {self.network}"

    def verify(self, after: Container | None) -> str:
        if after is None:
            return ""
        if after.attachment(self.network):
            return f"NOT isolated: it is still attached to network {self.network}"
        allowed = None if self.leaves is None else (*self.leaves, "none")
        more = [one.network for one in after.attachments if allowed is not None and one.network not in allowed]
        return f"NOT isolated: it was attached to {', '.join(more)} since the plan was made" if more else ""


class Connect(Operation, frozen=True, tag="connect"):
    """Put a container on a network with the address, aliases and options it had there."""

    container: str
    attachment: Attachment
    touch = Touch.CHANGE

    def text(self) -> str:
        wanted = self.attachment
        parts = [*filter(None, [wanted.fixed_ipv4, wanted.fixed_ipv6]), *wanted.aliases]
        return f"connect to network {wanted.network}" + (f" as {', '.join(parts)}" if parts else "")

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (Disconnect(self.container, self.attachment.network),)

    def inapplicable(self, now: Container) -> str:
        there = now.attachment(self.attachment.network)
        return f"it is attached to network {self.attachment.network} already" if there else ""

    def verify(self, after: Container | None) -> str:
        wanted = self.attachment
        found = after.attachment(wanted.network) if after else None
        if after is None or found is None:
            return f"it is not attached to network {wanted.network}"
        # A container that is not running has no address until it starts: what was asked for is what counts.
        wrong = [
            f"{what} is {have or 'none'} and was {want}"
            for what, want, have in (
                ("IPv4 address", wanted.fixed_ipv4, found.fixed_ipv4),
                ("IPv6 address", wanted.fixed_ipv6, found.fixed_ipv6),
            )
            if want and want != have
        ]
        missing = sorted(set(wanted.aliases) - set(found.aliases))
        wrong += [f"alias {alias} is missing" for alias in missing]
        return f"on network {wanted.network}: {'; '.join(wrong)}" if wrong else ""


class Pause(Operation, frozen=True, tag="pause"):
    """Freeze all processes of a container."""

    container: str
    touch = Touch.CHANGE
    rank = 3

    def text(self) -> str:
        return "pause"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (Unpause(self.container),)

    def inapplicable(self, now: Container) -> str:
        # One that is restarting runs again in a moment: a target waits for that.
        return "" if now.state in ("running", "restarting") else f"it is {now.state}"

    def verify(self, after: Container | None) -> str:
        return "" if after and after.state == "paused" else f"it is {after.state if after else 'gone'}, not paused"


class Unpause(Operation, frozen=True, tag="unpause"):
    """Let a paused container go on."""

    container: str
    touch = Touch.CHANGE
    rank = 3

    def text(self) -> str:
        return "unpause"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (Pause(self.container),)

    def inapplicable(self, now: Container) -> str:
        return "" if now.state == "paused" else f"it is {now.state}"

    def verify(self, after: Container | None) -> str:
        return "it is still paused" if after and after.state == "paused" else ""


class _Ending(Operation, frozen=True):
    """What stop and kill have in common: processes, memory and tmpfs are gone, on `--rm` everything."""

    container: str
    touch = Touch.DESTROY
    rank = 11
    destroys = _RUNNING

    def losses(self, now: Container) -> frozenset[Trace]:
        if now.state not in _ALIVE:
            return frozenset()
        return _WHOLE_CONTAINER if now.auto_remove else self.destroys

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        if now.auto_remove:
            return ()
        return (Start(self.container), Pause(self.container)) if now.state == "paused" else (Start(self.container),)

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in _ALIVE else f"it is not running: it is {now.state}"

    def verify(self, after: Container | None) -> str:
        return f"it is still {after.state}" if after and after.state in _ALIVE else ""


class Stop(_Ending, frozen=True, tag="stop"):
    """End a container: its stop signal, then SIGKILL after `grace` seconds."""

    grace: int = 10

    def text(self) -> str:
        return f"stop (grace {self.grace} s)"


class Kill(_Ending, frozen=True, tag="kill"):
    """End a container at once with SIGKILL."""

    def text(self) -> str:
        return "kill"


class Start(Operation, frozen=True, tag="start"):
    """Start a container that was stopped."""

    container: str
    touch = Touch.CHANGE

    def text(self) -> str:
        return "start"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (Stop(self.container),)

    def inapplicable(self, now: Container) -> str:
        return f"it is {now.state} already" if now.state in _ALIVE else ""

    def verify(self, after: Container | None) -> str:
        return "" if after and after.state in _ALIVE else f"it is {after.state if after else 'gone'}, not running"


class SetRestartPolicy(Operation, frozen=True, tag="set-restart-policy"):
    """What the engine does when the container ends."""

    container: str
    policy: RestartPolicy
    touch = Touch.CHANGE
    rank = 3

    def text(self) -> str:
        retries = f":{self.policy.maximum_retries}" if self.policy.maximum_retries else ""
        return f"set restart policy {self.policy.name}{retries}"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (SetRestartPolicy(self.container, now.restart_policy),)

    def inapplicable(self, now: Container) -> str:
        return f"its restart policy is {self.policy.name} already" if now.restart_policy == self.policy else ""

    def verify(self, after: Container | None) -> str:
        if after and after.restart_policy == self.policy:
            return ""
        return f"its restart policy is {after.restart_policy.name if after else 'gone'}, not {self.policy.name}"


AnyOperation: TypeAlias = (
    ReadEngine
    | MeasureClock
    | InspectImage
    | ReadImageHistory
    | InspectNetwork
    | InspectVolume
    | ReadEvents
    | Inspect
    | ListProcesses
    | ReadStats
    | ReadLogs
    | Diff
    | CopyOut
    | Export
    | Commit
    | SaveImage
    | RemoveImage
    | Disconnect
    | Connect
    | Pause
    | Unpause
    | Stop
    | Kill
    | Start
    | SetRestartPolicy
)


def all_operations() -> tuple[type[Any], ...]:
    """Every class of operation there is."""
    return tuple(AnyOperation.__args__)
