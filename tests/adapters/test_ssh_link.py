"""Connections over hops and commands, and to servers that are none: each ends in time, in one line, and all told."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from irkit.adapters.known_hosts import fingerprint
from irkit.adapters.ssh_auth import Login
from irkit.adapters.ssh_cut import CutError
from irkit.adapters.ssh_link import EarlyEndError, NoCommonKeyError, connect
from irkit.core.errors import HostState, Refusal, UsageError
from irkit.engine.deadline import Cancel
from tests.adapters.made_keys import blob_of
from tests.adapters.ssh_servers import fake_host, raw_server
from tests.adapters.ssh_side import Doing, deadline, host_of, linked, refusal, ways
from tests.lab import processes
from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG, Held, wait_released, wait_until
from tests.lab.fixtures import needed
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.setup import ensure_packages

pytestmark = [pytest.mark.engine]
ROOT = (User("root"),)


class Chain(NamedTuple):
    """Hosts, each reached through the one before it alone."""

    first: LabHost
    second: LabHost
    third: LabHost


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    needed()
    ensure_packages()
    with (
        start_host(name="first", users=ROOT) as first,
        start_host(name="second", users=ROOT, behind=first, port=2222) as second,
        start_host(name="third", users=ROOT, behind=second) as third,
    ):
        yield Chain(first, second, third)


@pytest.fixture
def named(client: ClientSide, chain: Chain) -> ClientSide:
    """All three of them known and trusted."""
    client.add(chain.first)
    client.add(chain.second, jump="first")
    client.add(chain.third, jump="second")
    return client


# Hops:


def test_a_host_is_reached_over_one_hop_and_over_two(named: ClientSide, chain: Chain) -> None:
    for name, hops in (("first", 0), ("second", 1), ("third", 2)):
        with linked(named, name) as link:
            assert len(link.hops) == hops
            assert len(link.keys) == hops + 1
            assert link.is_well
            assert link.host_key == blob_of(getattr(chain, name).sshd.key_file("ssh-ed25519").with_suffix(".pub"))


def test_hops_may_be_listed_at_once(named: ClientSide, chain: Chain) -> None:
    named.add(chain.third, "listed", jump="first,second")
    with linked(named, "listed") as link:
        assert len(link.hops) == 2
    with linked(named, "inventory", address="third", jump="first, second") as link:
        assert len(link.hops) == 2


def test_all_of_it_ends_with_the_connection(named: ClientSide, chain: Chain) -> None:
    before = Held()
    with linked(named, "third"):
        assert [host.sessions() for host in chain] == [1, 1, 1]
    assert [host.wait_sessions(0) for host in chain] == [0, 0, 0]
    assert wait_released(before) == {}


def test_the_end_of_a_hop_is_the_end_of_the_connection(named: ClientSide, chain: Chain) -> None:
    with linked(named, "third") as link:
        chain.first.end_sessions()
        assert wait_until(lambda: not link.is_well)
        assert wait_until(lambda: not link.transport.is_active())


def test_an_unknown_key_at_a_hop_names_the_hop_and_nobody_logs_in_there(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first)
    client.add(chain.second, jump="first", trust=False)
    client.add(chain.third, jump="second")
    assert [host.wait_sessions(0) for host in chain] == [0, 0, 0]
    before = len(chain.second.log())
    error = refusal(client, "third")
    assert error.state is HostState.KEY_UNKNOWN
    assert f"the hop {chain.second.address}:2222 on the way to third" in error.reason
    assert fingerprint(blob_of(chain.second.sshd.key_file("ssh-ed25519").with_suffix(".pub"))) in error.reason
    assert "irkit hosts trust third" in error.reason
    assert "Accepted" not in chain.second.log()[before:]
    assert [host.wait_sessions(0) for host in chain] == [0, 0, 0]


def test_a_hop_that_lets_nothing_through_is_named(named: ClientSide, chain: Chain) -> None:
    chain.first.restart_sshd(AllowTcpForwarding="no")
    try:
        error = refusal(named, "second")
    finally:
        chain.first.restart_sshd(AllowTcpForwarding=None)
    assert error.state is HostState.DOWN
    assert f"the hop before {chain.second.address}:2222 does not let connections go on" in error.reason
    assert "AllowTcpForwarding" in error.reason


def test_a_host_that_its_hop_cannot_reach_is_told(named: ClientSide, chain: Chain) -> None:
    error = refusal(named, "closed", address=chain.first.address, port=1, user="root", jump="first")
    assert "cannot reach it" in error.reason


def test_a_hop_that_does_not_let_the_responder_in_is_named(client: ClientSide, chain: Chain, tmp_path: Path) -> None:
    client.add(chain.first, options={"PubkeyAuthentication": "no"})
    client.add(chain.second, jump="first")
    error = refusal(client, "second")
    assert error.state is HostState.AUTH
    assert error.reason.startswith(f"the hop {chain.first.address}:22 on the way to second: root@")


def test_hops_that_go_in_circles_are_a_mistake(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first, "one", jump="two")
    client.add(chain.first, "two", jump="one")
    with pytest.raises(UsageError, match=r"circles|loop") as caught:
        connect(host_of("one"), ways(client), deadline())
    assert "\n" not in str(caught.value)
    assert chain.first.wait_sessions(0) == 0


# Commands:


def test_a_connection_over_a_command_ends_it(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first, options={"ProxyCommand": "socat - TCP:%h:%p"})
    before = Held()
    with linked(client, "first") as link:
        assert link.is_well
        assert len(commands()) == 1
    assert wait_until(lambda: not commands())
    assert chain.first.wait_sessions(0) == 0
    assert wait_released(before) == {}


def commands() -> list[int]:
    """The ProxyCommands of this process."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            found += map(int, (task / "children").read_text().split())
    return [pid for pid in found if "socat" in processes.command(pid)]


