"""A connection to a host that is hostile, slow or dead: it ends in time, holds nothing back and believes nothing."""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import paramiko
import pytest

from irkit.adapters import ssh_refused, ssh_transport
from irkit.adapters.ssh_channel import ChannelWire, SshChannel
from irkit.adapters.ssh_link import Link
from irkit.adapters.ssh_open import open_exec, open_subsystem, open_unix
from irkit.adapters.ssh_refused import ChannelRefusedError
from irkit.adapters.ssh_transport import SshTransport
from irkit.core.errors import HostState, Refusal, TargetError
from irkit.engine.deadline import Cancel
from tests.adapters.ssh_servers import FakeHost, answer_pings, as_any, fake_host, new_key, nothing
from tests.adapters.ssh_side import Doing, deadline, linked
from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG, Held, wait_released, wait_until

WINDOW = 1 << 20


def ping(link: Link, seconds: float = LONG) -> bytes:
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


def test_channels_leave_nothing_behind(client: ClientSide) -> None:
    with fake_host(client), linked(client, "fake") as link:
        for _ in range(20):
            assert ping(link).endswith(b"OK")
        inner = as_any(link.transport)
        assert wait_until(lambda: not inner._channels.values())
        assert (inner.channel_events, inner._refused, inner._abandoned) == ({}, {}, {})


def test_an_ended_connection_leaves_neither_threads_nor_descriptors(client: ClientSide) -> None:
    with fake_host(client) as host:
        before = Held()
        for _ in range(5):
            with linked(client, "fake") as link:
                ping(link)
        for transport in host.transports:
            transport.close()
        assert wait_released(before) == {}


