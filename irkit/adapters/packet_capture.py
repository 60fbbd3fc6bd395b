"""Captures what passes a container's interfaces: by the host's own tcpdump, else by a socket of irkit's own.

The process is seen to be the container's own before, by its control groups; what is executed is the host's. tcpdump
runs under `timeout`, so that it ends in time on the host though the connection to it be lost; it stays root (-Z), as a
host may lack the user that it was built to become, and does no more than copy what the kernel gives.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from irkit.adapters import packet_socket
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.firewall_place import Process, find_process
from irkit.adapters.host_side import HostSide
from irkit.adapters.pcap_stream import LINK_TYPES, PcapStream
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import CapturePackets
from irkit.core.ports import Deadline, EvidenceFile, Intake, Outcome
from irkit.core.values import utc_text

_DROPPED: Final = re.compile(r"([0-9]+) packets? dropped by (?:kernel|interface)")


@dataclass
class _Capture:
    """A way to capture, and what it said at its end."""

    method: str
    pieces: Iterator[memoryview]
    said: str = ""

    @property
    def dropped(self) -> int | None:
        """Packets that came faster than they were taken, as far as that is told."""
        found = [int(number) for number in _DROPPED.findall(self.said)]
        return sum(found) if found else None


class CapturesPackets:
    """Captures packets of containers of one host."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: CapturePackets, intake: Intake, deadline: Deadline) -> Outcome:
        now = container_of(api.read(f"/containers/{part(operation.container)}/json", deadline), "")
        process = find_process(self._side.commands, now.id, now.pid, deadline)
        if not operation.whole_host and (now.shares_host_network or not process.has_own_network):
            raise TargetError("it is on the host's network: all of the host's traffic passes there", Refusal.REFUSED)
        capture = self._begin(process, operation, deadline)

        def open_item(number: int) -> EvidenceFile:
            stem, _, extension = operation.file.partition(".")
            name = f"{stem}-{number:03d}.{extension}" if operation.ring else operation.file
            return intake.open(name, source=capture.method, compress=False)

        stream = PcapStream(intake, operation.limit, ring=operation.ring, open=open_item)
        began = self._side.clock.now()
        begun = time.monotonic()
        for piece in capture.pieces:
            if not stream.write(piece):
                break
        # Closing ends tcpdump. Not all iterators can be closed, but those that run something are generators.
        getattr(capture.pieces, "close", lambda: None)()
        facts = {
            "method": capture.method,
            "process": process.pid,
            "network_namespace": process.namespace,
            "began_at": utc_text(began),
            "ended_at": utc_text(self._side.clock.now()),
            "link_type": stream.link_type,
            "link": LINK_TYPES.get(stream.link_type, ""),
            "snap": operation.snap,
            "packets": stream.packets,
            "bytes": stream.bytes,
            "let_go": stream.let_go,
            "dropped": capture.dropped,
            "full": stream.is_full,
            "said": capture.said,
        }
        stream.end(f"cut after {operation.limit} bytes, as asked" if stream.is_full else "")
        intake.put("network/capture.json", pretty(facts), source="made by irkit")
        return Outcome(detail=_told(facts, time.monotonic() - begun))

    def _begin(self, process: Process, operation: CapturePackets, deadline: Deadline) -> _Capture:
        commands = self._side.commands
        try:
            commands.run(("tcpdump", "--version"), deadline)
            argv = (
                *process.within,
                *("timeout", "--preserve-status", "-s", "INT", f"{operation.seconds:g}"),
                *("tcpdump", "-i", "any", "-n", "-U", "-Z", "root", "-s", str(operation.snap), "-w", "-"),
            )
        except TargetError as error:
            if error.kind is not Refusal.UNSUPPORTED or not self._side.is_here or os.geteuid():
                raise
            method = "AF_PACKET socket of irkit's own, as the host has no tcpdump"
            opened = packet_socket.open_within(process.pid, process.namespace)
            capture = _Capture(method, iter(()))
            capture.pieces = packet_socket.capture(
                opened, operation.seconds, operation.snap, deadline, lambda said: setattr(capture, "said", said)
            )
            return capture
        capture = _Capture(" ".join(argv), iter(()))
        capture.pieces = commands.stream(argv, deadline, told=lambda said: setattr(capture, "said", said))
        return capture


def _told(facts: dict[str, Any], seconds: float) -> str:
    parts = [f"{facts['packets']} packets, {facts['bytes']} bytes in {seconds:.1f} s"]
    parts.append("by tcpdump" if "tcpdump -i" in facts["method"] else "by a socket of irkit's own")
    if facts["dropped"]:
        parts.append(f"{facts['dropped']} PACKETS LOST: they came faster than they were taken")
    if facts["let_go"]:
        parts.append(f"the oldest {facts['let_go']} packets let go")
    if facts["full"]:
        parts.append("ended as it was full")
    return ", ".join(parts)
