"""Whether a container is off its networks: what the host's kernel showed before and after a change, weighed.

An engine takes an interface away by the name that it gave it, in the network namespace that it knows of. Whoever has
NET_ADMIN in there may have renamed it, emptied it, or moved it to another namespace by then, and the engine does not
notice.
"""

from collections.abc import Sequence

from irkit.core.container import Attachment, Container
from irkit.core.kernel import KernelFacts
from irkit.core.operation import ALIVE
from irkit.core.proof import Proof, Seen

_ELSEWHERE = "is in a network namespace of its own, in which nothing was looked at (CAP_SYS_ADMIN makes that possible)"


def prove_off(seen: Seen, network: str, leaves: tuple[str, ...] | None) -> Proof:
    """Off that network, and with `leaves` off all but those; the engine's facts say so already."""
    after, kernel = seen.after, seen.kernel
    if after is None or after.state not in ALIVE:
        return Proof.proven("it does not run: it has no network namespace")
    if kernel is None or not kernel.alive:
        return Proof.asserted()
    place = seen.before.attachment(network)
    has = {address for one in after.attachments for address in (one.ipv4, one.ipv6)}
    if left := sorted((set(_addresses(place)) - has) & set(kernel.addresses)):
        return Proof.wrong(f"NOT isolated: the engine says so, and its network namespace still has {', '.join(left)}")
    if leaves is None:
        said = "its network namespace has no address of that network"
        return _weigh(seen, kernel, said, _unseen(seen, place))
    return _prove_alone(seen, kernel, after, leaves, _unseen(seen, place))


def prove_alone(seen: Seen, leaves: tuple[str, ...]) -> Proof:
    """On no network but those, without a change; the engine's facts say so already."""
    after, kernel = seen.after, seen.kernel
    if after is None or after.state not in ALIVE:
        return Proof.proven("it does not run: it has no network namespace")
    if kernel is None or not kernel.alive:
        return Proof.asserted()
    return _prove_alone(seen, kernel, after, leaves, "")


def _prove_alone(seen: Seen, kernel: KernelFacts, after: Container, leaves: tuple[str, ...], unseen: str) -> Proof:
    """The last of all has to leave nothing behind: not what somebody else than the engine has given it either."""
    if unknown := kernel.beyond(known_places(after.attachments)):
        return Proof.wrong(f"NOT isolated: its network namespace has {unknown}, which the engine does not know of")
    if unseen and _strays(seen):
        return Proof.wrong(f"NOT isolated: {unseen}, and {_strays(seen)}")
    if leaves:
        return _weigh(seen, kernel, f"its network namespace has addresses of {', '.join(leaves)} only", unseen)
    return _weigh(seen, kernel, "its network namespace has no interface but the loopback", unseen)


def known_places(attachments: Sequence[Attachment]) -> list[set[str]]:
    """The addresses of places on networks, place by place."""
    return [found for one in attachments if (found := set(_addresses(one)))]


def why_unproven(seen: Seen, kernel: KernelFacts) -> str:
    """Why what is not seen in a namespace may be all the same, or elsewhere; empty where that cannot be."""
    if kernel.incomplete:
        return kernel.incomplete
    if stray := _strays(seen):
        return stray
    if not kernel.has_seen_processes and seen.before.may_change_network:
        return "it may move interfaces (NET_ADMIN), and whether all its processes are in that namespace was not seen"
    return ""


def _weigh(seen: Seen, kernel: KernelFacts, said: str, unseen: str) -> Proof:
    why = unseen or why_unproven(seen, kernel)
    return Proof.asserted(f"{said}, but {why}") if why else Proof.proven(said)


def _addresses(place: Attachment | None) -> list[str]:
    return [one for one in (place.ipv4, place.ipv6) if one] if place else []


def _unseen(seen: Seen, place: Attachment | None) -> str:
    """Why it is not known that the interface was in the namespace in the first place; empty where it was seen there."""
    wanted = _addresses(place)[:1]  # a host may have no IPv6
    if not wanted:
        return ""
    before = seen.kernel_before
    if before is None or not before.alive:
        return "it was not seen there before either"
    return "" if wanted[0] in before.addresses else f"it did not have {wanted[0]} before: that may be elsewhere"


def _strays(seen: Seen) -> str:
    """Its processes in other network namespaces, in words."""
    found = {pid for one in (seen.kernel_before, seen.kernel) if one is not None for pid in one.elsewhere}
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"process {min(found)}{more} of it {_ELSEWHERE}" if found else ""
