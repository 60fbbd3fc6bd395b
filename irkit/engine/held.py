"""What a run holds contained: what was done to each container, whether it is so still, and how repeating it is undone.

Pure: facts and events come in. Who looks, and when, is `hold_host`'s.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from irkit.core.container import Container
from irkit.core.containment import NOT_ISOLATED
from irkit.core.engine_event import EngineEvent
from irkit.core.events import OperationSkipped
from irkit.core.kernel import KernelFacts
from irkit.core.operation import ALIVE
from irkit.core.operations import (
    AnyOperation,
    BlockTraffic,
    Connect,
    Disconnect,
    Kill,
    MakeNetwork,
    Operation,
    Pause,
    RemoveNetwork,
    SetLimits,
    SetRestartPolicy,
    Start,
    Stop,
    Touch,
    Unpause,
)
from irkit.core.proof import Proof, ProofLevel, Seen
from irkit.core.run import Applied, Run

_ACTS = ("start", "unpause", "connect")
_ENDS = ("die", "destroy")
"""Actions that are somebody's doing in any case; of others, such as `update`, facts alone tell whether they matter."""
_RELEASES = (Unpause, Start, RemoveNetwork)
"""What a step of containment may do that there is nothing to hold of."""


@dataclass
class Held:
    """A container that is held: its facts when it was last found contained, and as the run had found it.

    `wanted` are the operations that are to stay as they are; `done` names what the log knows the way back of; `told`
    are the reasons told last why it does not hold. `since` is when it was contained, in UTC. `ruled` are the facts from
    before rules were made for it, where they were. `shown` marks what the host's kernel has shown to be so, and
    `missing` rules that were seen not to stand.
    """

    facts: Container
    found: Container
    since: str
    ruled: Container | None = None
    wanted: list[AnyOperation] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    told: tuple[str, ...] = ()
    shown: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    is_gone: bool = False

    @property
    def key(self) -> str:
        """Host and full id."""
        return self.facts.key

    def breaks(self, now: Container) -> list[str]:
        """Why it is not contained any more, by its facts as they are; empty where it is."""
        own = self._own_networks
        found = [_verify(operation, now, own) for operation in self.wanted if _applies(operation, now)]
        if any(self._lost_rules(operation, now) for operation in self.wanted):
            found.append("NOT isolated: the rules that dropped its traffic went with what they were made for")
        return list(dict.fromkeys(filter(None, found)))

    def breaks_in_kernel(self, now: Container, kernel: KernelFacts | None) -> list[str]:
        """Why it is not contained, by what the kernel shows of it: only what it has shown to be so before counts."""
        found = []
        for operation in self.wanted:
            one = _with_own(operation, self._own_networks)
            if kernel is None or not one.looks_at_kernel or not _applies(one, now) or one.verify(now):
                continue
            proof = one.prove(Seen(before=self.found, after=now, kernel=kernel))
            mark = mark_of(operation)
            if proof.level is not ProofLevel.WRONG:
                # What a hold watches is that it stays so: whether the interface was seen before the cut is not asked.
                self.shown |= {mark} if kernel.alive and not kernel.incomplete else set()
            elif mark in self.shown and _matters(operation, proof):
                found.append(proof.because)
        return found

    def rules(self) -> list[BlockTraffic]:
        """The rules that are to stand."""
        return [one for one in self.wanted if isinstance(one, BlockTraffic)]

    def note_rules(self, operation: BlockTraffic, *, is_missing: bool) -> None:
        """Take in whether rules were seen to stand: those that do not are put in anew where that is wanted."""
        (self.missing.add if is_missing else self.missing.discard)(mark_of(operation))

    def _lost_rules(self, operation: Operation, now: Container) -> bool:
        """Whether rules are gone: with a namespace or control group of before a start, with an interface of before."""
        if not isinstance(operation, BlockTraffic) or now.state not in ALIVE or operation.where == "bridge":
            return False
        ruled = self.ruled or self.facts
        is_anew = now.started_at != ruled.started_at
        return is_anew or (operation.where == "veth" and _places(now) != _places(ruled))

    def acts(self, events: Iterable[EngineEvent]) -> list[str]:
        """What of these events somebody else did, in words, and not this run: it connects only where it says so."""
        mine = self._own_networks
        ends = any(isinstance(one, Stop | Kill) for one in self.wanted)
        return [
            event.text()
            for event in events
            if (event.action in _ACTS and not (event.action == "connect" and event.network in mine))
            or (event.action in _ENDS and not ends)
        ]

    @property
    def _own_networks(self) -> set[str]:
        """The networks that the run itself has put it on."""
        return _networks_of(self.wanted)

    def needs(self, operation: Operation, now: Container) -> bool:
        """Whether an operation planned again has something to do."""
        if operation.touch is Touch.READ or isinstance(operation, _RELEASES) or operation.inapplicable(now):
            return False
        if isinstance(operation, Disconnect) and operation.network in self._own_networks:
            return False
        if isinstance(operation, BlockTraffic):
            is_there = operation in self.wanted and mark_of(operation) not in self.missing
            return not is_there or self._lost_rules(operation, now)
        return type(operation).verify is Operation.verify or bool(operation.verify(now))

    def way_back(self, operation: Operation, now: Container) -> tuple[AnyOperation, ...]:
        """What takes it back: nothing where the log has the way back of the first time, or of what was found before.

        Undo goes back to what the run found, and never to what somebody else made of it meanwhile.
        """
        if mark_of(operation) in self.done:
            return ()
        if isinstance(operation, Disconnect) and not self.found.attachment(operation.network):
            return ()
        return operation.undo(now)

    def keep(self, operation: AnyOperation) -> None:
        """Take in that an operation was carried out once more, or on a container that joined."""
        self.done.add(mark_of(operation))
        same = [one for one in self.wanted if mark_of(one) == mark_of(operation)]
        self.wanted = [one for one in self.wanted if one not in same] + [operation]


