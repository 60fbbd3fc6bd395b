"""Hosts whose engines show one ID: a machine and a copy of it, or one machine by two names.

Docker keeps its ID in a file, which is copied along with a machine. What is done about it is left to `listing` and
`undo_hosts`.
"""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from irkit.core.container import SHORT_ID
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.app.listing import Look
    from irkit.core.container import Container
    from irkit.core.host import Host

_MOST_NAMED = 10


def are_two(one: Host, its: Collection[str], other: Host, others: Collection[str]) -> bool:
    """Whether two hosts whose engines show one ID are two machines; `its` and `others` are the ids of all containers.

    They are where each of these is so, and count as one otherwise:

    - both are reached by SSH, at different places (address, port, hops);
    - their host keys differ, or both have containers, which one engine would have listed both times, and none is on
      both: the same id means the same engine, or a disk that was copied with it.

    Where keys differ the lists may overlap, as any host can say that it has another's ID and containers: it must not
    take the other out of a run. `keep_once` sees to it that no container is worked on twice.
    """
    if not (one.host_key and other.host_key) or _place(one) == _place(other):
        return False
    return one.host_key != other.host_key or bool(its and others and not set(its) & set(others))


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
        are_apart = not any(set(containers) & its for _, its in before[:-1])
        return None, _told(before[0][0].name, engine, are_apart=are_apart) if before[1:] else ""


def _told(other: str, engine: str, *, are_apart: bool) -> str:
    why = "they have no container in common" if are_apart else "their host keys differ"
    once = "" if are_apart else "; what both list is worked on once"
    return (
        f"its engine's ID {safe(engine, 100)} is that of host {safe(other, 100)} too, and {why}: taken for two "
        f"machines, one copied from the other{once}"
    )


def keep_once(look: Look, found: Iterable[Container]) -> None:
    """Put into a look what was found there, and refuse what two hosts with one engine's ID show on the second of them.

    Only what a host could tell the facts of counts: it must not keep back a container by its id alone.
    """
    engines = {host.name: host.engine_id for host in look.hosts}
    first: dict[tuple[str, str], str] = {}
    again: dict[tuple[str, str], list[Container]] = {}
    for one in found:
        engine = engines[one.host]
        owner = first.setdefault((engine, one.id), one.host) if engine else one.host
        if owner == one.host:
            look.containers.append(one)
        else:
            again.setdefault((one.host, owner), []).append(one)
    look.refused += [(host, _twice(host, owner, engines[host], ones)) for (host, owner), ones in again.items()]


def _twice(host: str, owner: str, engine: str, ones: Sequence[Container]) -> str:
    """Why containers are not worked on under a second host's name."""
    named = ", ".join(f"{safe(one.name, 60)} ({one.id[:SHORT_ID]})" for one in ones[:_MOST_NAMED])
    more = f" and {len(ones) - _MOST_NAMED} more" if len(ones) > _MOST_NAMED else ""
    what, it = ("container", "it") if len(ones) == 1 else ("containers", "them")
    return (
        f"{what} {named}{more}: host {safe(owner, 100)} shows {it} too, with the same engine's ID {safe(engine, 100)}, "
        "and what is done there must not be done twice. If they are two machines, name "
        f"{safe(host, 100)} in a run of its own"
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
