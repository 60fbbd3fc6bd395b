"""collect.pcap: what passes a container's interfaces."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import CapturePackets, Operation
from irkit.core.values import Duration, Size, bytes_of, seconds_of

_LEAST, _LONGEST = 4096, 24 * 3600


@dataclass(frozen=True)
class CollectPcap(Action):
    """Capture the packets of a container's network namespace for a time: a pcap, with what was lost said beside it.

    The host's own tcpdump is run as root in that namespace; where it has none and irkit runs on the host as root, a
    socket of irkit's own takes its place. Nothing is written on the host, and the container's programs are not touched,
    though a process in it can see that an interface is listened on. The capture ends when the time is over or the size
    is reached; with `ring` it goes on and keeps the newest packets. It takes its time within the step: put it after
    what is more volatile, and before what cuts the container off.
    """

    name = "collect.pcap"
    phase = Phase.COLLECT
    needs_root = True

    duration: Annotated[Duration, Meta(description="How long packets are captured.")] = "30s"
    limit: Annotated[Size, Meta(description="Bytes that are kept at most.")] = "256MiB"
    ring: Annotated[bool, Meta(description="At the limit, let the oldest packets go and go on.")] = False
    snap: Annotated[int, Meta(description="Bytes that are kept of each packet.", ge=64, le=262144)] = 262144
    host_network: Annotated[
        bool, Meta(description="Where it is on the host's own network, capture all of the host's traffic.")
    ] = False

    def __post_init__(self) -> None:
        if not 0 < seconds_of(self.duration) <= _LONGEST:
            raise ValueError("a capture lasts more than nothing, and a day at most")
        if bytes_of(self.limit) < _LEAST:
            raise ValueError(f"a limit below {_LEAST} bytes keeps nothing")

    def refuse(self, container: Container) -> str:
        if container.shares_host_network and not self.host_network:
            return "it is on the host's network, where all of the host's traffic passes: set host_network to capture it"
        return ""

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield CapturePackets(
            container.id,
            seconds_of(self.duration),
            bytes_of(self.limit),
            self.snap,
            self.ring,
            self.host_network,
        )