def _networks_of(operations: Iterable[Operation]) -> set[str]:
    return {one.attachment.network for one in operations if isinstance(one, Connect)}


def _verify(operation: Operation, now: Container, own: set[str]) -> str:
    """What is not as it should be."""
    return _with_own(operation, own).verify(now)


def _with_own(operation: Operation, own: set[str]) -> Operation:
    """The run's own network is none that the last disconnect should have left alone."""
    if isinstance(operation, Disconnect) and operation.leaves is not None:
        return msgspec.structs.replace(operation, leaves=(*operation.leaves, *own))
    return operation


def _matters(operation: Operation, proof: Proof) -> bool:
    """Whether what is wrong lets go of it: an address that a quarantine has lost does not."""
    return proof.because.startswith(NOT_ISOLATED) or not isinstance(operation, Connect)


def _applies(operation: Operation, now: Container) -> bool:
    """Whether what it brought about can be looked for: what has ended cannot be frozen, nor has it traffic.

    One that somebody took off its quarantine too is on no network at all.
    """
    if isinstance(operation, Connect):
        return bool(now.attachments)
    return now.state in ALIVE or not isinstance(operation, Pause | BlockTraffic)


def _places(now: Container) -> set[tuple[str, str, str]]:
    return {(one.network, one.ipv4, one.mac) for one in now.attachments}


def mark_of(operation: Operation) -> str:
    """What an operation changes of its container: two with the same mark are taken back by the first one's undo."""
    match operation:
        case Disconnect(network=network) | MakeNetwork(network=network) | RemoveNetwork(network=network):
            return f"{type(operation).__name__} {network}"
        case Connect(attachment=attachment):
            return f"Connect {attachment.network}"
        case BlockTraffic(table=table, where=where, device=device):
            return f"BlockTraffic {table} {where} {device}"
        case Stop() | Kill():
            return "end"
        case _:
            return type(operation).__name__


def held_of(
    run: Run,
    steps: frozenset[str],
    found: Mapping[str, Container],
    last: Mapping[str, Container],
    before: Mapping[tuple[int, int], Container],
    since: str,
) -> Iterator[Held]:
    """What a run holds by its log so far, of the steps that contain.

    `found` are the facts before the run and `last` those that it saw last, by key; `before` those before each change,
    by its task and number.
    """
    by_key: dict[str, tuple[list[Applied], list[OperationSkipped]]] = {}
    for one in run.operations:
        if one.started.step in steps and one.is_change:
            by_key.setdefault(one.key, ([], []))[0].append(one)
    for skip in run.inapplicable:
        if skip.step in steps:
            by_key.setdefault(f"{skip.host}/{skip.container}", ([], []))[1].append(skip)
    for key, (applied, skipped) in by_key.items():
        if key not in found:
            continue
        now = last.get(key, found[key])
        wanted = _wanted(applied, skipped, now)
        if wanted:
            done = {mark_of(one.started.operation) for one in applied}
            # A network that somebody had taken it off meanwhile is no state that the run found it in.
            done |= {mark_of(one.operation) for one in skipped if not isinstance(one.operation, Disconnect)}
            ruled = [one.started for one in applied if isinstance(one.started.operation, BlockTraffic)]
            then = before.get((ruled[-1].task, ruled[-1].number)) if ruled else None
            shown = {mark_of(one.started.operation) for one in applied if one.proof == ProofLevel.PROVEN}
            yield Held(now, found[key], since, then, wanted, done, shown=shown)


def _wanted(applied: Sequence[Applied], skipped: Sequence[OperationSkipped], now: Container) -> list[AnyOperation]:
    """The operations that are to stay as they are: a later step may have let go of what an earlier one did."""
    done = [one.started.operation for one in applied if one.state == "finished"]
    done += [one.operation for one in skipped]
    doubtful = [one.started.operation for one in applied if one.state != "finished" and not one.followed]
    wanted = [one for one in done if not _verify(one, now, _networks_of(done))]
    wanted += [one for one in doubtful if not one.inapplicable(now)]
    return [one for number, one in enumerate(wanted) if isinstance(one, _HELD) and one not in wanted[:number]]


_HELD = (Disconnect, Connect, Pause, Stop, Kill, SetRestartPolicy, SetLimits, BlockTraffic, MakeNetwork)