def test_a_channel_that_is_added_as_the_connection_ends_is_closed_with_the_others(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread of the connection closes whatever it finds, on no occasion of ours."""
    with fake_host(client), linked(client, "fake") as link:
        channels = as_any(link.transport)._channels
        put = channels.put

        def end_now(number: int, channel: SshChannel) -> None:
            put(number, channel)
            link.transport.end()

        monkeypatch.setattr(channels, "put", end_now)
        with pytest.raises(TargetError, match="connection was lost"):
            open_unix(link.transport, "/x.sock", WINDOW, deadline())
        assert wait_until(lambda: not link.transport.is_alive())
        assert not channels.values()


def test_a_key_that_changes_within_a_connection_ends_it(client: ClientSide) -> None:
    with fake_host(client) as host, linked(client, "fake") as link:
        assert ping(link).endswith(b"OK")
        server = host.transports[0]
        server.server_key_dict.clear()
        server.add_server_key(new_key(client.home / "fake"))
        with pytest.raises((paramiko.SSHException, EOFError, OSError)):
            server.renegotiate_keys()
        assert wait_until(lambda: not link.is_well)
        assert link.refusal is not None
        assert link.refusal.state is HostState.KEY_CHANGED
        assert "127.0.0.1" in link.refusal.reason
        with pytest.raises(TargetError) as caught:
            ping(link)
        assert caught.value.kind is Refusal.LOST


def test_a_trusted_key_in_the_place_of_another_ends_the_connection_too(client: ClientSide) -> None:
    with fake_host(client) as host:
        other = new_key(client.home / "fake")
        client.trust(f"[127.0.0.1]:{host.port} {other.get_name()} {other.get_base64()}")
        with linked(client, "fake") as link:
            server = host.transports[0]
            server.server_key_dict.clear()
            server.add_server_key(other)
            with pytest.raises((paramiko.SSHException, EOFError, OSError)):
                server.renegotiate_keys()
            assert wait_until(lambda: link.refusal is not None)
            assert link.refusal is not None
            assert "another key within one connection" in link.refusal.reason


@pytest.mark.parametrize("limit", [20_000, 200_000])
def test_calls_go_on_while_keys_are_exchanged_again_and_again(client: ClientSide, limit: int) -> None:
    def answer_much(channel: paramiko.Channel, kind: str) -> None:
        channel.sendall(b"x" * 30_000)
        answer_pings(channel, kind)

    with fake_host(client, serve=answer_much), linked(client, "fake") as link:
        as_any(link.transport.packets).REKEY_BYTES = limit
        threads = [Doing(lambda: [ping(link) for _ in range(8)]) for _ in range(4)]
        assert all(one.ended(30) for one in threads)
        for one in threads:
            assert [answer[:30_000] == b"x" * 30_000 and answer[-2:] == b"OK" for answer in one.result] == [True] * 8


def test_what_is_sent_during_an_exchange_of_keys_waits_for_nobody(client: ClientSide) -> None:
    with fake_host(client, serve=nothing), linked(client, "fake") as link:
        link.transport.clear_to_send.clear()  # as it is until the host answers with its part
        message = paramiko.Message()
        message.add_byte(b"\x02")
        message.add_string(b"ignored")
        sending = Doing(link.transport.send, message)
        assert sending.ended()
        assert len(as_any(link.transport)._held) == 1
        link.transport.clear_to_send.set()


class Slow(paramiko.Transport):
    """A server that takes its time to open a channel: until it is told to go on."""

    def __init__(self, connection: socket.socket) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        super().__init__(connection)

    def _parse_channel_open(self, m: paramiko.Message) -> None:
        self.begun.set()
        self.go_on.wait(LONG)
        super()._parse_channel_open(m)  # type: ignore[misc]

    def close(self) -> None:
        self.go_on.set()
        super().close()


def slow(host: FakeHost) -> Slow:
    (found,) = host.transports
    assert isinstance(found, Slow)
    return found


@pytest.mark.parametrize("way", [open_unix, open_exec, open_subsystem])
def test_a_channel_that_opens_too_late_is_closed(client: ClientSide, way: Any) -> None:
    with fake_host(client, serve=nothing, make=Slow) as host, linked(client, "fake") as link:
        with pytest.raises(TargetError) as caught:
            way(link.transport, "x", WINDOW, deadline(0.2))
        assert caught.value.kind is Refusal.TIMEOUT
        slow(host).go_on.set()
        assert wait_until(lambda: bool(host.accepted) and host.accepted[0].closed)
        assert wait_until(lambda: as_any(link.transport)._abandoned == {})
        assert wait_until(lambda: as_any(link.transport.sessions)._open == 0)
        assert not open_unix(link.transport, "x", WINDOW, deadline()).closed


def test_a_channel_that_is_refused_too_late_is_forgotten(client: ClientSide) -> None:
    with fake_host(client, serve=nothing, make=Slow) as host, linked(client, "fake") as link:
        host.rules.refuse_after = 0
        with pytest.raises(TargetError):
            open_exec(link.transport, "x", WINDOW, deadline(0.2))
        slow(host).go_on.set()
        inner = as_any(link.transport)
        assert wait_until(lambda: not inner.channel_events)
        assert wait_until(lambda: (inner._abandoned, inner._refused, inner.sessions._open) == ({}, {}, 0))


def test_being_told_to_stop_wakes_whoever_waits_for_a_channel(client: ClientSide) -> None:
    with fake_host(client, serve=nothing, make=Slow) as host, linked(client, "fake") as link:
        cancel = Cancel()
        waits = [Doing(way, link.transport, "x", WINDOW, deadline(60, cancel)) for way in (open_unix, open_exec)]
        assert slow(host).begun.wait(LONG)  # from here on it answers nothing
        waits.append(Doing(link.transport.round_trip, deadline(60, cancel)))
        time.sleep(0.2)
        cancel.set()
        assert all(one.ended() for one in waits)
        assert [one.error.kind for one in waits if one.error] == [Refusal.CANCELLED] * 3


def test_the_end_of_a_connection_wakes_all_who_wait(client: ClientSide) -> None:
    with fake_host(client, serve=nothing, make=Slow) as host, linked(client, "fake") as link:
        slow(host).go_on.set()
        wire = ChannelWire(open_unix(link.transport, "/x", WINDOW, deadline()))
        slow(host).begun.clear()
        slow(host).go_on.clear()
        wire.settimeout(60)
        raised: list[BaseException] = []

        def read() -> None:
            try:
                wire.recv_into(memoryview(bytearray(1)))
            except ConnectionError as error:
                raised.append(error)

        waits = [Doing(read), Doing(open_unix, link.transport, "/x", WINDOW, deadline(60))]
        assert slow(host).begun.wait(LONG)
        time.sleep(0.1)
        link.end()
        link.end()
        assert all(one.ended() for one in waits)
        assert raised
        assert waits[1].error is not None
        assert waits[1].error.kind is Refusal.LOST


def test_a_refusal_tells_its_reason(client: ClientSide) -> None:
    with fake_host(client, serve=nothing) as host, linked(client, "fake") as link:
        host.rules.refuse_after = 0
        with pytest.raises(ChannelRefusedError) as caught:
            open_unix(link.transport, "/x", WINDOW, deadline())
        assert caught.value.code == ssh_refused.CONNECT_FAILED
        host.rules.refuse_after = 99
        with pytest.raises(ChannelRefusedError) as caught:
            open_subsystem(link.transport, "none", WINDOW, deadline())
        assert caught.value.code == 0
        assert as_any(link.transport.sessions)._open == 0


def said(transport: paramiko.Transport, kind: int, *numbers: int, texts: int = 0) -> None:
    """Have a server say something that nobody asked for."""
    message = paramiko.Message()
    message.add_byte(bytes([kind]))
    for number in numbers:
        message.add_int(number)
    for _ in range(texts):
        message.add_string("x")
    as_any(transport)._send_message(message)


def test_refusals_that_nobody_asked_for_are_not_kept(client: ClientSide) -> None:
    with fake_host(client) as host, linked(client, "fake") as link:
        for number in range(500):
            said(host.transports[0], 92, 1000 + number, 1, texts=2)
            said(host.transports[0], 91, 1000 + number, 1, 1, 1)
        assert ping(link).endswith(b"OK")
        assert as_any(link.transport)._refused == {}


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (7, (4_000_000_000,)),  # so many extensions
        (94, (4_000_000_000, 5)),  # data for a channel that there never was
        (91, ()),  # an opened channel without its numbers
        (60, (1,) * 5),  # questions out of turn
        (255, ()),
        (1, (2, 0xFFFFFFFF)),  # a farewell longer than its packet
        (50, (3,)),
        (20, ()),
        (31, ()),
    ],
)
def test_nonsense_ends_the_connection_or_nothing_and_never_hangs(
    client: ClientSide, kind: int, numbers: tuple[int, ...]
) -> None:
    with fake_host(client) as host, linked(client, "fake") as link:
        said(host.transports[0], kind, *numbers)
        try:
            assert ping(link, 1).endswith(b"OK")
        except (TargetError, OSError) as error:
            assert not isinstance(error, TargetError) or error.kind in (Refusal.LOST, Refusal.TIMEOUT)


@pytest.mark.parametrize("noise", [b"\x00" * 500, b"\xff" * 500, b"\x00\x00\x00\x20" + b"x" * 60], ids=["0", "1", "x"])
def test_bytes_that_are_no_packet_end_the_connection(client: ClientSide, noise: bytes) -> None:
    with fake_host(client) as host, linked(client, "fake") as link:
        as_any(host.transports[0]).sock.sendall(noise)
        assert wait_until(lambda: not link.is_well)
        error = link.transport.get_exception()
        assert error is None or isinstance(error, (paramiko.SSHException, EOFError, OSError))


def test_nothing_of_a_connection_is_printed_or_logged(
    client: ClientSide, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with fake_host(client) as host, linked(client, "fake") as link:
        as_any(host.transports[0]).sock.sendall(b"\x00" * 500)
        assert wait_until(lambda: not link.is_well)
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_the_algorithms_are_the_fast_ones_where_the_host_has_them(client: ClientSide) -> None:
    with fake_host(client), linked(client, "fake") as link:
        assert link.transport.local_cipher in ssh_transport.CIPHERS
        assert link.transport.preferred_ciphers[0].endswith("gcm@openssh.com")
        assert "none" not in link.transport.preferred_macs
        assert tuple(link.transport.preferred_compression) == ("none",)


def test_a_connection_is_made_in_one_place_only() -> None:
    root = Path(ssh_transport.__file__).parent
    makers = [path.name for path in root.glob("*.py") if "SshTransport(" in path.read_text()]
    assert sorted(makers) == ["ssh_link.py", "ssh_transport.py"]
    assert issubclass(SshTransport, paramiko.Transport)
    assert isinstance(FakeHost, type)
