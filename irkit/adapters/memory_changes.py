"""What operations make of a container in memory, and which an engine refuses, for `memory`: functions of facts."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from irkit.adapters.memory_isolation import with_limits
from irkit.core import operations as do
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError

ALIVE = ("running", "paused", "restarting")
"""The states in which a container has processes and addresses."""


def full_id(name: str) -> str:
    """An id as engines have them, for a thing of that name."""
    return hashlib.sha256(name.encode()).hexdigest()


def refuse(reason: str, kind: Refusal = Refusal.REFUSED) -> TargetError:
    """What an engine says where it does not do something."""
    return TargetError(f"the engine says: {reason}", kind)


def _disconnect(now: Container, operation: do.Disconnect) -> Container:
    if "host" in (now.network_mode, operation.network):
        raise refuse("container cannot be disconnected from host network or connected to host network")
    if not now.attachment(operation.network):
        raise refuse(f"container is not connected to network {operation.network}", Refusal.ALREADY)
    left = tuple(one for one in now.attachments if one.network != operation.network)
    return msgspec.structs.replace(now, attachments=left)


def _connect(now: Container, operation: do.Connect) -> Container:
    wanted = operation.attachment
    for is_so, reason in (
        ("host" in (now.network_mode, wanted.network), "container cannot be connected to host network"),
        (bool(now.network_owner), "container sharing network namespace with another container cannot be connected"),
        (now.attachment("none"), "container cannot be on other networks with one in private (none) mode"),
        (wanted.network == "none" and now.attachments, "container cannot be on other networks in private (none) mode"),
        (wanted.network == "bridge" and wanted.aliases, "aliases are supported in user defined networks only"),
        (wanted.network == "bridge" and wanted.fixed_ipv4, "IP addresses are supported on user defined networks only"),
        (now.state in ALIVE and now.attachment(wanted.network), f"endpoint {now.name} already exists in network"),
    ):
        if is_so:
            raise refuse(reason)
    others = tuple(one for one in now.attachments if one.network != wanted.network)
    wanted = msgspec.structs.replace(wanted, interface="", default_route=False)  # the kernel's, not the engine's
    placed = sorted((*others, wanted), key=lambda one: one.network)
    return _with_addresses(msgspec.structs.replace(now, attachments=tuple(placed)))


def _with_addresses(now: Container) -> Container:
    """A live container has on each network the address asked for or one that the engine chose; others have none."""
    places = []
    for one in now.attachments:
        chosen = one.fixed_ipv4 or f"172.31.{int(full_id(one.network)[:2], 16)}.{2 + int(now.id[:2], 16) % 250}"
        places.append(msgspec.structs.replace(one, ipv4=chosen if now.state in ALIVE else ""))
    return msgspec.structs.replace(now, attachments=tuple(places))


def _to_state(state: str, *allowed: str) -> Callable[[Container, Any], Container]:
    def change(now: Container, operation: do.Operation) -> Container:
        if now.state not in allowed:
            raise refuse(f"container {now.id} is {now.state}")
        changed = msgspec.structs.replace(now, state=state)
        return changed if now.state in ALIVE and state in ALIVE else _with_addresses(changed)

    return change


def _set_policy(now: Container, operation: do.SetRestartPolicy) -> Container:
    if now.auto_remove:
        raise refuse("Restart policy cannot be updated because AutoRemove is enabled for the container")
    return msgspec.structs.replace(now, restart_policy=operation.policy)


CHANGES: dict[type[do.Operation], Callable[[Container, Any], Container]] = {
    do.Disconnect: _disconnect,
    do.Connect: _connect,
    do.Pause: _to_state("paused", "running"),
    do.Unpause: _to_state("running", "paused"),
    do.Stop: _to_state("exited", *ALIVE, "exited", "created"),
    do.Kill: _to_state("exited", *ALIVE),
    do.Start: _to_state("running", "exited", "created", "running", "dead"),
    do.SetRestartPolicy: _set_policy,
    do.SetLimits: with_limits,
}
"""What each operation makes of a container. Raises TargetError where an engine would not do it."""
