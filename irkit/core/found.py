"""A container as a run found it, and what of that is not so any more. Where that is learnt from is left to others."""

from collections.abc import Iterator, Mapping

import msgspec

from irkit.core.container import Attachment, Container, Limits, RestartPolicy
from irkit.core.finding import Severity
from irkit.core.kernel import KernelFacts

DIFFERS = "undo.differs"
"""The `check` of what an undo says at its end: what is not as it was found."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was found: how much that matters, and what was and is."""

    severity: Severity
    text: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a container before a run changed it; what is empty or None is not known.

    `is_whole` says that it was on no other networks than those of `attachments`.
    """

    key: str
    name: str = ""
    state: str = ""
    started_at: str = ""
    attachments: tuple[Attachment, ...] = ()
    is_whole: bool = False
    restart_policy: RestartPolicy | None = None
    limits: Limits | None = None

    def attachment(self, network: str) -> Attachment | None:
        """Its place on the network of that name, or None."""
        return next((one for one in self.attachments if one.network == network), None)


def differences(found: Found, now: Container, kernel: KernelFacts | None = None) -> Iterator[Difference]:
    """What is not as it was found, the gravest first. `kernel` is what its host's kernel shows now."""
    yield from _networks(found, now)
    yield from _state(found, now)
    for was in found.attachments:
        if there := now.attachment(was.network):
            yield from place_differences(was, placed(there, kernel))
    if found.restart_policy and found.restart_policy != now.restart_policy:
        was_policy, policy = _policy(found.restart_policy), _policy(now.restart_policy)
        yield _medium(f"its restart policy was {was_policy} and is {policy}")
    if found.limits and (found.limits != now.limits):
        yield _medium(f"its limits were {found.limits.text() or 'none'} and are {now.limits.text() or 'none'}")
    if found.name and found.name != now.name:
        yield _low(f"its name was {found.name} and is {now.name}")


def _networks(found: Found, now: Container) -> Iterator[Difference]:
    for was in found.attachments:
        if now.attachment(was.network) is None:
            yield _high(f"it was on network {was.network} and is not")
    for place in now.attachments if found.is_whole else ():
        if found.attachment(place.network) is None:
            yield _high(f"it is on network {place.network} and was not")


def _state(found: Found, now: Container) -> Iterator[Difference]:
    if found.state and _standing(found.state) != _standing(now.state):
        yield _high(f"it was {found.state} and is {now.state}")


def _standing(state: str) -> str:
    """A state without what changes by itself: one that is restarting runs again in a moment."""
    same = {"restarting": "running", "created": "exited", "dead": "exited", "removing": "exited"}
    return same.get(state, state)


def _policy(policy: RestartPolicy) -> str:
    return f"{policy.name}:{policy.maximum_retries}" if policy.maximum_retries else policy.name


def place_differences(was: Attachment, now: Attachment) -> Iterator[Difference]:
    """What differs between a place on a network as it was found and as it is; what only one of them tells is left."""
    where = f"on network {was.network} its"
    for what, before, after in (
        ("IPv4 address asked for", was.fixed_ipv4, now.fixed_ipv4),
        ("IPv6 address asked for", was.fixed_ipv6, now.fixed_ipv6),
        ("aliases", _listed(was.aliases), _listed(now.aliases)),
        ("links", _listed(was.links), _listed(now.links)),
        ("link-local addresses", _listed(was.link_local), _listed(now.link_local)),
        ("driver options", _options(was.driver_options), _options(now.driver_options)),
        ("gateway priority", str(was.gateway_priority), str(now.gateway_priority)),
    ):
        if before != after:
            yield _medium(f"{where} {what} {_was_and_is(what, before, after)}")
    yield from _given_differences(was, now, where)


def _given_differences(was: Attachment, now: Attachment, where: str) -> Iterator[Difference]:
    """What the engine or the kernel gives by itself. Nothing was asked for, so that nothing was promised."""
    for what, before, after in (
        ("IPv4 address", "" if was.fixed_ipv4 else was.ipv4, now.ipv4),
        ("IPv6 address", "" if was.fixed_ipv6 else was.ipv6, now.ipv6),
        ("MAC address", was.mac, now.mac),
        ("interface", was.interface, now.interface),
    ):
        if before and after and before != after:
            yield _low(f"{where} {what} was {before} and is {after}")
    if was.network_id and now.network_id and was.network_id != now.network_id:
        yield _medium(f"network {was.network} was removed and made again")
    if was.default_route and now.interface and not now.default_route:
        yield _medium(f"its default route went by network {was.network} and does not")


def _was_and_is(what: str, before: str, after: str) -> str:
    were, are = ("were", "are") if what.endswith("s") and not what.endswith("address") else ("was", "is")
    return f"{were} {before or 'none'} and {are} {after or 'none'}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(sorted(names))


def _options(options: Mapping[str, str] | None) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted((options or {}).items()))


def placed(place: Attachment, kernel: KernelFacts | None) -> Attachment:
    """A place on a network with what the kernel shows of it: its interface, and whether the default route goes by it.

    Both stay empty where the kernel is not known, or does not show the address.
    """
    if kernel is None or not kernel.alive:
        return place
    found = next((kernel.places[one] for one in (place.ipv4, place.ipv6) if one in kernel.places), "")
    is_default = bool(found) and found == kernel.default_route
    return msgspec.structs.replace(place, interface=found, default_route=is_default)


def all_placed(container: Container, kernel: KernelFacts | None) -> Container:
    """A container with all its places so."""
    places = tuple(placed(one, kernel) for one in container.attachments)
    return container if places == container.attachments else msgspec.structs.replace(container, attachments=places)


def _high(text: str) -> Difference:
    return Difference(severity=Severity.HIGH, text=text)


def _medium(text: str) -> Difference:
    return Difference(severity=Severity.MEDIUM, text=text)


def _low(text: str) -> Difference:
    return Difference(severity=Severity.LOW, text=text)
