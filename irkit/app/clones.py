"""Hosts whose engines show one ID: a machine and a copy of it, or one machine by two names.

Docker keeps its ID in a file, which is copied along with a machine. What is done about it is left to `listing` and
`undo_hosts`.
"""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.core.host import Host


def are_two(one: Host, its: Collection[str], other: Host, others: Collection[str]) -> bool:
    """Whether two hosts whose engines show one ID are two machines; `its` and `others` are the ids of all containers.

    They are where each of these is so, and count as one otherwise:

    - both are reached by SSH, at different places (address, port, hops);
    - no container is on both: the same id means the same engine, or a disk that was copied with it;
    - their host keys differ, or both have containers, which one engine would have listed both times.

    So no container is ever worked on twice, even where one host has two addresses and host keys of several types.
    """
    if not (one.host_key and other.host_key) or _place(one) == _place(other) or set(its) & set(others):
        return False
    return one.host_key != other.host_key or bool(its and others)


def _place(host: Host) -> tuple[str, int, str]:
    return host.address, host.port, host.jump


def _text_of(host: Host) -> str:
    """Where a host was reached."""
    over = f" over {safe(host.jump, 100)}" if host.jump else ""
    return f"{safe(host.address, 100)}:{host.port}{over}"


@dataclass
class Engines:
    """The engines that hosts have shown so far, by their IDs, with the containers of each."""

    _shown: dict[str, list[tuple[Host, frozenset[str]]]] = field(default_factory=dict)

    def take(self, host: Host, engine: str, containers: Collection[str]) -> tuple[Host | None, str]:
        """Take in a host: the one whose engine it is already, if any, and else what is to be known of its ID."""
        if not engine:
            return None, ""
        before = self._shown.setdefault(engine, [])
        same = next((one for one, its in before if not are_two(one, its, host, containers)), None)
        if same is not None:
            return same, ""
        before.append((host, frozenset(containers)))
        return None, _told(before[0][0].name, engine) if before[1:] else ""


def _told(other: str, engine: str) -> str:
    return (
        f"its engine's ID {safe(engine, 100)} is that of host {safe(other, 100)} too, and they have no container in "
        "common: taken for two machines, one copied from the other"
    )


def why_a_copy(then: Host | None, now: Host) -> str:
    """Why a host that has none of a run's containers may be a copy of the run's; empty where it is at the same place.

    `then` is the host as the run reached it, None where that is not known.
    """
    if then is None or not (then.host_key and now.host_key) or _place(then) == _place(now):
        return ""
    key = "the same host key" if then.host_key == now.host_key else "another host key"
    return (
        f"host {safe(now.name, 100)} was at {_text_of(then)} in the run, is at {_text_of(now)} now ({key}), and has "
        "none of the run's containers: another machine may answer, such as a copy. Have the name lead to the run's "
        "machine, and undo again"
    )


def what_moved(then: Host | None, now: Host) -> str:
    """What is to be known of a host that has the run's containers, at another place and with another host key."""
    if then is None or not (then.host_key and now.host_key) or _place(then) == _place(now):
        return ""
    if then.host_key == now.host_key:
        return ""
    return (
        f"host {safe(now.name, 100)} was at {_text_of(then)} with the host key {then.host_key} in the run and is at "
        f"{_text_of(now)} with {now.host_key} now: is it the same machine, and not a copy of it?"
    )
