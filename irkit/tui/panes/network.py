"""Networks, published ports, and the sockets of the container's network namespaces with their peers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from irkit.app.looks import Look
from irkit.app.seen import Socket
from irkit.core.container import Container
from irkit.core.text import safe
from irkit.tui.line_view import Line
from irkit.tui.panes.pane import Pane

_QUIET = ("unix", "netlink", "packet", "")


class NetworkPane(Pane["list[Socket]"]):
    """Sockets of the internet first: they are what leads elsewhere."""

    title = "Network"

    def begin(self) -> Look[list[Socket]]:
        self.view.is_following = False
        return self.irkit.services.looks.sockets(self.key)

    def tick(self) -> None:
        """What the engine knows is shown though the sockets cannot be seen."""
        super().tick()
        if self._look is not None and self._look.error and not self.view.lines and self.row and self.row.facts:
            self.view.show(place_lines(self.row.facts))

    def lines_of(self, value: list[Socket]) -> Iterable[Line]:
        return network_lines(self.row.facts if self.row is not None else None, value)

    def count(self, value: list[Socket]) -> str:
        return f"{len(value)} sockets"


def network_lines(facts: Container | None, value: list[Socket]) -> Iterator[Line]:
    """What the engine knows, and then the sockets: those of the internet first."""
    if facts is not None:
        yield from place_lines(facts)
    yield Line(safe(f"{'PROTO':<6} {'STATE':<12} {'LOCAL':<30} {'REMOTE':<30} HELD BY"), "bold")
    for one in sorted(value, key=lambda socket: (socket.protocol in _QUIET, socket.protocol, socket.state)):
        yield socket_line(one)


def place_lines(facts: Container) -> Iterator[Line]:
    """Networks and ports, as the engine tells them."""
    for place in facts.attachments:
        driver = f" ({place.driver})" if place.driver else ""  # the engine tells it of a network, not of a container
        yield Line(safe(f"network {place.network}{driver}  {place.ipv4} {place.ipv6}  {place.mac}", 400))
    for port in facts.ports:
        text = f"port {port.host_ip}:{port.host_port} -> {port.container_port}/{port.protocol}"
        yield Line(safe(text, 400))
    yield Line(safe(""))


def socket_line(one: Socket) -> Line:
    """A socket in a line; one that leads to a peer stands out."""
    holders = ", ".join(one.holders)
    text = f"{one.protocol:<6} {one.state:<12} {one.local:<30} {one.remote:<30} {holders} {one.note}"
    has_peer = one.protocol not in _QUIET and one.state == "ESTABLISHED"
    return Line(safe(text.rstrip(), 600), "bold $warning" if has_peer else "", value=safe(one.remote or one.local))
