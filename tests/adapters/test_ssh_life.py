"""Signs of life of a connection: a host that falls silent, or takes nothing any more, is noticed."""

import socket
import threading
import time

import paramiko
import pytest

from irkit.adapters import ssh_life
from irkit.adapters.ssh_channel import ChannelWire
from irkit.adapters.ssh_open import open_unix
from irkit.core.errors import Refusal
from tests.adapters.ssh_servers import as_any, fake_host, nothing
from tests.adapters.ssh_side import Doing, deadline, linked
from tests.adapters.test_ssh_transport import WINDOW, ping
from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG, wait_until


class Mute(paramiko.Transport):
    """A server that can fall silent, and stays connected."""

    is_mute = False

    def _send_message(self, data: paramiko.Message) -> None:
        if not self.is_mute:
            super()._send_message(data)  # type: ignore[misc]


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """To be called with the connection made, as a busy machine may need longer to make it."""
    monkeypatch.setattr(ssh_life, "KEEP_ALIVE", 0.2)
    monkeypatch.setattr(ssh_life, "DEAD", 1.5)


def test_a_host_that_falls_silent_is_noticed_and_its_streams_end(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_host(client, serve=nothing, make=Mute) as host, linked(client, "fake") as link:
        wire = ChannelWire(open_unix(link.transport, "/x", WINDOW, deadline()))
        wire.settimeout(60)
        hurry(monkeypatch)
        time.sleep(1.7)
        assert link.is_well  # quiet, and yet there
        host.transports[0].is_mute = True  # type: ignore[attr-defined]
        with pytest.raises(ConnectionError):
            wire.recv_into(memoryview(bytearray(1)))
        assert not link.is_well


def test_a_host_that_falls_silent_while_keys_are_exchanged_is_noticed_too(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_host(client, serve=nothing, make=Mute) as host, linked(client, "fake") as link:
        hurry(monkeypatch)
        host.transports[0].is_mute = True  # type: ignore[attr-defined]
        as_any(link.transport)._send_kex_init()
        assert wait_until(lambda: not link.is_well)


def test_a_process_that_stood_still_does_not_take_its_host_for_dead(client: ClientSide) -> None:
    with fake_host(client) as host, linked(client, "fake") as link:
        link.transport.packets.when_quiet = lambda: None  # as if it had not run
        link.transport.packets.heard_at -= 100
        assert link.is_well
        assert ping(link).endswith(b"OK")
        assert len(host.transports) == 1


def test_a_round_trip_is_measured(client: ClientSide) -> None:
    with fake_host(client), linked(client, "fake") as link:
        assert 0 < link.transport.round_trip(deadline()) < 60


def test_a_socket_that_takes_nothing_any_more_ends_whoever_sends(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()

    class Deaf(Mute):
        """A server that reads nothing any more."""

        def _parse_global_request(self, m: paramiko.Message) -> None:
            stop.wait(LONG)

    with fake_host(client, serve=nothing, make=Deaf), linked(client, "fake") as link:
        hurry(monkeypatch)
        as_any(link.transport).sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        message = paramiko.Message()
        message.add_byte(b"\x02")
        message.add_string(b"x" * 200_000)

        def flood() -> None:
            for _ in range(100):
                link.transport.send(message)
                link.transport.check_active()

        flooding = Doing(flood)
        try:
            assert flooding.ended()
        finally:
            stop.set()
        assert flooding.error is not None
        assert flooding.error.kind is Refusal.LOST
