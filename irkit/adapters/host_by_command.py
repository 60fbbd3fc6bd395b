"""What a host tells by its own commands alone: firewall rules, and the engine's journal. All of them only read."""

import time
from collections.abc import Sequence
from typing import Any, Final

from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_reads import window_edge
from irkit.adapters.host_side import HostSide, check_is_answer
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadHostByCommand
from irkit.core.ports import Deadline, Intake, Outcome

_RULES: Final = {
    "nft-ruleset.txt": ("nft", "list", "ruleset"),
    "iptables.txt": ("iptables-save", "-c"),
    "ip6tables.txt": ("ip6tables-save", "-c"),
}
_UNITS: Final = ("docker.service", "docker.socket", "containerd.service", "podman.service", "crio.service")
_JOURNAL: Final = ("journalctl", "--no-pager", "-q", "-o", "export")
_MOST: Final = 1 << 30
"""Bytes that one command may give."""


class ReadsHostByCommand:
    """Runs a few commands of a host, each of which only reads, as root."""

    def __init__(self, side: HostSide) -> None:
        self._side = side

    def __call__(self, api: EngineApi, operation: ReadHostByCommand, intake: Intake, deadline: Deadline) -> Outcome:
        edge = window_edge(operation.since, self._side.clock.now())
        units = [word for unit in _UNITS for word in ("-u", unit)]
        journal = (*_JOURNAL, *units, f"--since=@{int(edge.timestamp())}")
        found = []
        for name, argv in {**_RULES, "journal.export": journal}.items():
            found.append(self._run(name, argv, operation, intake, deadline))
        intake.put(operation.file, pretty(found), source="made by irkit")
        good = [one for one in found if not one["error"]]
        if not good:
            raise TargetError(f"none of its commands told anything: {found[0]['error']}", Refusal.REFUSED)
        missed = [f"{one['argv'][0]}: {one['error']}" for one in found if one["error"]]
        return Outcome(detail="; ".join([f"{len(good)} commands, {sum(one['bytes'] for one in good)} bytes", *missed]))

    def _run(
        self, name: str, argv: Sequence[str], operation: ReadHostByCommand, intake: Intake, deadline: Deadline
    ) -> dict[str, Any]:
        """One command: what it prints is an item, and how that went a note."""
        out = intake.open(f"{operation.file.rpartition('/')[0]}/{name}", source=" ".join(argv), compress=True)
        begun, done, said = time.monotonic(), 0, [""]
        error = ""
        try:
            for piece in self._side.commands.stream(argv, deadline, told=said.append):
                out.write(piece[: _MOST - done])
                done = min(done + len(piece), _MOST)
                if done == _MOST:
                    error = f"cut after {_MOST} bytes"
                    break
        except TargetError as caught:
            check_is_answer(caught)
            error = caught.reason
        out.finish(error)
        seconds = round(time.monotonic() - begun, 3)
        return {"argv": list(argv), "item": name, "bytes": done, "seconds": seconds, "error": error, "said": said[-1]}
