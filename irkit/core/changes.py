"""Operations that change how a container stands: its networks, its processes, its policy. Each knows its opposite."""

from typing import TYPE_CHECKING

from irkit.core.apart import prove_off, why_unproven
from irkit.core.container import Attachment, Container, RestartPolicy
from irkit.core.found import place_differences, placed
from irkit.core.operation import ALIVE, RUNNING, WHOLE_CONTAINER, Operation, Touch, Trace
from irkit.core.proof import Proof, ProofLevel, Seen

if TYPE_CHECKING:
    from irkit.core.operations import AnyOperation


class Disconnect(Operation, frozen=True, tag="disconnect"):
    """Take a container off a network. With `leaves` it is the last: then no network but those may be attached."""

    container: str
    network: str
    leaves: tuple[str, ...] | None = None
    touch = Touch.CHANGE
    rank = 3
    destroys = frozenset({Trace.SOCKETS})
    looks_at_kernel = True

    def text(self) -> str:
        return f"disconnect from network {self.network}"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        attachment = now.attachment(self.network)
        return (Connect(self.container, attachment),) if attachment else ()

    def inapplicable(self, now: Container) -> str:
        return "" if now.attachment(self.network) else f"it is not attached to network {self.network}"

    def verify(self, after: Container | None) -> str:
        if after is None:
            return ""
        if after.attachment(self.network):
            return f"NOT isolated: it is still attached to network {self.network}"
        allowed = None if self.leaves is None else (*self.leaves, "none")
        more = [one.network for one in after.attachments if allowed is not None and one.network not in allowed]
        return f"NOT isolated: it was attached to {', '.join(more)} since the plan was made" if more else ""

    def prove(self, seen: Seen) -> Proof:
        """Proven where its network namespace had the address and has it no more; with `leaves`, no other either."""
        if wrong := self.verify(seen.after):
            return Proof.wrong(wrong)
        return prove_off(seen, self.network, self.leaves)


class Connect(Operation, frozen=True, tag="connect"):
    """Put a container on a network with the address, aliases and options it had there.

    With `alone` that is a quarantine: no other network may be attached.
    """

    container: str
    attachment: Attachment
    alone: bool = False
    touch = Touch.CHANGE
    looks_at_kernel = True

    def text(self) -> str:
        wanted = self.attachment
        parts = [*filter(None, [wanted.fixed_ipv4, wanted.fixed_ipv6]), *wanted.aliases]
        return f"connect to network {wanted.network}" + (f" as {', '.join(parts)}" if parts else "")

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (Disconnect(self.container, self.attachment.network),)

    def inapplicable(self, now: Container) -> str:
        there = now.attachment(self.attachment.network)
        return f"it is attached to network {self.attachment.network} already" if there else ""

    def verify(self, after: Container | None) -> str:
        wanted = self.attachment
        found = after.attachment(wanted.network) if after else None
        if after is None or found is None:
            return f"it is not attached to network {wanted.network}"
        more = [one.network for one in after.attachments if self.alone and one.network != wanted.network]
        if more:
            return f"NOT isolated: it is attached to {', '.join(more)} too"
        # A container that is not running has no address until it starts: what was asked for is what counts.
        wrong = [
            f"{what} is {have or 'none'} and was {want}"
            for what, want, have in (
                ("IPv4 address", wanted.fixed_ipv4, found.fixed_ipv4),
                ("IPv6 address", wanted.fixed_ipv6, found.fixed_ipv6),
            )
            if want and want != have
        ]
        missing = sorted(set(wanted.aliases) - set(found.aliases))
        wrong += [f"alias {alias} is missing" for alias in missing]
        return f"on network {wanted.network}: {'; '.join(wrong)}" if wrong else ""

    def prove(self, seen: Seen) -> Proof:
        """As it is placed, and what of that place is not as it was: what was not asked for may differ."""
        proof = self._prove_placed(seen)
        place = seen.after.attachment(self.attachment.network) if seen.after else None
        if place is None or proof.level is ProofLevel.WRONG:
            return proof
        differs = [one.text for one in place_differences(self.attachment, placed(place, seen.kernel))]
        return Proof(proof.level, "; ".join(filter(None, [proof.because, *differs])))

    def _prove_placed(self, seen: Seen) -> Proof:
        """Proven where its network namespace has the address that it was given there, and with `alone` no other one."""
        after, kernel = seen.after, seen.kernel
        if wrong := self.verify(after):
            return Proof.wrong(wrong)
        place = after.attachment(self.attachment.network) if after else None
        given = {one for one in (place.ipv4, place.ipv6) if one} if place else set()
        if after is None or after.state not in ALIVE or kernel is None or not kernel.alive or not given:
            return Proof.asserted()
        has = set(kernel.addresses)
        if self.alone and (unknown := kernel.beyond([given])):
            return Proof.wrong(f"NOT isolated: its network namespace has {unknown}, which is not of that network")
        missing = ", ".join(sorted(given - has))
        if not given & has:
            return Proof.wrong(f"the engine says so, and its network namespace does not have {missing}")
        if missing:  # a host may have no IPv6
            return Proof.asserted(f"its network namespace does not have {missing}")
        said = f"its network namespace has {', '.join(sorted(given))}{' only' if self.alone else ''}"
        why = why_unproven(seen, kernel) if self.alone else ""
        return Proof.asserted(f"{said}, but {why}") if why else Proof.proven(said)


