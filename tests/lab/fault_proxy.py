"""A TCP proxy on loopback, between irkit and sshd, that does to a connection what bad networks do.

    with start_proxy(host.address, host.port) as proxy:
        client.add(host, port=proxy.port, address=proxy.address)
        proxy.arm(Fault("reset", after=100_000, direction="down"))

What it does is in `fault_relay`, a process of its own. With `delay` it also takes the place of a long way (this
kernel has no netem): each direction later by so many seconds, at full throughput.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .companion import Companion

Kind = Literal["drop", "stall", "delay", "half-close", "reset", "segments"]
Direction = Literal["up", "down"]


@dataclass(frozen=True)
class Fault:
    """Something that befalls a connection after exactly so many bytes were passed on in a direction (up: to sshd).

    drop: nothing passes any more, either way, and both connections stay open. stall: nothing passes for `seconds`.
    delay: from here on all comes `seconds` later, both ways. half-close: this direction ends (FIN), the other goes on.
    reset: both connections are reset (RST). segments: this direction goes on one byte at a time.

    Bytes are counted in each connection, or with `over_all` in all connections together since it was armed. `times`
    is how many connections it befalls; 0 means all.
    """

    kind: Kind
    after: int = 0
    direction: Direction = "down"
    seconds: float = 0
    over_all: bool = False
    times: int = 1


@dataclass(frozen=True)
class Counts:
    """What a proxy has done so far: bytes passed on, connections taken and still open, connections befallen."""

    up: int
    down: int
    accepted: int
    open: int
    befallen: int


class FaultProxy:
    """A proxy that runs; to be had from `start_proxy`."""

    def __init__(self, companion: Companion) -> None:
        self._companion = companion
        self.address = "127.0.0.1"
        self.port = int(companion.greeting)

    def _ask(self, command: str, **told: Any) -> dict[str, int]:
        answer: dict[str, int] = json.loads(self._companion.ask(json.dumps({"command": command, **told})))
        return answer

    def arm(self, fault: Fault) -> None:
        """Let this befall connections, those that are open too. Faults that were armed before stay."""
        self._ask("arm", **asdict(fault))

    def disarm(self) -> None:
        """No more faults; what has befallen a connection stays."""
        self._ask("disarm")

    def strike(self, kind: Kind, *, direction: Direction = "down", seconds: float = 0) -> None:
        """Let this befall all open connections at once."""
        self._ask("strike", **asdict(Fault(kind, direction=direction, seconds=seconds)))

    def counts(self) -> Counts:
        return Counts(**self._ask("counts"))


@contextlib.contextmanager
def start_proxy(address: str, port: int, *, delay: float = 0) -> Iterator[FaultProxy]:
    """A proxy to this address while the block runs; `delay` seconds each way. LabError where it does not start."""
    companion = Companion("fault_relay", address, str(port), repr(float(delay)))
    try:
        yield FaultProxy(companion)
    finally:
        companion.close()
