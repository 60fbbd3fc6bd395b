"""A host that floods and reads nothing: what is asked of it ends by its deadline, and what is asked of others goes on.

It is reached in each way there is: directly, over a ProxyCommand, and over a hop, which may be the hostile one.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import paramiko
import pytest
from paramiko.common import cMSG_GLOBAL_REQUEST

from irkit.adapters import ssh_life, ssh_packets, ssh_transport
from irkit.adapters.ssh_channel import ChannelWire
from irkit.adapters.ssh_link import Link
from irkit.adapters.ssh_open import open_exec, open_unix
from irkit.core.errors import Refusal, TargetError
from tests.adapters.ssh_servers import FakeHost, answer_pings, as_any, fake_host
from tests.adapters.ssh_side import Doing, deadline, linked
from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG, Held, wait_released, wait_until

WINDOW = 1 << 20
WAYS = "direct", "command", "hop", "hostile hop"


class Flood(paramiko.Transport):
    """A server that turns at a word: it asks and asks whether the client is there, and reads no answer."""

    takes = 4096

    def __init__(self, connection: socket.socket) -> None:
        self.turned, self.over = threading.Event(), threading.Event()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.takes)
        super().__init__(connection)
        read = self.packetizer.read_message

        def read_message() -> tuple[int, paramiko.Message]:
            if self.turned.is_set():
                self.over.wait(120)
            return read()

        self.packetizer.read_message = read_message  # type: ignore[method-assign]

    def turn(self) -> None:
        self.turned.set()
        threading.Thread(target=self._flood, daemon=True).start()

    def _flood(self) -> None:
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while self.is_active() and not self.over.is_set():
                self._send_message(message)  # type: ignore[attr-defined]

    def close(self) -> None:
        self.over.set()
        super().close()


class Late(Flood):
    """A server that reads nothing for a while, and then quickly."""

    takes = 65536


class Hop(paramiko.Transport):
    """A server that takes in little before it was passed on."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, default_window_size=32768)


def pump(channel: paramiko.Channel, other: socket.socket) -> None:
    """What comes from one goes to the other, both ways, until one of them ends."""

    def back() -> None:
        with contextlib.suppress(OSError):
            while data := other.recv(65536):
                channel.sendall(data)
        channel.close()

    thread = threading.Thread(target=back, daemon=True)
    thread.start()
    with contextlib.suppress(OSError):
        while data := channel.recv(65536):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    other.close()


def forward_to(port: int) -> Callable[[paramiko.Channel, str], None]:
    """What a hop does: each channel goes on to a port."""

    def serve(channel: paramiko.Channel, kind: str) -> None:
        del kind
        onward = socket.create_connection(("127.0.0.1", port))
        onward.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        pump(channel, onward)

    return serve


@contextlib.contextmanager
def hostile(client: ClientSide, way: str) -> Iterator[Callable[[], None]]:
    """A host named `evil`, reached in this way; calling what is given has it turn."""
    with contextlib.ExitStack() as stack:
        inner = Flood if way != "hostile hop" else paramiko.Transport
        host: FakeHost = stack.enter_context(fake_host(client, "evil", make=inner))
        turning = host
        if way == "command":
            command = "socat - TCP:%h:%p,sndbuf=4096"
            client.config.write_text(f"Host evil\n    ProxyCommand {command}\n{client.config.read_text()}")
        if way.endswith("hop"):
            hop = Flood if way == "hostile hop" else Hop
            turned = stack.enter_context(fake_host(client, "hop", serve=forward_to(host.port), make=hop))
            client.config.write_text(f"Host evil\n    ProxyJump hop\n{client.config.read_text()}")
            turning = turned if way == "hostile hop" else host

        def turn() -> None:
            for one in turning.transports:
                if isinstance(one, Flood):
                    one.turn()

        yield turn


def narrow(link: Link) -> None:
    """Have the kernel take little that the host has not."""
    sock = as_any((*link.hops, link.transport)[0]).sock
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def ping(link: Link, seconds: float) -> bytes:
    """What the fake engine answers."""
    wire = ChannelWire(open_unix(link.transport, "/x.sock", WINDOW, deadline(seconds)))
    wire.settimeout(seconds)
    try:
        wire.sendall(b"GET /_ping HTTP/1.1\r\n\r\n")
        found, room = b"", memoryview(bytearray(4096))
        while count := wire.recv_into(room):
            found += room[:count]
        return found
    finally:
        wire.close()


