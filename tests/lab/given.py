"""Interfaces that somebody gives a container past its engine, as an attacker on the host or some other tool would."""

from collections.abc import Sequence

from .engine import Engine
from .tools import run, tool


def give_interface(engine: Engine, pid: int, name: str) -> None:
    """An interface of that name in the network namespace of a process, up and without an address; it goes with that."""
    ip, outer = tool("ip"), f"given{pid}"
    run(engine.in_namespace([ip, "link", "add", "given", "type", "veth", "peer", "name", outer[:15]]))
    for argv in (["given", "netns", str(pid)], [outer[:15], "up"]):
        run(engine.in_namespace([ip, "link", "set", *argv]))
    for argv in (["given", "name", name], [name, "up"]):
        run(_inside(pid, ["link", "set", *argv]))


def give_address(pid: int, name: str, address: str) -> None:
    """An address with its prefix length, on an interface there."""
    at_once = ["nodad"] if ":" in address else []
    if at_once:  # engines switch IPv6 off where a network has none
        allow = 'echo 0 > "/proc/sys/net/ipv6/conf/$0/disable_ipv6"'
        run([tool("nsenter"), f"--net=/proc/{pid}/ns/net", tool("sh"), "-c", allow, name])
    run(_inside(pid, ["address", "add", address, "dev", name, *at_once]))


def _inside(pid: int, argv: Sequence[str]) -> list[str]:
    return [tool("nsenter"), f"--net=/proc/{pid}/ns/net", tool("ip"), *argv]