class Pause(Operation, frozen=True, tag="pause"):
    """Freeze all processes of a container."""

    container: str
    touch = Touch.CHANGE
    rank = 3
    looks_at_kernel = True

    def text(self) -> str:
        return "pause"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (Unpause(self.container),)

    def inapplicable(self, now: Container) -> str:
        # One that is restarting runs again in a moment: a target waits for that.
        return "" if now.state in ("running", "restarting") else f"it is {now.state}"

    def verify(self, after: Container | None) -> str:
        return "" if after and after.state == "paused" else f"it is {after.state if after else 'gone'}, not paused"

    def prove(self, seen: Seen) -> Proof:
        """Proven where its control group is frozen."""
        kernel = seen.kernel
        if wrong := self.verify(seen.after):
            return Proof.wrong(wrong)
        if kernel is None or not kernel.alive or kernel.frozen is None:
            return Proof.asserted()
        return Proof.proven("its control group is frozen") if kernel.frozen else Proof.wrong("it is not frozen")


class Unpause(Operation, frozen=True, tag="unpause"):
    """Let a paused container go on."""

    container: str
    touch = Touch.CHANGE
    rank = 3

    def text(self) -> str:
        return "unpause"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (Pause(self.container),)

    def inapplicable(self, now: Container) -> str:
        return "" if now.state == "paused" else f"it is {now.state}"

    def verify(self, after: Container | None) -> str:
        return "it is still paused" if after and after.state == "paused" else ""


class _Ending(Operation, frozen=True):
    """What stop and kill have in common: processes, memory and tmpfs are gone, on `--rm` everything."""

    container: str
    touch = Touch.DESTROY
    rank = 11
    destroys = RUNNING
    looks_at_kernel = True

    def losses(self, now: Container) -> frozenset[Trace]:
        if now.state not in ALIVE:
            return frozenset()
        return WHOLE_CONTAINER if now.auto_remove else self.destroys

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        if now.auto_remove:
            return ()
        return (Start(self.container), Pause(self.container)) if now.state == "paused" else (Start(self.container),)

    def inapplicable(self, now: Container) -> str:
        return "" if now.state in ALIVE else f"it is not running: it is {now.state}"

    def verify(self, after: Container | None) -> str:
        return f"it is still {after.state}" if after and after.state in ALIVE else ""

    def prove(self, seen: Seen) -> Proof:
        """Proven where the process that it had is gone."""
        if wrong := self.verify(seen.after):
            return Proof.wrong(wrong)
        had = seen.kernel_before is not None and seen.kernel_before.alive
        if seen.kernel is None or not had:  # an engine in a virtual machine has other processes than are seen here
            return Proof.asserted()
        return Proof.wrong("its process is still there") if seen.kernel.alive else Proof.proven("its process is gone")


class Stop(_Ending, frozen=True, tag="stop"):
    """End a container: its stop signal, then SIGKILL after `grace` seconds."""

    grace: int = 10

    def text(self) -> str:
        return f"stop (grace {self.grace} s)"


class Kill(_Ending, frozen=True, tag="kill"):
    """End a container at once with SIGKILL."""

    def text(self) -> str:
        return "kill"


class Start(Operation, frozen=True, tag="start"):
    """Start a container that was stopped."""

    container: str
    touch = Touch.CHANGE

    def text(self) -> str:
        return "start"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (Stop(self.container),)

    def inapplicable(self, now: Container) -> str:
        return f"it is {now.state} already" if now.state in ALIVE else ""

    def verify(self, after: Container | None) -> str:
        return "" if after and after.state in ALIVE else f"it is {after.state if after else 'gone'}, not running"


class SetRestartPolicy(Operation, frozen=True, tag="set-restart-policy"):
    """What the engine does when the container ends."""

    container: str
    policy: RestartPolicy
    touch = Touch.CHANGE
    rank = 3

    def text(self) -> str:
        retries = f":{self.policy.maximum_retries}" if self.policy.maximum_retries else ""
        return f"set restart policy {self.policy.name}{retries}"

    def undo(self, now: Container) -> "tuple[AnyOperation, ...]":
        return (SetRestartPolicy(self.container, now.restart_policy),)

    def inapplicable(self, now: Container) -> str:
        return f"its restart policy is {self.policy.name} already" if now.restart_policy == self.policy else ""

    def verify(self, after: Container | None) -> str:
        if after and after.restart_policy == self.policy:
            return ""
        return f"its restart policy is {after.restart_policy.name if after else 'gone'}, not {self.policy.name}"
