"""What the changes of a step mean for their containers, in a few words: what a plan tells without another look."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from irkit.core.container import Container
from irkit.core.operations import (
    AnyOperation,
    BlockTraffic,
    Commit,
    Connect,
    Disconnect,
    DumpMemory,
    DumpMemoryByCommand,
    Kill,
    Operation,
    Pause,
    ResetConnections,
    SetLimits,
    SetRestartPolicy,
    Start,
    Stop,
    Touch,
    UnblockTraffic,
    Unpause,
)
from irkit.core.plan import Plan
from irkit.tui.plan_text import count

_MOST = 3
"""Networks, or policies, that are named."""


def change_notes(plan: Plan, operations: Sequence[AnyOperation]) -> Iterator[str]:
    """What they mean, each once, in the order in which it is done. Names in it are foreign."""
    targets = {one.id: one for one in plan.targets}
    kinds: dict[type[Operation], list[tuple[Any, Container | None]]] = {}
    for one in operations:
        if one.touch is not Touch.READ:
            kinds.setdefault(type(one), []).append((one, targets.get(one.subject)))
    for kind, done in kinds.items():
        if kind in _MEANS:
            yield from filter(None, [_MEANS[kind](done)])


Done = Sequence[tuple[Any, Container | None]]
"""Operations of one kind, each with its container as it was when the plan was made."""


def _disconnected(done: Done) -> str:
    names = list(dict.fromkeys(one.network for one, _ in done))
    return f"off {count(len(names), 'network')}, peers time out ({_listed(names)})"


def _connected(done: Done) -> str:
    names = list(dict.fromkeys(one.attachment.network for one, _ in done))
    if all(one.alone for one, _ in done):
        return "on a network of its own"
    return f"back on {count(len(names), 'network')} ({_listed(names)})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{', '.join(names[:_MOST])}{more}"


def _ended(how: str) -> Callable[[Done], str]:
    def told(done: Done) -> str:
        removed = sum(bool(was and was.auto_remove) for _, was in done)
        rest = f"; {removed} removed with all data (--rm)" if removed else ""
        return f"{how.format(grace=max(getattr(one, 'grace', 0) for one, _ in done))}: its memory is lost{rest}"

    return told


def _policy(done: Done) -> str:
    were = list(dict.fromkeys(was.restart_policy.name or "no" for _, was in done if was))
    return f"was {', '.join(were[:_MOST])}" if were else ""


def _frozen_for(done: Done) -> str:
    return f"it stands still meanwhile, {max(one.freeze_for for one, _ in done):g} s at most"


def _committed(done: Done) -> str:
    still = "; it stands still meanwhile" if any(one.pause for one, _ in done) else ""
    return f"the image stays on the host{still}"


def _blocked(done: Done) -> str:
    allowed = list(dict.fromkeys(place for one, _ in done for place in one.allow))
    return f"no traffic{' but ' + ', '.join(allowed[:_MOST]) if allowed else ''}, peers time out"


def _limited(done: Done) -> str:
    return "it may lose processes for want of memory" if any(one.risks_memory for one, _ in done) else "it gets slower"


_MEANS: Final[Mapping[type, Callable[[Done], str]]] = {
    Disconnect: _disconnected,
    Connect: _connected,
    BlockTraffic: _blocked,
    UnblockTraffic: lambda done: "its traffic passes again",
    ResetConnections: lambda done: "open connections end",
    Pause: lambda done: "it stands still",
    Unpause: lambda done: "it goes on",
    Stop: _ended("{grace} s of grace, then killed"),
    Kill: _ended("ended at once"),
    Start: lambda done: "it starts anew",
    SetRestartPolicy: _policy,
    SetLimits: _limited,
    Commit: _committed,
    DumpMemory: _frozen_for,
    DumpMemoryByCommand: _frozen_for,
}