def test_a_command_that_cannot_connect_is_told_with_its_last_words(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first, options={"ProxyCommand": "socat - TCP:127.0.0.1:1"})
    error = refusal(client, "first")
    assert "ProxyCommand ended" in error.reason
    assert "Connection refused" in error.reason
    assert wait_until(lambda: not commands())


def test_a_command_that_is_not_there_is_told(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first, options={"ProxyCommand": "/no/such/program %h %p"})
    assert "/no/such/program" in refusal(client, "first").reason


def test_a_first_hop_may_be_reached_over_a_command(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first, options={"ProxyCommand": "socat - TCP:%h:%p"})
    client.add(chain.second, jump="first")
    with linked(client, "second") as link:
        assert link.is_well
    assert chain.second.wait_sessions(0) == 0


# Servers that are none:


def hold(connection: socket.socket) -> None:
    """Keep it until the other side ends."""
    connection.settimeout(LONG)
    while connection.recv(4096):
        pass


def say(*parts: bytes, stays: bool = True) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        if stays:
            hold(connection)
        else:
            connection.close()

    return talk


def endless(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 4096)


SSH = b"SSH-2.0-OpenSSH_9.2\r\n"
BROKEN = {
    "nothing": (say(stays=False), "before any SSH server answered; it may refuse this address for a while"),
    "busy": (say(b"Exceeded MaxStartups\r\n", stays=False), "Exceeded MaxStartups"),
    "penalty": (
        say(b"Not allowed at this time\r\n", stays=False),
        "answered: Not allowed at this time; it may refuse this address for a while",
    ),
    "web": (say(b"HTTP/1.1 400 Bad Request\r\n\r\n", stays=False), "HTTP/1.1 400"),
    "hostile": (say(b"\x1b]0;owned\x07\x9b31m\r\n", stays=False), "before any SSH server answered"),
    "lines": (say(b"x\r\n" * 200), "does not speak SSH"),
    "no line": (endless, "does not speak SSH"),
    "old": (say(b"SSH-1.5-old\r\n"), "no algorithm"),
    "half": (say(b"SSH-2.0\r\n"), "does not speak SSH"),
    "then nothing": (say(SSH, stays=False), "raw: the connection was cut during the key exchange: "),
    "huge": (say(SSH, b"\xff\xff\xff\xfc" + b"x" * 64), "bytes, where"),
    "tiny": (say(SSH, b"\x00\x00\x00\x00" * 8), "as it should"),
    "noise": (say(SSH, bytes(range(256)) * 8), "as it should"),
    "mute": (hold, "does not end the handshake"),
    "half way": (say(SSH), "does not end the handshake"),
    "cut short": (say(SSH, b"\x00\x00\x01\x04" + b"\x04\x14" + b"x" * 20), "does not end the handshake"),
    "no lists": (say(SSH, b"\x00\x00\x00\x1c\x0a\x14" + b"x" * 26), "no acceptable kex"),
    "goodbye": (say(SSH, b"\x00\x00\x00\x14\x05\x01\x00\x00\x00\x02\x00\x00\x00\x05later" + b"x" * 5), "later"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_whatever_answers_there_is_an_end_in_one_line(client: ClientSide, kind: str) -> None:
    talk, said = BROKEN[kind]
    with raw_server(client, talk):
        if said == "does not end the handshake":
            client.config.write_text(f"Host raw\n    ConnectTimeout 1\n{client.config.read_text()}")
        before = Held()
        error = refusal(client, "raw")
        assert error.state is HostState.DOWN
        assert said in error.reason, error.reason
        assert "127.0.0.1:" in error.reason
        # One socket more there may be: the one that the server keeps.
        assert wait_until(lambda: Held().more(before) in ({}, {"socket": 1})), Held().more(before)


def test_a_place_that_is_a_name_too_is_told_once(client: ClientSide) -> None:
    with raw_server(client, BROKEN["nothing"][0]) as port:
        reason = refusal(client, f"127.0.0.1:{port}", address="127.0.0.1", port=port).reason
    assert reason.startswith(f"127.0.0.1:{port} ended the connection before any SSH server answered")


def test_a_host_that_takes_no_more_connections_is_told_apart(client: ClientSide) -> None:
    with raw_server(client, BROKEN["busy"][0]):
        assert isinstance(refusal(client, "raw"), EarlyEndError)
    with raw_server(client, BROKEN["then nothing"][0], "other"):
        error = refusal(client, "other")
        assert isinstance(error, CutError) and not isinstance(error, EarlyEndError)


def test_the_time_that_is_configured_for_connecting_bounds_the_handshake_too(client: ClientSide) -> None:
    with raw_server(client, hold):
        client.config.write_text(f"Host raw\n    ConnectTimeout 1\n{client.config.read_text()}")
        connecting = Doing(connect, host_of("raw"), ways(client), deadline(60))
        assert connecting.ended()
        assert connecting.error is not None
        assert connecting.error.reason.endswith("does not end the handshake within 1 s")


@pytest.mark.parametrize("talk", [hold, say(SSH)], ids=["mute", "greets"])
def test_being_told_to_stop_ends_a_handshake(client: ClientSide, talk: Callable[[socket.socket], None]) -> None:
    with raw_server(client, talk):
        cancel = Cancel()
        connecting = Doing(connect, host_of("raw"), ways(client), deadline(60, cancel))
        time.sleep(0.3)
        cancel.set()
        assert connecting.ended()
        assert connecting.error is not None
        assert connecting.error.kind is Refusal.CANCELLED


def test_time_that_is_up_ends_a_handshake(client: ClientSide) -> None:
    with raw_server(client, hold):
        connecting = Doing(connect, host_of("raw"), ways(client), deadline(0.5))
        assert connecting.ended()
        assert connecting.error is not None
        assert connecting.error.kind is Refusal.TIMEOUT


def test_a_host_without_a_key_of_the_wanted_type_is_told(client: ClientSide) -> None:
    with fake_host(client):  # which has an Ed25519 key only
        client.config.write_text(f"Host fake\n    HostKeyAlgorithms rsa-sha2-512\n{client.config.read_text()}")
        assert isinstance(refusal(client, "fake"), NoCommonKeyError)


def test_a_host_whose_link_is_down_is_unreachable_in_the_time_there_is(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first)
    client.add(chain.first, "hasty", options={"ConnectTimeout": "1"})
    chain.first.link_down()
    try:
        error = refusal(client, "hasty")
        assert "does not answer" in error.reason
        cancel = Cancel()
        connecting = Doing(connect, host_of("first"), ways(client), deadline(60, cancel))
        cancel.set()
        assert connecting.ended()
        assert connecting.error is not None
        assert connecting.error.kind is Refusal.CANCELLED
    finally:
        chain.first.link_up()
        chain.first.end_sessions()
    with linked(client, "first") as link:
        assert link.is_well


def test_an_interrupt_while_connecting_leaves_nothing_open(client: ClientSide, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with fake_host(client) as host:
        before = Held()
        monkeypatch.setattr(Login, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            connect(host_of("fake"), ways(client), deadline())
        for transport in host.transports:
            transport.join(LONG)
        assert wait_released(before) == {}


def test_notes_of_the_settings_and_of_known_hosts_are_the_links(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first)
    client.trust("this is no line of known_hosts")
    with linked(client, "first") as link:
        assert any("known_hosts" in note for note in link.notes), link.notes


def test_many_at_once_are_as_many_connections(client: ClientSide, chain: Chain) -> None:
    client.add(chain.first)
    way, links = ways(client), []
    lock = threading.Lock()

    def one() -> None:
        link = connect(host_of("first"), way, deadline())
        with lock:
            links.append(link)

    threads = [Doing(one) for _ in range(6)]
    assert all(each.ended() for each in threads)
    assert [each.error for each in threads] == [None] * 6
    assert chain.first.wait_sessions(6) == 6
    for link in links:
        link.end()
    assert chain.first.wait_sessions(0) == 0
