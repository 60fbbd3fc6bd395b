"""Whether a container is reached from its host: one TCP request to each address, but to those that others have by now.

How the request is sent is the host's way: from this machine here, through the SSH server in `ssh_knock`.
"""

import errno
import socket
from dataclasses import dataclass
from typing import Final

from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_networks import examine_network
from irkit.adapters.host_routes import is_next_to
from irkit.adapters.host_side import HostSide
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.core.reach import Reached, TryReach

PATIENCE: Final = 5.0
"""Seconds that an answer is waited for: that nobody has an address, a kernel says after three."""
_NO_WAY: Final = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETDOWN)


def knock_from_here(address: str, port: int, deadline: Deadline) -> Reached:
    """One TCP request from this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)
            one.settimeout(min(PATIENCE, deadline.remaining()))
            one.connect((address, port))
    except (ConnectionRefusedError, ConnectionResetError):
        return Reached.ANSWERS
    except TimeoutError:
        deadline.remaining()
        return Reached.SILENT
    except OSError as error:
        if error.errno in _NO_WAY:
            return Reached.NO_WAY
        raise TargetError(f"no request can be sent to {address}: {error.strerror or error}", Refusal.REFUSED) from error
    return Reached.ANSWERS


@dataclass(frozen=True)
class TriesReach:
    """The handler."""

    side: HostSide

    def __call__(self, api: EngineApi, operation: TryReach, intake: Intake, deadline: Deadline) -> Outcome:
        found = {address: self._try(api, operation, address, deadline) for address in operation.addresses}
        told = {"port": operation.port, "addresses": {one: str(reached) for one, reached in found.items()}}
        intake.put(operation.file, pretty(told), source="one TCP request from the host to each address")
        said = ", ".join(f"{one}: {reached}" for one, reached in found.items())
        if operation.expect == "silence" and Reached.ANSWERS in found.values():
            raise TargetError(f"NOT isolated: the host reaches it on port {operation.port}: {said}", Refusal.GARBLED)
        return Outcome(detail=said)

    def _try(self, api: EngineApi, operation: TryReach, address: str, deadline: Deadline) -> Reached:
        if self._is_taken(api, operation, address, deadline):
            return Reached.TAKEN
        if not is_next_to(self.side.files, address, deadline):
            return Reached.NO_WAY
        return self.side.knock(address, operation.port, deadline)

    @staticmethod
    def _is_taken(api: EngineApi, operation: TryReach, address: str, deadline: Deadline) -> bool:
        try:
            network = examine_network(api, operation.addresses[address], deadline)
        except TargetError as error:
            if error.kind is Refusal.ABSENT:
                return False
            raise
        return any(
            address in (one.ipv4, one.ipv6) and one.container != operation.container for one in network.endpoints
        )
