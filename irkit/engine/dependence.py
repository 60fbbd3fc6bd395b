"""Containers that irkit itself depends on, or the session of whoever runs it: cutting them off would cut off irkit."""

from irkit.core.container import Container, Port
from irkit.core.engine_socket import socket_mounts
from irkit.core.ways import Point
from irkit.engine.addresses import parse_address
from irkit.engine.surroundings import Surroundings

_EVERY = ("", "0.0.0.0", "::")  # noqa: S104 - what engines tell of a port published on every address


def dependence(container: Container, around: Surroundings) -> str:
    """In which way irkit, or the responder's session, depends on a container; empty where it is not known to.

    What goes through a container without being addressed to it, such as a tunnel, cannot be told.
    """
    if container.id in around.own:
        return "irkit itself runs in it"
    if sharer := next((one for one in around.sharers(container) if one.id in around.own), None):
        return f"irkit itself runs in container {sharer.name}, which shares its network"
    return _on_the_way(container, around) or _in_the_session(container, around) or _serves_the_engine(container, around)


def mounts_socket(container: Container) -> bool:
    """Whether a container has the socket of an engine: what is in it can do whatever irkit can."""
    return bool(socket_mounts(container))


def _on_the_way(container: Container, around: Surroundings) -> str:
    """Whether a place that connections go through is the container's own, or a port that it publishes."""
    is_here = not around.ways.get(container.host)
    mine = {address for point in around.ways.get(container.host, ())[-1:] for address in point.addresses}
    for host, point, is_last in around.points():
        # Other hosts' containers may have the same private addresses.
        if (host == container.host or is_here) and _has_address(container, point.addresses):
            return f"irkit reaches host {host} at {point.text}, which is its address"
        is_on_its_host = (host == container.host and is_last) or bool(mine & set(point.addresses))
        if is_on_its_host and (port := _published(container, point)):
            return f"irkit reaches host {host} at {point.text}, which it publishes ({_text(port)})"
    return ""


def _in_the_session(container: Container, around: Surroundings) -> str:
    """Whether the responder's own session goes through a container of this machine."""
    session = around.session
    if session is None or around.ways.get(container.host):
        return ""
    for address, what in ((session.client, "comes from"), *((one, "came in at") for one in session.server.addresses)):
        if _has_address(container, (address,)):
            return f"your SSH session {what} {address}, which is its address"
    if port := _published(container, session.server):
        return f"your SSH session came in at {session.server.text}, which it publishes ({_text(port)})"
    return ""


def _serves_the_engine(container: Container, around: Surroundings) -> str:
    """Whether it may be what serves the engine on its host's own network: no port is told of such a one."""
    is_by_tcp = container.host in around.tcp
    if is_by_tcp and container.shares_host_network and mounts_socket(container):
        return "it has the engine's socket and is on its host's network: irkit may reach the engine through it"
    return ""


def _has_address(container: Container, addresses: tuple[str, ...]) -> bool:
    wanted = {parse_address(one) for one in addresses} - {None}
    has = {parse_address(one) for place in container.attachments for one in (place.ipv4, place.ipv6)}
    return bool(wanted & has)


def _published(container: Container, point: Point) -> Port | None:
    """The port by which a place leads into a container, or None."""
    wanted = {parse_address(one) for one in point.addresses}
    for port in container.ports:
        if port.protocol != "tcp" or not port.host_port or port.host_port != point.port:
            continue
        if port.host_ip in _EVERY or parse_address(port.host_ip) in wanted:
            return port
    return None


def _text(port: Port) -> str:
    return f"{port.host_port} to {port.container_port}/{port.protocol}"
