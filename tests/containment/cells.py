"""What is contained, and how: kinds of networks, states, and ways. Making a suspect of each."""

from dataclasses import dataclass, field
from typing import Any, Final

from tests.lab.description import Attach, Network, State, Suspect
from tests.lab.suspects import Lab

from .site import ECHO, PUBLISHED, SINK, Outside

SUBNET, SUBNET6, BACK = "10.93.1.0/24", "fd00:93::/64", "10.93.2.0/24"
FIXED, FIXED6 = "10.93.1.20", "fd00:93::20"

STATES: Final = ("running", "paused", "exited", "restarting", "rm")
"""`rm` is a running container that the engine removes when it ends."""
KINDS: Final = (
    "bridge",
    "user",
    "two",
    "internal",
    "published",
    "macvlan",
    "ipvlan",
    "none",
    "host",
    "shared",
)
TITLES: Final = {
    "bridge": "the default bridge",
    "user": "a network of one's own, fixed IPv4 and IPv6 address",
    "two": "two networks",
    "internal": "an internal network",
    "published": "a network of one's own, a published port",
    "macvlan": "macvlan",
    "ipvlan": "ipvlan",
    "none": "no network",
    "host": "the host's network",
    "shared": "another container's network",
}


@dataclass(frozen=True)
class Way:
    """An action with its arguments, and what it is to cut: `network` all traffic, `process` its own, or nothing."""

    name: str
    action: str
    arguments: str = ""
    cuts: str = "network"
    accept_loss: bool = False

    @property
    def playbook(self) -> str:
        """A playbook of that one step."""
        loss = ", accept_loss: true" if self.accept_loss else ""
        step = f"{{id: it, action: {self.action}, with: {{{self.arguments}}}{loss}}}"
        return f"name: contain\nversion: 1\nsteps:\n  - {step}\n"


WAYS: Final = (
    Way("isolate.disconnect", "isolate.disconnect"),
    Way("isolate.quarantine, reach host", "isolate.quarantine", "reach: host", cuts="network but the host"),
    Way("isolate.quarantine, reach nothing", "isolate.quarantine", "reach: nothing"),
    Way("isolate.firewall", "isolate.firewall"),
    Way("contain.pause", "contain.pause", cuts="process"),
    Way("contain.stop", "contain.stop", "grace: 1", cuts="process"),
    Way("contain.kill", "contain.kill", cuts="process"),
    Way("contain.limit", "contain.limit", 'cpus: "0.05", pids: 20', cuts="nothing"),
    Way("contain.restart_policy", "contain.restart_policy", cuts="nothing"),
)


@dataclass
class Made:
    """A suspect, and whose network namespace it is in: its own, another container's, or the host's."""

    id: str
    namespace_of: str
    neighbours: list[str] = field(default_factory=list)


def make(lab: Lab, outside: Outside, kind: str, state: str) -> Made:
    """A suspect of that kind in that state, with a neighbour on its network where there can be one."""
    attach = _networks(lab, outside, kind)
    owner = ""
    if kind == "shared":
        owner = lab.make(Suspect("owner", networks=(Attach("front"),), command=("sleep", "9999")))
        attach = (Attach("container:owner"),)
    neighbours = []
    if kind not in ("none", "host", "bridge"):
        place = (Attach("front", aliases=("neighbour",)),) if kind != "bridge" else ()
        neighbours = [lab.make(Suspect("other", networks=place, command=("sleep", "9999")))]
    elif kind == "bridge":
        neighbours = [lab.make(Suspect("other", command=("sleep", "9999")))]
    more: dict[str, Any] = {"publish": {PUBLISHED: ECHO}} if kind == "published" else {}
    wanted: State = "running" if state in ("rm", "running") else state  # type: ignore[assignment]
    suspect = lab.make(
        Suspect(
            "suspect",
            networks=attach,
            outbound=(outside.address, SINK),
            auto_remove=state == "rm",
            restart="no" if state == "rm" else "unless-stopped",
            state=wanted,
            **more,
        )
    )
    return Made(suspect, owner or suspect, neighbours)


def _networks(lab: Lab, outside: Outside, kind: str) -> tuple[Attach, ...]:
    match kind:
        case "bridge":
            return (Attach("bridge"),)
        case "none" | "host":
            return (Attach(kind),)
        case "macvlan" | "ipvlan":
            options = {"parent": outside.device}
            lab.network(Network("front", subnet=SUBNET, driver=kind, options=options))
            return (Attach("front", ipv4=FIXED),)
        case "user":
            lab.network(Network("front", subnet=SUBNET, subnet6=SUBNET6))
            return (Attach("front", ipv4=FIXED, ipv6=FIXED6, aliases=("shop", "www")),)
        case "two":
            lab.network(Network("front", subnet=SUBNET))
            lab.network(Network("back", subnet=BACK))
            return Attach("front", ipv4=FIXED), Attach("back")
    lab.network(Network("front", subnet=SUBNET, internal=kind == "internal"))
    return (Attach("front", ipv4=FIXED),) if kind != "shared" else ()
