"""What tests of the firewall share: a suspect among neighbours, its traffic, and the handlers on the lab's network."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.host_commands import LocalCommands
from irkit.adapters.memory_store import MemoryStore
from irkit.core.host import Host
from irkit.core.operations import AnyOperation
from irkit.core.ports import Deadline, Outcome, Ran, Target
from tests.adapters.ssh_side import deadline
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.host_space import hide
from tests.lab.leftovers import NETNS
from tests.lab.network_sides import UDP, Echo, Traffic, Way, measured, namespace_of, socket_in
from tests.lab.suspects import Lab
from tests.lab.tools import tool

NET = Network("fw-net", "10.77.1.0/24", subnet6="fd00:77:1::/64")
VICTIM, PEER, GATEWAY, OUTER_PORT = "10.77.1.10", "10.77.1.20", "10.77.1.1", 18077
VICTIM6, PEER6 = "fd00:77:1::10", "fd00:77:1::20"
PORT, OTHER_PORT = 7001, 7002
SLEEPS = ("sleep", "3000")
TABLE = "irkit_01234567_"


class LabCommands(LocalCommands):
    """Commands on the network that the lab's engine has for itself; counts them."""

    def __init__(self, engine: Engine, within: Sequence[str] = ()) -> None:
        super().__init__()
        self.within = tuple(within) or tuple(engine.in_namespace([]))
        self.asked: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        self.asked.append(tuple(argv))
        return super().run((*self.within, *argv), deadline, input=input)


LEGACY = {
    f"{name}{end}": f'exec {name}-legacy{end} "$@"'
    for name in ("iptables", "ip6tables")
    for end in ("-save", "-restore")
}
"""What a host has under the plain names whose iptables is the old one."""


def host_without(folder: Path, *names: str, scripts: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Words that run a command as on a host without programs of those names, and with others in their place."""
    own = folder / "own"
    own.mkdir(parents=True)
    for name, script in (scripts or {}).items():
        (own / name).write_text(f"#!/bin/sh\n{script}\n")
        (own / name).chmod(0o755)
    mounts = [f"mount -t overlay -o lowerdir={folder}/without:{one} overlay {one}" for one in hide(folder, names)]
    entry = folder / "enter"
    lines = ["#!/bin/sh", "set -eu", *mounts, f"PATH={own}:$PATH", "export PATH", 'exec "$@"']
    entry.write_text("".join(f"{line}\n" for line in lines))
    entry.chmod(0o755)
    return (tool("unshare"), "--mount", str(entry))


def target_on(engine: Engine, commands: LabCommands | None = None) -> DockerEngine:
    host = Host(name="local", socket=str(engine.socket))
    return DockerEngine(host, dial_unix(host.socket), SystemClock(), commands=commands or LabCommands(engine))


def apply(target: Target, operation: AnyOperation) -> Outcome:
    """Carry one operation out."""
    intake = MemoryStore().intake(host="local", container=None, operation=operation, task=0)
    return target.apply(operation, intake, deadline())


@dataclass(frozen=True)
class Scene:
    """A victim and its neighbour on one bridge; `pid` is the victim's."""

    victim: str
    peer: str
    pid: int
    table: str


def pid_of(engine: Engine, container: str) -> int:
    return int(engine.inspect(container)["State"]["Pid"])


def make_scene(lab: Lab, *, capabilities: tuple[str, ...] = (), prefix: str = "") -> Scene:
    lab.network(NET)
    place = Attach(NET.name, ipv4=VICTIM, ipv6=VICTIM6)
    victim = lab.make(
        Suspect(f"{prefix}victim", (place,), publish={OUTER_PORT: PORT}, command=SLEEPS, capabilities=capabilities)
    )
    peer = lab.make(Suspect(f"{prefix}peer", (Attach(NET.name, ipv4=PEER, ipv6=PEER6),), command=SLEEPS))
    return Scene(victim, peer, pid_of(lab.engine, victim), TABLE + victim[:12])


@contextmanager
def traffic_of(lab: Lab, scene: Scene) -> Iterator[Traffic]:
    """The ways that matter: with the neighbour, with the host, in and out, new and established."""
    victim, peer = namespace_of(scene.pid), namespace_of(pid_of(lab.engine, scene.peer))
    host = NETNS / lab.engine.namespace
    echoes = [Echo(one, port) for one in (victim, peer, host) for port in (PORT, OTHER_PORT)]
    ways = {
        "established out": Way(victim, PEER, PORT),
        "established in": Way(peer, VICTIM, PORT),
        "established from host": Way(host, VICTIM, PORT),
        "out": Way(victim, PEER, PORT),
        "out other port": Way(victim, PEER, OTHER_PORT),
        "in": Way(peer, VICTIM, PORT),
        "out udp": Way(victim, PEER, PORT, UDP),
        "in udp": Way(peer, VICTIM, PORT, UDP),
        "out v6": Way(victim, PEER6, PORT),
        "in v6": Way(peer, VICTIM6, PORT),
        "from host": Way(host, VICTIM, PORT),
        "to host": Way(victim, GATEWAY, PORT),
        "to host udp": Way(victim, GATEWAY, PORT, UDP),
        "published port": Way(host, GATEWAY, OUTER_PORT),
        "within": Way(victim, "127.0.0.1", PORT),
    }
    with measured(ways, echoes) as traffic:
        yield traffic


@contextmanager
def raw_frames(source: int, sink: int) -> Iterator[Callable[[], bool]]:
    """A way to tell whether a frame made by hand in one namespace is seen in another."""
    kind = 0x88B5  # for local experiments
    protocol = socket.htons(kind)
    with (
        closing(socket_in(namespace_of(source), socket.SOCK_RAW, socket.AF_PACKET, protocol)) as out,
        closing(socket_in(namespace_of(sink), socket.SOCK_RAW, socket.AF_PACKET, protocol)) as into,
    ):
        out.bind(("eth0", kind))
        into.bind(("eth0", kind))
        into.settimeout(1)

        def is_heard() -> bool:
            frame = b"\xff" * 6 + b"\x02\x00\x00\x00\x00\x01" + kind.to_bytes(2, "big") + b"hello".ljust(50)
            try:
                out.send(frame)
                return b"hello" in into.recv(2000)
            except OSError:  # a frame that is dropped as it leaves is an error of its sender
                return False

        yield is_heard