def asked_in_vain(link: Link) -> list[Doing]:
    """One of everything that is asked of a host, each with a second's time."""
    return [
        Doing(ping, link, 1.0),
        Doing(open_exec, link.transport, "true", WINDOW, deadline(1.0)),
        Doing(link.transport.round_trip, deadline(1.0)),
    ]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flood alone ends nothing: so that all that could wait for a host that reads nothing does."""
    monkeypatch.setattr(ssh_transport, "MOST_ASKED", 1 << 40)
    monkeypatch.setattr(ssh_packets, "ROOM", 32 * 1024)  # so that it does not take long to fill


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("way", WAYS)
def test_what_is_asked_of_a_host_that_reads_nothing_ends_by_its_deadline(client: ClientSide, way: str) -> None:
    with (
        hostile(client, way) as turn,
        fake_host(client, "good"),
        linked(client, "evil") as link,
        linked(client, "good") as good,
    ):
        assert ping(link, LONG).endswith(b"OK")
        narrow(link)
        turn()
        packets = link.hops[0].packets if way == "hostile hop" else link.transport.packets
        assert wait_until(lambda: packets.waiting > ssh_packets.ROOM)
        for _ in range(2):
            asked = asked_in_vain(link)
            assert ping(good, LONG).endswith(b"OK")
            assert all(one.ended() for one in asked)
            kinds = {one.error.kind for one in asked if one.error}
            assert [one.error is not None for one in asked] == [True] * 3
            assert kinds <= {Refusal.TIMEOUT, Refusal.LOST}
        assert Doing(link.end).ended()
        assert wait_until(lambda: not link.transport.is_alive())


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("way", WAYS)
def test_a_host_that_reads_nothing_is_given_up_whatever_it_sends(
    client: ClientSide, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(client, way) as turn, linked(client, "evil") as link:
        assert ping(link, LONG).endswith(b"OK")
        narrow(link)
        monkeypatch.setattr(ssh_life, "DEAD", 1.0)
        turn()
        assert wait_until(lambda: not link.is_well)
        with pytest.raises(TargetError):
            ping(link, 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_host_that_asks_without_end_is_given_up(client: ClientSide, way: str) -> None:
    before = Held()
    with hostile(client, way) as turn, linked(client, "evil") as link:
        assert ping(link, LONG).endswith(b"OK")
        turn()
        assert wait_until(lambda: not link.is_well)
    assert wait_released(before) == {}


def test_an_honest_host_that_asks_now_and_then_is_kept(client: ClientSide) -> None:
    with fake_host(client, "asks", serve=answer_pings) as host, linked(client, "asks") as link:
        for _ in range(20):
            host.transports[0].send_ignore()
            host.transports[0].global_request("keepalive@openssh.com", wait=True)
        assert ping(link, LONG).endswith(b"OK")
        assert link.is_well


@pytest.mark.usefixtures("patient")
def test_what_waits_for_a_slow_reader_is_bounded_and_all_of_it_comes_at_last(client: ClientSide) -> None:
    whole = bytes(range(256)) * 2048
    received: list[bytes] = []

    def take(channel: paramiko.Channel, kind: str) -> None:
        del kind
        while data := channel.recv(65536):
            received.append(data)

    with fake_host(client, "slow", serve=take, make=Late) as host, linked(client, "slow") as link:
        wire = ChannelWire(open_unix(link.transport, "/x.sock", WINDOW, deadline()))
        wire.settimeout(30)
        (server,) = [one for one in host.transports if isinstance(one, Late)]
        server.turned.set()
        narrow(link)
        sending = Doing(wire.sendall, whole)
        assert wait_until(lambda: link.transport.packets.waiting > ssh_packets.ROOM // 2)
        assert not sending.ended(0.5)
        assert link.transport.packets.waiting < 2 * ssh_packets.ROOM
        server.over.set()
        assert sending.ended()
        assert wait_until(lambda: sum(map(len, received)) == len(whole))
        wire.close()
        assert b"".join(received) == whole
