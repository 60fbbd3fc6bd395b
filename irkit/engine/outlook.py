"""What is to be known of one target before it is contained: one rule a function, each with its facts and a remedy.

Whether a step must be refused is for `forecast` to say.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from irkit.core.container import Attachment, Container, Port
from irkit.core.finding import Finding, Severity
from irkit.engine.dependence import mounts_socket
from irkit.engine.recreation import recreators
from irkit.engine.surroundings import Surroundings

_DEFAULT_BRIDGES: Final = ("bridge", "podman")
_MEANING: Final = {
    "macvlan": (
        "it has an address of its own on the network of its host, which rules of the host do not see; it and its host"
        " do not reach one another there. A disconnect takes the interface out of it"
    ),
    "ipvlan": (
        "it has an address on the network of its host, with the host's MAC address; rules of the host need not see its"
        " traffic. A disconnect takes the interface out of it"
    ),
    "overlay": (
        "it spans several hosts. A disconnect is told to the engine of this host alone: other tasks of the service go"
        " on, and its name and virtual address lead to them"
    ),
}
_INGRESS: Final = "ports published by its service stay open on every node, and lead to its other tasks"


@dataclass(frozen=True)
class Outlook:
    """A target, and what a plan does to it in all: `cut` are the networks that it is taken off.

    `sharers` are the names of the containers on its network; `stays_down` says that its restart policy is taken away.
    """

    target: Container
    around: Surroundings
    cut: frozenset[str]
    is_cut: bool
    is_disconnected: bool
    is_paused: bool
    is_ended: bool
    is_limited: bool
    stays_down: bool
    sharers: tuple[str, ...]

    @property
    def places(self) -> list[Attachment]:
        """The places on networks that it loses for a time."""
        return [one for one in self.target.attachments if one.network in self.cut]


def outlook(of: Outlook) -> Iterator[Finding]:
    """All that there is to be known, the gravest first."""
    found = [one for rule in _RULES for one in rule(of)]
    yield from sorted(found, key=lambda one: one.severity.rank, reverse=True)


def _sharers(of: Outlook) -> Iterator[Finding]:
    if not of.sharers or not (of.is_cut or of.is_paused or of.is_ended):
        return
    names = f"{len(of.sharers)} container(s) share its network: {', '.join(of.sharers)}"
    if of.is_cut or of.is_ended:
        yield _found("sharers", Severity.HIGH, f"{names}. They are cut off with it", of.sharers)
    else:
        yield _found("sharers", Severity.MEDIUM, f"{names}. They go on while it is paused", of.sharers)


def _modes(of: Outlook) -> Iterator[Finding]:
    target = of.target
    if target.shares_host_network and not of.is_cut:
        summary = "it uses its host's own network: no disconnect can isolate it"
        yield _found("host-network", Severity.HIGH, summary, remedy="isolate.firewall, contain.pause or contain.stop")
    if target.network_mode == "none" and not of.places:
        yield _found("no-network", Severity.INFO, "it has no network: there is nothing to isolate it from")


def _drivers(of: Outlook) -> Iterator[Finding]:
    for place in of.places:
        driver = place.driver or of.around.driver(of.target.host, place.network)
        if place.network == "ingress":
            yield _found("ingress", Severity.MEDIUM, f"network ingress: {_INGRESS}")
        elif driver in _MEANING:
            summary = f"network {place.network} is {driver}: {_MEANING[driver]}"
            yield _found(f"{driver}", Severity.MEDIUM, summary, (f"driver {driver}",))


def _ports(of: Outlook) -> Iterator[Finding]:
    ports = tuple(_port_text(one) for one in of.target.ports if one.host_port)
    if not ports or not of.is_cut:
        return
    kept = [one.network for one in of.target.attachments if one.network not in (*of.cut, "none")]
    if of.is_disconnected and kept:
        summary = f"its published ports go on, by network {kept[0]}, which is kept: {', '.join(ports)}"
        yield _found("ports", Severity.HIGH, summary, ports, "do not keep that network")
    else:
        yield _found("ports", Severity.LOW, f"its published ports lead nowhere meanwhile: {', '.join(ports)}", ports)


def _addresses(of: Outlook) -> Iterator[Finding]:
    for place in of.places if of.is_disconnected else []:
        chosen = tuple(
            address
            for address, asked in ((place.ipv4, place.fixed_ipv4), (place.ipv6, place.fixed_ipv6))
            if address and not asked
        )
        if place.network in _DEFAULT_BRIDGES:
            summary = f"{place.network} is the default network, where no address can be asked for: it may be another"
            yield _found("address", Severity.LOW, f"{summary} after undo", chosen)
        elif chosen:
            summary = f"its address on network {place.network} was chosen by the engine: it may be another after undo"
            yield _found("address", Severity.LOW, summary, chosen)


def _ipv6(of: Outlook) -> Iterator[Finding]:
    addresses = tuple(one.ipv6 or one.fixed_ipv6 for one in of.places if one.ipv6 or one.fixed_ipv6)
    if addresses:
        summary = f"it is reached by IPv6 too, which ends with IPv4: {', '.join(addresses)}"
        yield _found("ipv6", Severity.INFO, summary, addresses)


def _links(of: Outlook) -> Iterator[Finding]:
    for place in of.places:
        if place.links:
            summary = f"on network {place.network} it has links to {', '.join(place.links)}: undo asks for them again"
            yield _found("links", Severity.LOW, summary, place.links, "see after undo that they are there")


def _restart(of: Outlook) -> Iterator[Finding]:
    policy = of.target.restart_policy.name
    if policy in ("no", "") or of.stays_down:
        return
    remedy = "contain.restart_policy, before that"
    if of.is_ended and policy == "always":
        summary = "its restart policy is always: its engine starts it again when the engine itself is started"
        yield _found("restart", Severity.MEDIUM, summary, (f"restart policy {policy}",), remedy)
    elif (of.is_cut or of.is_limited) and not (of.is_ended or of.is_paused):
        summary = f"its restart policy is {policy}: if its process ends for want of a network or of means, its engine"
        summary += " starts it anew, and its memory and processes are lost"
        yield _found("restart", Severity.LOW, summary, (f"restart policy {policy}",), remedy)


def _auto_remove(of: Outlook) -> Iterator[Finding]:
    if of.target.auto_remove and (of.is_cut or of.is_limited) and not of.is_ended:
        summary = "it was made with --rm: if its process ends meanwhile, it is removed with all its files"
        remedy = "" if of.is_paused else "contain.pause right after, and preserve it first"
        yield _found("auto-remove", Severity.MEDIUM, summary, remedy=remedy)


def _health(of: Outlook) -> Iterator[Finding]:
    # Engines make no health checks while a container is paused.
    if of.target.health_check and (of.is_cut or of.is_limited) and not (of.is_paused or of.is_ended):
        summary = "it has a health check, which may fail while it is contained: whoever heeds that may end it"
        severity = Severity.HIGH if of.target.orchestrator == "swarm" else Severity.MEDIUM
        yield _found("health-check", severity, summary, remedy="contain.pause: a paused one is not checked")


def _recreation(of: Outlook) -> Iterator[Finding]:
    if not (of.is_cut or of.is_paused or of.is_ended):
        return
    for one in recreators(of.target):
        severity = Severity.HIGH if one.is_prompt and of.is_ended else Severity.MEDIUM
        yield _found("orchestrator", severity, f"{one.what}: {one.occasion}", (one.what,), one.remedy)


def _socket(of: Outlook) -> Iterator[Finding]:
    if mounts_socket(of.target) and of.is_cut and not (of.is_paused or of.is_ended):
        summary = "it has the socket of an engine: whoever is in it can take the containment back"
        yield _found("engine-socket", Severity.HIGH, summary, remedy="contain.pause or contain.stop as well")


_RULES: Final[tuple[Callable[[Outlook], Iterator[Finding]], ...]] = (
    _sharers,
    _modes,
    _drivers,
    _ports,
    _addresses,
    _ipv6,
    _links,
    _restart,
    _auto_remove,
    _health,
    _recreation,
    _socket,
)


def _found(name: str, severity: Severity, summary: str, because: tuple[str, ...] = (), remedy: str = "") -> Finding:
    return Finding(check=f"plan.{name}", severity=severity, summary=summary, because=because, remedy=remedy)


def _port_text(port: Port) -> str:
    host = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    return f"{host}:{port.host_port} to {port.container_port}/{port.protocol}"
